"""Whatever the draft, the cache and the company: an answer is what `generate` writes, to the token.

Over 700 replies of 1 to 60 sentences, laid out as in the paper, each sentence with a draft that is right or was edited.
"""

import random
from functools import cache, partial

import pytest
from transformers import AutoModelForCausalLM

from stream_aligner_lc.sums.problems import closing
from tests.engine.replies import LIMIT, answered, at_once, completed, edited, engine_for, replies
from tests.local.small_models import random_model
from tests.sums.judged import CORRECTING, correcting, judged_problems

KINDS = ("llama", "qwen2", "qwen3", "gemma2", "gemma3", "mistral")
RATES = (0, 0.1, 0.5)
ONE_TOKEN = 2 * 4 * 2 * 8 * 8
# Nothing is ever let go; a few of the texts stay; none does.
KEPT_BYTES = {"all": 1 << 30, "some": 4 * 128 * ONE_TOKEN, "none": 0}

every_rate = pytest.mark.parametrize("rate", RATES)


def correct(engine, sentence, rate, rng, limit=LIMIT):
    """Have a sentence corrected, compare the answer with that of `generate`, and return what it took."""
    done = completed(engine, sentence.prompt, edited(sentence.answer, rate, rng), limit)
    assert (done.ids, done.is_finished) == (sentence.answer, sentence.is_finished)
    return done.effort


def interleaved(asked, rng):
    """Yield the sentences of all replies, in order within each, the replies in any order."""
    waiting = [list(reply) for reply in asked]
    while waiting := [reply for reply in waiting if reply]:
        yield rng.choice(waiting).pop(0)


@pytest.mark.parametrize("kept", KEPT_BYTES)
@every_rate
@pytest.mark.parametrize("kind", KINDS)
def test_interleaved_replies_are_answered_as_generate_answers_them(kind, rate, kept):
    rng = random.Random(f"{kind} {rate} {kept}")
    engine = engine_for(random_model(kind), kept_bytes=KEPT_BYTES[kept])
    for sentence in interleaved(replies(kind, seed=kept), rng):
        correct(engine, sentence, rate, rng)
    # What is kept fits into what was allowed, whatever was read.
    assert engine._decoder.memory.num_bytes <= KEPT_BYTES[kept]


@pytest.mark.parametrize("kind", KINDS)
def test_some_answers_come_to_an_end_and_some_do_not(kind):
    ends = [sentence.is_finished for kept in KEPT_BYTES for reply in replies(kind, seed=kept) for sentence in reply]
    assert len(ends) / 20 < sum(ends) < len(ends) * 19 / 20


@pytest.mark.parametrize("kind", KINDS)
def test_an_unchanged_sentence_takes_one_pass_over_what_is_new(kind):
    rng, engine = random.Random(kind), engine_for(random_model(kind))
    asked = replies(kind, seed="all")
    starts = {id(reply[0]) for reply in asked}
    for sentence in interleaved(asked, rng):
        effort = correct(engine, sentence, 0, rng)
        assert effort.passes == 1
        assert effort.tokens_fed + effort.tokens_reused == len(sentence.prompt) + effort.tokens_drafted
        assert effort.tokens_drafted == effort.tokens_accepted == min(len(sentence.answer), LIMIT - 1)
        if id(sentence) not in starts:
            assert effort.cache_hits == 1
            assert effort.tokens_reused >= len(sentence.prompt) - sentence.num_new


@pytest.mark.parametrize("kind", KINDS)
def test_drafts_are_accepted_wholly_partly_and_hardly(kind):
    rng, engine = random.Random(kind), engine_for(random_model(kind))
    efforts = [correct(engine, sentence, 0.5, rng) for sentence in interleaved(replies(kind, seed="all"), rng)]
    passes = [effort.passes for effort in efforts]
    assert min(passes) == 1
    assert 2 in passes
    assert max(passes) > 4
    # What was guessed wrong was forgotten again.
    assert sum(effort.tokens_accepted for effort in efforts) < sum(effort.tokens_drafted for effort in efforts)


@every_rate
@pytest.mark.parametrize("kind", ["llama", "gemma3", "mistral"])
def test_the_sixtieth_sentence_of_a_reply_takes_no_more_than_the_second(kind, rate):
    limit, rng, engine = 8, random.Random(f"{kind} {rate}"), engine_for(random_model(kind))
    (reply,) = replies(kind, lengths=(60,), limit=limit)
    first, *others = (correct(engine, sentence, rate, rng, limit) for sentence in reply)
    # No prompt has more than 8 + 6 + 9 new tokens, whatever stands before them.
    assert first.tokens_fed + first.tokens_reused >= len(reply[0].prompt)
    assert len(reply[-1].prompt) > 200
    if rate == 0:
        assert all(effort.passes == 1 for effort in others)
        assert all(effort.tokens_fed <= 23 + limit for effort in others)
    else:
        assert all(effort.passes <= limit for effort in others)


@pytest.mark.parametrize("kept", KEPT_BYTES)
@pytest.mark.parametrize("kind", ["llama", "gemma3", "mistral"])
def test_eight_threads_with_a_reply_each_are_answered_as_generate_answers_them(kind, kept):
    engine = engine_for(random_model(kind), kept_bytes=KEPT_BYTES[kept])

    def read(number, reply):
        rng = random.Random(f"{kind} {kept} {number}")
        return [correct(engine, sentence, 0.5, rng) for sentence in reply]

    asked = replies(kind, seed=kept)
    # As long ones as can be, so that they run side by side.
    efforts = at_once(*(partial(read, number, reply + asked[~number]) for number, reply in enumerate(asked)))
    assert [len(each) for each in efforts] == [9] * 8


@pytest.mark.parametrize("kind", ["qwen3", "gemma2", "mistral"])
def test_two_engines_that_share_one_model_do_not_meet(kind):
    model = random_model(kind)
    engines = [engine_for(model), engine_for(model, kept_bytes=KEPT_BYTES["some"])]

    def read(number, reply):
        rng = random.Random(f"{kind} {number}")
        return [correct(engines[number % 2], sentence, 0.5, rng) for sentence in reply]

    asked = replies(kind, seed="some")
    at_once(*(partial(read, number, reply + asked[~number]) for number, reply in enumerate(asked)))
    assert engines[0]._decoder.rounds is engines[1]._decoder.rounds
    assert engines[0]._decoder.memory is not engines[1]._decoder.memory


@cache
def reference_of_sums():
    return AutoModelForCausalLM.from_pretrained(CORRECTING, dtype="float32").eval()


@pytest.fixture
def aligner():
    return correcting(dtype="float32")


@cache
def solved(number, rate):
    """Return the drafts of a problem with the prompts, the answers of `generate`, and the drafts as ids."""
    form = correcting(dtype="float32").load()._corrector.form
    ends = frozenset({form.encoder.end_of_answer})
    problem = judged_problems(24, seed=5)[number]
    rng, released, told = random.Random(f"{number} {rate}"), "", []
    for step in (*problem.steps, None):
        slip = rng.choice((-10, 10, 1, -2)) if rng.random() < rate else 0
        draft = closing(problem.answer + slip) if step is None else step.said(step.after + slip)
        prompt = form.prompt(problem.question, released, draft)
        answer, is_finished = answered(reference_of_sums(), prompt, 40, ends)
        told.append((prompt, form.answer(draft), answer, is_finished))
        released = f"{released} {form.read(answer)}".strip()
    return told


@pytest.mark.parametrize("kept", KEPT_BYTES)
@every_rate
def test_a_trained_aligner_answers_as_generate_does(aligner, rate, kept):
    engine = aligner.load()._corrector.engine
    aligner._local.load().decoder.memory.kept_bytes = KEPT_BYTES[kept]
    rng = random.Random(f"{rate} {kept}")
    efforts = []
    for prompt, draft, answer, is_finished in interleaved([solved(number, rate) for number in range(24)], rng):
        done = completed(engine, prompt, draft, 40)
        assert (done.ids, done.is_finished) == (answer, is_finished)
        efforts.append((done.effort.passes, answer == draft))
    assert all(passes == 1 for passes, is_unchanged in efforts if is_unchanged)
    assert rate == 0 or any(passes > 1 for passes, _ in efforts)


def test_eight_threads_are_answered_by_a_trained_aligner_as_generate_answers_them(aligner):
    engine = aligner.load()._corrector.engine

    def solve(first):
        told = [each for number in range(first, 24, 8) for each in solved(number, 0.5)]
        assert [completed(engine, prompt, draft, 40).ids for prompt, draft, _, _ in told] == [each[2] for each in told]
        return len(told)

    assert sum(at_once(*(partial(solve, first) for first in range(8)))) > 24 * 3
