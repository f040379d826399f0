"""Sampled answers come as often as the model says, whatever the draft; a seed makes them come again."""

import itertools
from collections import Counter
from functools import cache, partial
from math import sqrt

import pytest
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from stream_aligner_lc.local.completions import Prompt
from stream_aligner_lc.local.sampling import make_choice
from tests.engine.replies import NEVER, PROMPT, at_once, completed, engine_for
from tests.local.small_models import model_of, random_model

SIZE, LENGTH, END, TEMPERATURE = 6, 3, 5, 0.8
TEXT = [1, 4]
NUM_DRAWS = 6000
CPU = torch.device("cpu")


@cache
def tiny():
    """Return a model whose answers of three tokens can all be counted."""
    config = LlamaConfig(
        vocab_size=SIZE, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16, bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval().double()
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.35)
    return model


@cache
@torch.inference_mode()
def probabilities():
    """Return how probable every answer is, from one pass over each of the 216 that could be written."""
    every = list(itertools.product(range(SIZE), repeat=LENGTH))
    logits = tiny()(input_ids=torch.tensor([[*TEXT, *answer] for answer in every])).logits
    steps = (logits / TEMPERATURE).softmax(-1)[:, len(TEXT) - 1 : -1]
    found = Counter()
    for answer, rows in zip(every, steps, strict=True):
        said = answer[: answer.index(END)] if END in answer else answer
        probability = 1.0
        for token, row in zip(answer, rows, strict=True):
            probability *= float(row[token])
        # All that would have come after the end add up to one.
        found[said, END in answer] += probability
    return found


@cache
def config_of(temperature):
    return GenerationConfig(do_sample=True, temperature=temperature)


def make(temperature, seed, num_tokens):
    return make_choice(config_of(temperature), device=CPU, seed=seed, num_tokens=num_tokens)


def drawn(draft, *, first_seed=0, num_draws=NUM_DRAWS, bias=None):
    """Count the answers to one prompt, every time with another seed."""
    seeds = itertools.count(first_seed)

    def make_one(num_tokens):
        choose = make(TEMPERATURE, next(seeds), num_tokens)
        return partial(bias, choose) if bias else choose

    # With room for 16 texts, and for hardly any more that are kept.
    engine = engine_for(tiny(), ends=frozenset({END}), make_choice=make_one, kept_bytes=400_000)
    found = Counter()
    while found.total() < num_draws:
        for done in engine.complete_each([Prompt(TEXT, draft, LENGTH)] * 16, stopped=NEVER):
            found[tuple(done.ids), done.is_finished] += 1
    return found


def chi_square(found, expected):
    """Return the statistic, and its 1e-4 critical value (Wilson and Hilferty's approximation)."""
    total = found.total()
    rare = {answer for answer, probability in expected.items() if probability * total < 5}
    cells = [(found[answer], expected[answer] * total) for answer in expected.keys() - rare]
    cells.append((sum(found[answer] for answer in rare), sum(expected[answer] for answer in rare) * total))
    statistic = sum((count - mean) ** 2 / mean for count, mean in cells if mean)
    freedom = len(cells) - 1
    assert freedom > 20
    return statistic, freedom * (1 - 2 / (9 * freedom) + 3.719 * sqrt(2 / (9 * freedom))) ** 3


def extremes():
    """Return the most and the least probable answer of three tokens."""
    whole = {said: each for (said, is_finished), each in probabilities().items() if not is_finished}
    return max(whole, key=whole.get), min(whole, key=whole.get)


def test_every_answer_has_a_probability_and_they_differ():
    expected = probabilities()
    assert sum(expected.values()) == pytest.approx(1)
    best, worst = extremes()
    assert expected[best, False] > 20 * expected[worst, False]


@pytest.mark.parametrize(("kind", "first_seed"), [("likely", 0), ("unlikely", 1e5), ("ended", 2e5), ("none", 3e5)])
def test_answers_are_drawn_as_often_as_the_model_says_whatever_the_draft(kind, first_seed):
    best, worst = extremes()
    draft = {"likely": best, "unlikely": worst, "ended": (best[0], END, best[1]), "none": ()}[kind]
    statistic, critical = chi_square(drawn(draft, first_seed=int(first_seed)), probabilities())
    assert statistic < critical


def keep_always(draft, choose, logits, ids):
    """Say what the draft says."""
    return draft[len(ids) - len(TEXT)]


def keep_on_a_second_throw(draft, choose, logits, ids):
    """Throw once more where the draft did not come, and say it if it comes then."""
    first, second = choose(logits, ids), choose(logits, ids)
    drafted = draft[len(ids) - len(TEXT)]
    return drafted if drafted == second else first


@pytest.mark.parametrize("bias", [keep_always, keep_on_a_second_throw])
def test_the_count_would_show_a_draft_that_is_kept_too_often(bias):
    best, _ = extremes()
    found = drawn(best, bias=partial(bias, best), num_draws=NUM_DRAWS // 2)
    statistic, critical = chi_square(found, probabilities())
    assert statistic > critical


def test_tokens_beyond_the_fifty_most_probable_are_drawn_too():
    model, said = random_model(), Counter()
    for seed in range(60):
        engine = sampling(model, seed=seed, temperature=50.0, ends=frozenset())
        said.update(completed(engine, [3], [], 1).ids)
    # 60 draws of 96 nearly equal tokens; of 50 there would be 35.
    assert len(said) > 40


def sampling(model, *, seed=7, temperature=1.5, **options):
    return engine_for(model, make_choice=partial(make, temperature, seed), **options)


ASKED = [PROMPT, PROMPT[:9], PROMPT[::-1], [*PROMPT[:20], 7, 8], [*PROMPT[:20], 8, 7]]


@cache
def alone(kind, number, seed=7):
    """Return the answer of an engine that has read nothing else, without a draft."""
    return completed(sampling(model_of(kind), seed=seed), ASKED[number], [])[:2]


@pytest.mark.parametrize("kind", ["llama", "gemma2", "mistral", "mamba", "phi3"])
@pytest.mark.parametrize("kept_bytes", [0, 1 << 30])
def test_the_same_seed_draws_the_same_answer_whatever_was_read_or_guessed_before(kind, kept_bytes):
    engine = sampling(model_of(kind), kept_bytes=kept_bytes)
    expected = [alone(kind, number) for number in range(len(ASKED))]
    for order in ((0, 1, 2, 3, 4), (4, 3, 0, 0, 2, 1)):
        for number in order:
            right = expected[number][0]
            for draft in (right, [], right[:2], [9, *right], ASKED[0]):
                assert completed(engine, ASKED[number], draft)[:2] == expected[number]


@pytest.mark.parametrize("kind", ["llama", "gemma2", "bloom"])
def test_the_same_seed_draws_the_same_answer_whoever_else_decodes(kind):
    engine = sampling(model_of(kind))
    expected = [alone(kind, number) for number in range(len(ASKED))]

    def ask(number, draft):
        return [completed(engine, ASKED[number], draft)[:2] for _ in range(3)]

    drafts = ([], PROMPT)
    asked = list(itertools.product(range(len(ASKED)), drafts))
    answers = at_once(*(partial(ask, number, draft) for number, draft in asked))
    assert answers == [[expected[number]] * 3 for number, _ in asked]
    together = engine.complete_each([Prompt(ids, [], 12) for ids in ASKED], stopped=NEVER)
    assert [done[:2] for done in together] == expected


def test_another_seed_draws_other_answers_and_none_draws_a_new_one_every_time():
    assert len({tuple(alone("llama", 0, seed)[0]) for seed in range(5)}) == 5
    # No answer may end early: one in twenty would be empty, and two empty ones are alike.
    engine = sampling(random_model(), seed=None, ends=frozenset())
    assert len({tuple(completed(engine, PROMPT, []).ids) for _ in range(5)}) == 5


@pytest.mark.parametrize("kind", ["llama", "mistral", "phi3"])
def test_a_token_that_is_read_beside_others_is_the_one_that_is_drawn_alone(kind):
    engine = sampling(model_of(kind))
    ids, places = PROMPT, [12, 20, 26, 30]
    tokens, _ = engine.tokens_after(ids, places, stopped=NEVER)
    one_by_one = [engine.tokens_after(ids[:place], [place], stopped=NEVER)[0] for place in places]
    assert tokens == [token for (token,) in one_by_one]
