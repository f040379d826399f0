"""Replies of several sentences as an aligner is asked about them, and what `generate` answers to every sentence."""

import random
import threading
from functools import cache
from typing import NamedTuple

from stream_aligner_lc.local.completions import Prompt
from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.engine import DraftingEngine
from tests.local.small_models import generated, random_model

LIMIT = 12
VOCABULARY = 96
# As many that about half of all answers end before the limit.
ENDS = frozenset({5, 17, 29, 41, 53, 65})
_MARK = [1, 94, 95]
PROMPT = [3 + number * 37 % 89 for number in range(30)]
NEVER = threading.Event()


class Sentence(NamedTuple):
    """What the engine is asked, and what `generate` answers."""

    prompt: list[int]
    answer: list[int]
    is_finished: bool
    num_new: int
    """How many tokens of the prompt stand in no earlier prompt of the reply: what was released since, the sentence."""


def answered(model, prompt, limit=LIMIT, ends=ENDS):
    """Return what `generate` writes after the prompt, without the token that ends it, and whether there was one."""
    said = generated(model, prompt, limit, eos_token_id=sorted(ends) or None)
    return (said[:-1], True) if said[-1] in ends else (said, False)


@cache
def replies(kind, *, seed=0, lengths=(1, 2, 3, 4, 5, 6, 7, 8), limit=LIMIT):
    """Return replies of so many sentences in the layout of the paper: question, released text, mark, sentence, mark.

    The texts are random, but for the released one, which is made of the answers. A model of its own answers them.
    """
    model, rng = random_model(kind), random.Random(f"{kind} {seed}")
    return [_reply(model, rng, length, limit) for length in lengths]


def _reply(model, rng, num_sentences, limit):
    question, released, sentences = _text(rng, 4, 24), list[int](), list[Sentence]()
    num_before = 0
    for _ in range(num_sentences):
        last = _text(rng, 3, 9)
        prompt = question + released + _MARK + last + _MARK[::-1]
        answer, is_finished = answered(model, prompt, limit)
        num_known = len(question) + num_before if sentences else 0
        sentences.append(Sentence(prompt, answer, is_finished, len(prompt) - num_known))
        num_before = len(released)
        released = released + answer
    return sentences


def _text(rng, shortest, longest):
    return [rng.randrange(6, VOCABULARY) for _ in range(rng.randint(shortest, longest))]


def edited(answer, rate, rng):
    """Return the answer, or with the probability `rate` what it was before somebody had edited it."""
    draft = list(answer)
    if rng.random() >= rate:
        return draft
    for _ in range(rng.choice((1, 1, 2, 3))):
        place, length = rng.randint(0, len(draft)), rng.choice((1, 1, 2, 4))
        kind = rng.choice(("substitute", "insert", "delete"))
        new = [] if kind == "delete" else _text(rng, length, length)
        draft[place : place + (0 if kind == "insert" else length)] = new
    return draft


def engine_for(model, *, kept_bytes=1 << 30, ends=ENDS, **options):
    """Return an engine of its own decoder; every third token begins a word."""
    decoder = Decoder(model, kept_bytes=kept_bytes)
    return DraftingEngine(decoder, ends, starts_word=lambda token: token % 3 == 0, **options)


def completed(engine, ids, draft, limit=LIMIT, *, stopped=NEVER):
    """Return the one answer to one prompt."""
    (done,) = engine.complete_each([Prompt(ids, draft, limit)], stopped=stopped)
    return done


def at_once(*calls, seconds=60):
    """Call functions in threads that start together, and return what they return; the first error is raised."""
    results, faults, together = [None] * len(calls), [], threading.Barrier(len(calls))

    def work(number):
        together.wait()
        try:
            results[number] = calls[number]()
        except Exception as fault:  # noqa: BLE001  # it is raised in the test
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive(), "a call never came to an end"
    if faults:
        raise faults[0]
    return results
