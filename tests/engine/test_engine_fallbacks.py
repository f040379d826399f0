"""Where a cache cannot be cut, a pass not be shared, or a draft is odd, the answer only takes longer."""

import random
from functools import partial

import pytest

from stream_aligner_lc.local import decoding
from tests.engine.replies import ENDS, LIMIT, PROMPT, answered, at_once, completed, edited, engine_for, replies
from tests.local.small_models import CROPPABLE, EVERY, LONGROPE, RECURRENT, Watch, model_of, random_model

NO_PACKING = ["gemma3n", "bloom"]


def prompts(kind, count=6, longest=40):
    rng = random.Random(kind)
    return [[rng.randrange(6, 96) for _ in range(rng.randint(5, longest))] for _ in range(count)]


def agrees(engine, reference, prompt, draft, limit=LIMIT, ends=ENDS):
    """Compare with `generate`, and return what it took."""
    done = completed(engine, prompt, draft, limit)
    assert (done.ids, done.is_finished) == answered(reference, prompt, limit, ends)
    return done.effort


@pytest.mark.parametrize("rate", [0, 1])
@pytest.mark.parametrize("kind", [*RECURRENT, *LONGROPE, *NO_PACKING])
def test_an_architecture_with_its_own_ways_answers_as_generate_does(kind, rate):
    engine, reference, rng = engine_for(model_of(kind)), model_of(kind), random.Random(kind)
    for prompt in prompts(kind):
        answer, _ = answered(reference, prompt)
        effort = agrees(engine, reference, prompt, edited(answer, rate, rng))
        assert rate == 1 or effort.passes == 1


@pytest.mark.parametrize("kind", RECURRENT)
def test_what_cannot_be_cut_is_read_anew_after_a_wrong_guess_and_not_guessed_at_again(kind):
    engine, reference = engine_for(model_of(kind), ends=frozenset()), model_of(kind)
    answer, _ = answered(reference, PROMPT, LIMIT, frozenset())
    wrong = [(token + 1) % 96 if at == 4 else token for at, token in enumerate(answer)]
    effort = agrees(engine, reference, PROMPT, wrong, ends=frozenset())
    assert effort.tokens_accepted >= 4
    assert effort.passes <= LIMIT - 4
    assert effort.tokens_reused == 0
    if engine._decoder.passes.remembers:
        assert effort.tokens_drafted == LIMIT - 1


@pytest.mark.parametrize("draft_from", ["answer", "other"])
@pytest.mark.parametrize("length", [20, 52, 56, 60, 63, 64, 65, 70, 100])
@pytest.mark.parametrize("kind", LONGROPE)
def test_a_draft_across_the_length_where_positions_change_is_answered_as_by_generate(kind, length, draft_from):
    reference, engine = model_of(kind), engine_for(model_of(kind), ends=frozenset())
    prompt = (PROMPT * 4)[:length]
    draft, _ = answered(reference, prompt if draft_from == "answer" else PROMPT[::-1], LIMIT, frozenset())
    for _ in range(2):
        agrees(engine, reference, prompt, draft, ends=frozenset())
        # And back again, from what was read before.
        agrees(engine, reference, prompt[:18], draft, ends=frozenset())


@pytest.mark.parametrize("kind", NO_PACKING)
def test_threads_whose_passes_cannot_be_shared_are_answered_one_after_the_other(kind):
    model = random_model(kind)
    engine, watch = engine_for(model), Watch(model)
    asked = replies(kind, seed="threads", lengths=(3, 3, 3, 3, 3, 3))

    def read(number, reply):
        rng = random.Random(f"{kind} {number}")
        for sentence in reply:
            done = completed(engine, sentence.prompt, edited(sentence.answer, 0.5, rng))
            assert (done.ids, done.is_finished) == (sentence.answer, sentence.is_finished)

    at_once(*(partial(read, number, reply) for number, reply in enumerate(asked)))
    assert not engine._decoder.rounds.worker.packing.is_possible
    assert watch.most_at_once == 1


@pytest.mark.parametrize("kind", ["mamba", "qwen3_5", "rwkv", "recurrent_gemma"])
def test_threads_with_a_recurrent_model_do_not_meet(kind):
    engine, reference, rng = engine_for(model_of(kind)), model_of(kind), random.Random(kind)
    asked = [(prompt, *answered(reference, prompt)) for prompt in prompts(kind, 6, 20)]
    drafts = [edited(answer, 0.5, rng) for _, answer, _ in asked]
    calls = [partial(completed, engine, each[0], draft) for each, draft in zip(asked, drafts, strict=True)]
    assert [(done.ids, done.is_finished) for done in at_once(*calls)] == [each[1:] for each in asked]


@pytest.fixture(scope="module")
def long_answers():
    return {kind: answered(random_model(kind), PROMPT, 600, frozenset())[0] for kind in ("llama", "mistral")}


# The pieces end after 482 tokens of the draft.
@pytest.mark.parametrize("edit", [None, 100, 481, 482, 483, 598, 599])
@pytest.mark.parametrize("kind", ["llama", "mistral"])
def test_a_draft_longer_than_a_piece_is_read_in_pieces(kind, edit, long_answers):
    answer = long_answers[kind]
    draft = [(token + 1) % 96 if at == edit else token for at, token in enumerate(answer)]
    done = completed(engine_for(random_model(kind), ends=frozenset()), PROMPT, draft, 600)
    assert (done.ids, done.is_finished) == (answer, False)
    if edit in (None, 599):
        # The last token within the limit is never guessed.
        assert (done.effort.passes, done.effort.tokens_fed) == (2, 30 + 599)
    else:
        assert 2 <= done.effort.passes < 20
        assert done.effort.tokens_accepted > 580


@pytest.mark.parametrize("kind", [*CROPPABLE, "mamba", "phi3"])
def test_pieces_of_any_size_change_nothing(kind, monkeypatch):
    reference, rng = model_of(kind), random.Random(kind)
    asked = [(prompt, answered(reference, prompt)) for prompt in prompts(kind)]
    for size in (1, 7, 16):
        monkeypatch.setattr(decoding, "_CHUNK", size)
        engine = engine_for(model_of(kind))
        for prompt, expected in asked:
            assert completed(engine, prompt, edited(expected[0], 0.5, rng))[:2] == expected


@pytest.mark.parametrize("kind", EVERY)
def test_a_prompt_of_one_token_is_answered(kind):
    engine = engine_for(model_of(kind))
    for token in (7, 90):
        # A new copy each time: `generate` lets one recurrent model go on from what it read last.
        expected = answered(model_of(kind), [token])
        for draft in (expected[0], [], [9, 9]):
            assert completed(engine, [token], draft)[:2] == expected


@pytest.mark.parametrize("kind", EVERY)
def test_without_a_draft_every_token_is_a_pass(kind):
    model = model_of(kind)
    engine, watch = engine_for(model, ends=frozenset()), Watch(model)
    effort = agrees(engine, model_of(kind), PROMPT, [], ends=frozenset())
    assert effort.tokens_drafted == 0
    assert effort.passes == watch.count == LIMIT


@pytest.mark.parametrize("kind", EVERY)
def test_a_draft_that_has_nothing_of_the_answer_changes_nothing(kind):
    engine, reference = engine_for(model_of(kind), ends=frozenset()), model_of(kind)
    answer, _ = answered(reference, PROMPT, LIMIT, frozenset())
    foreign = next(token for token in range(6, 96) if token not in answer)
    effort = agrees(engine, reference, PROMPT, [foreign] * 30, ends=frozenset())
    assert effort.tokens_accepted == 0
    assert effort.passes == LIMIT


@pytest.mark.parametrize("kind", EVERY)
def test_a_limit_of_one_token_is_one_pass(kind):
    engine, reference = engine_for(model_of(kind)), model_of(kind)
    for prompt in prompts(kind, 3):
        said, is_finished = answered(reference, prompt, 1)
        for draft in ([], said, [9] * 9):
            done = completed(engine, prompt, draft, 1)
            assert (done.ids, done.is_finished, done.effort.passes) == (said, is_finished, 1)


@pytest.mark.parametrize("place", [0, 1, 5, 11])
@pytest.mark.parametrize("kind", ["llama", "gemma2", "bloom", "mamba", "phi3"])
def test_an_end_inside_the_draft_ends_the_answer_only_where_the_model_ends_it(kind, place):
    reference = model_of(kind)
    said, _ = answered(reference, PROMPT, LIMIT, frozenset())
    first = said.index(said[place])
    ends = frozenset({said[place]})
    # The draft goes on after the end that the model says.
    engine = engine_for(model_of(kind), ends=ends)
    effort = agrees(engine, reference, PROMPT, [*said, 9, 9], ends=ends)
    assert effort.passes == 1
    done = completed(engine, PROMPT, said)
    assert (done.ids, done.is_finished) == (said[:first], True)
    # The draft ends where the model goes on.
    foreign = next(token for token in range(6, 96) if token not in said)
    ends = frozenset({foreign})
    engine = engine_for(model_of(kind), ends=ends)
    agrees(engine, reference, PROMPT, [*said[:place], foreign, *said[place:]], ends=ends)


@pytest.mark.parametrize("limit", [1, 2, 5, 11, 12])
def test_an_answer_is_cut_at_its_limit_wherever_its_draft_ends(limit):
    engine, reference = engine_for(random_model(), ends=frozenset()), random_model()
    said, _ = answered(reference, PROMPT, LIMIT, frozenset())
    for length in (limit - 1, limit, limit + 1, LIMIT):
        done = completed(engine, PROMPT, said[:length], limit)
        assert (done.ids, done.is_finished) == (said[:limit], False)


def test_the_last_token_within_the_limit_may_be_the_end():
    reference = random_model()
    said, _ = answered(reference, PROMPT, LIMIT, frozenset())
    at = next(at for at, token in enumerate(said) if at > 2 and token not in said[:at])
    engine = engine_for(random_model(), ends=frozenset({said[at]}))
    assert completed(engine, PROMPT, said[:at], at + 1)[:2] == (said[:at], True)
    assert completed(engine, PROMPT, said[:at], at)[:2] == (said[:at], False)
