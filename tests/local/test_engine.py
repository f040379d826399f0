"""Guesses are read ahead and change nothing but the number of passes: neither a greedy answer nor a drawn one."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_aligner_lc.local import decoding
from stream_aligner_lc.local.completions import Effort, Prompt, StoppedError
from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.engine import DraftingEngine
from tests.local.small_models import EVERY, Watch, drafts_of, generated, model_of

PROMPT = [3 + number * 37 % 89 for number in range(30)]
COUNT = 8


def engine_of(model=None, *, ends=(), **options):
    decoder = Decoder(model or model_of(), **options)
    return DraftingEngine(decoder, frozenset(ends), starts_word=lambda token: token % 3 == 0)


def complete(engine, *prompts, stopped=None):
    return list(engine.complete_each([Prompt(*prompt) for prompt in prompts], stopped=stopped or threading.Event()))


@pytest.fixture(scope="module")
def greedy_answers():
    return {kind: generated(model_of(kind), PROMPT, COUNT) for kind in EVERY}


@pytest.mark.parametrize("kind", EVERY)
def test_every_architecture_is_completed_as_generate_would_whatever_the_draft(kind, greedy_answers):
    right, engine = greedy_answers[kind], engine_of(model_of(kind))
    for draft in drafts_of(right).values():
        assert complete(engine, (PROMPT, draft, COUNT))[0].ids == right


@settings(max_examples=40)
@given(draft=st.lists(st.integers(0, 95), max_size=12), at=st.integers(0, 12), limit=st.integers(0, 12))
def test_an_answer_is_as_long_as_its_limit_at_most(draft, at, limit):
    plain = generated(model_of(), PROMPT, 12)
    model = model_of()
    watch = Watch(model)
    (done,) = complete(engine_of(model), (PROMPT, plain[:at] + draft, limit))
    assert (done.ids, done.is_finished) == (plain[:limit], False)
    # Nothing is read that could not be said any more.
    assert limit == 0 or watch.fed[0] <= len(PROMPT) + limit - 1


def test_an_answer_ends_before_the_first_token_that_ends_it_guessed_or_not():
    plain = generated(model_of(), PROMPT, 12)
    end = plain[5]
    until = plain[: plain.index(end)]
    for draft in ([], plain, until, [*until, 95]):
        (done,) = complete(engine_of(ends=[end]), (PROMPT, draft, 12))
        assert (done.ids, done.is_finished) == (until, True)


def test_the_engine_writes_what_generate_writes_without_the_model_s_penalties():
    model = model_of()
    plain = generated(model, PROMPT, 12)
    model.generation_config.update(repetition_penalty=1.8, do_sample=True, temperature=2.0)
    (done,) = complete(engine_of(model), (PROMPT, [], 12))
    assert (done.ids, done.is_finished) == (plain, False)
    assert done.effort == Effort(passes=12, tokens_fed=41)


def test_a_draft_that_is_right_takes_one_pass():
    model, plain = model_of(), generated(model_of(), PROMPT, 12)
    watch = Watch(model)
    (done,) = complete(engine_of(model, ends=plain[11:]), (PROMPT, plain[:11], 40))
    assert done.effort == Effort(passes=1, tokens_fed=41, tokens_drafted=11, tokens_accepted=11)
    assert watch.fed == [41]


# A text without a repetition, so that no place of it looks like another.
PLAIN = [1, 49, 59, 10, 38, 70, 24, 36, 79, 13, 28, 47]


@pytest.mark.parametrize(
    ("draft", "effort"),
    [
        pytest.param(
            [*PLAIN[:4], 95, *PLAIN[5:11]],
            Effort(passes=2, tokens_fed=41 + 7, tokens_drafted=11 + 6, tokens_accepted=4 + 6),
            id="exchanged",
        ),
        pytest.param(
            [*PLAIN[:4], 95, *PLAIN[4:11]],
            Effort(passes=2, tokens_fed=42 + 7, tokens_drafted=12 + 6, tokens_accepted=4 + 6),
            id="left out",
        ),
        pytest.param(
            [*PLAIN[:4], *PLAIN[5:11]],
            Effort(passes=3, tokens_fed=40 + 6 + 6, tokens_drafted=10 + 5 + 5, tokens_accepted=4 + 0 + 5),
            id="put in",
        ),
    ],
)
def test_where_one_word_changes_the_rest_of_the_draft_is_guessed_again(draft, effort):
    assert generated(model_of(), PROMPT, 12) == PLAIN
    engine = DraftingEngine(Decoder(model_of()), frozenset(PLAIN[11:]), starts_word=lambda token: True)
    (done,) = complete(engine, (PROMPT, draft, 40))
    assert (done.ids, done.effort) == (PLAIN[:11], effort)


def prompts_with_answers():
    prompts = [PROMPT[start : start + 10] for start in (0, 10, 20)]
    plain = [generated(model_of(), ids, 12) for ids in prompts]
    return prompts, plain


def test_answers_that_are_known_are_read_in_one_pass_together():
    model, (prompts, plain) = model_of(), prompts_with_answers()
    watch, engine = Watch(model), engine_of(model)
    # How much memory a token takes is known once one was read.
    complete(engine, ([7, 8, 9], [], 1))
    before = engine._decoder.rounds.worker.num_passes
    asked = [(ids, answer[:5], 6) for ids, answer in zip(prompts, plain, strict=True)]
    assert [done.ids for done in complete(engine, *asked)] == [answer[:6] for answer in plain]
    assert engine._decoder.rounds.worker.num_passes == before + 1
    assert watch.fed[-1] == 45


def test_where_there_is_no_room_for_all_the_first_answers_are_given():
    prompts, plain = prompts_with_answers()
    asked = [(ids, [], 12) for ids in prompts]
    for num_slabs, num_answers in ((1, 1), (2, 2), (3, 3)):
        engine = engine_of(kept_bytes=num_slabs * 64 * 1024)
        complete(engine, ([7, 8, 9], [], 1))
        assert [done.ids for done in complete(engine, *asked)] == plain[:num_answers]


def test_answers_that_nobody_asks_for_any_more_are_given_up():
    engine, (prompts, plain) = engine_of(), prompts_with_answers()
    complete(engine, ([7, 8, 9], [], 1))
    limits = (2, 9, 9)
    answers = engine.complete_each(
        [Prompt(ids, [], limit) for ids, limit in zip(prompts, limits, strict=True)], stopped=threading.Event()
    )
    assert next(answers).ids == plain[0][:2]
    answers.close()
    assert engine._decoder.rounds.worker.num_passes == 3
    assert not any(text.is_running for text in engine._decoder.memory._texts)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("chunk", [512, 16])
def test_the_tokens_at_several_places_are_those_that_generate_writes_there(kind, chunk, monkeypatch):
    monkeypatch.setattr(decoding, "_CHUNK", chunk)
    ids, places = PROMPT * 3, [28, 29, 45, 60, 90]
    expected = [generated(model_of(kind), ids[:place], 1)[0] for place in places]
    model = model_of(kind)
    engine = engine_of(model)
    if kind == "phi3":
        # Beyond 64 tokens every length has logits of its own.
        places, expected = places[:4], expected[:4]
    watch = Watch(model)
    tokens, effort = engine.tokens_after(ids, places, stopped=threading.Event())
    # Where a text can be read on, one more than was asked for comes with it.
    assert tokens == expected
    assert (effort.passes, effort.tokens_fed) == (watch.count, sum(watch.fed))
    assert sum(watch.fed) == places[-1]
    again, effort = engine.tokens_after(ids[:45], [45], stopped=threading.Event())
    assert again == expected[2:3]
    assert effort.tokens_fed == 45 - effort.tokens_reused


def test_what_was_warmed_is_not_read_again():
    model, plain = model_of(), generated(model_of(), [*PROMPT, 5], 2)
    watch, engine = Watch(model), engine_of(model)
    engine.warm(PROMPT, stopped=threading.Event())
    (done,) = complete(engine, ([*PROMPT, 5], plain[:1], 2))
    assert done.ids == plain
    assert done.effort == Effort(1, tokens_fed=2, tokens_drafted=1, tokens_accepted=1, tokens_reused=30, cache_hits=1)
    engine.warm(PROMPT, stopped=threading.Event())
    assert watch.fed == [30, 2]


@pytest.mark.parametrize("what", ["complete_each", "tokens_after", "warm"])
def test_what_is_stopped_reads_no_further(what):
    model = model_of()
    watch, engine, stopped = Watch(model), engine_of(model), threading.Event()
    model.register_forward_hook(lambda *_: stopped.set())
    calls = {
        "complete_each": lambda: complete(engine, (PROMPT * 60, [], 9), stopped=stopped),
        "tokens_after": lambda: engine.tokens_after(PROMPT * 60, [1000, 1800], stopped=stopped),
        "warm": lambda: engine.warm(PROMPT * 60, stopped=stopped),
    }
    with pytest.raises(StoppedError):
        calls[what]()
    assert watch.fed == [512]
    with pytest.raises(StoppedError):
        calls[what]()
    assert watch.fed == [512]
    assert not any(text.is_running for text in engine._decoder.memory._texts)


def test_threads_that_complete_at_once_get_what_each_gets_alone():
    prompts, plain = prompts_with_answers()
    engine, said, together = engine_of(), {}, threading.Barrier(6)

    def work(number):
        together.wait()
        for turn, (start, end) in enumerate(pairwise((0, 4, 8, 12))):
            ids = prompts[number % 3] + plain[number % 3][:start]
            said[number, turn] = complete(engine, (ids, plain[number % 3][start : end - turn], end - start))[0].ids

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 18
    assert all(ids == plain[number % 3][4 * turn : 4 * turn + 4] for (number, turn), ids in said.items())
