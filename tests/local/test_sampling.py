"""How tokens are chosen: the distribution that the settings describe, the same dice for the same seed, and greedy
exactly as `generate` is."""

import math
from collections import Counter

import pytest
import torch
from transformers import GenerationConfig

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.decoding import Decoder, greedy
from stream_aligner_lc.local.sampling import make_choice
from stream_aligner_lc.local.settings import Settings, configured, settings_of
from tests.local.small_models import generated, random_model

CPU = torch.device("cpu")
LOGITS = torch.tensor([2.0, 1.5, 1.0, 0.5, 0.0, -0.5, -1.0, -30.0])
PROMPT = [3 + number * 37 % 89 for number in range(30)]
DRAWS = 2500


def choice(*, seed=0, num_tokens=10, **config):
    return make_choice(GenerationConfig(**config), device=CPU, seed=seed, num_tokens=num_tokens)


def drawn(count=DRAWS, **config):
    choose = choice(do_sample=True, **config)
    return [choose(LOGITS, [1, 2, 3]) for _ in range(count)]


def wanted(*, temperature=1.0, top_k=0, top_p=1.0):
    """Return the probabilities, by the definitions rather than by the library's code."""
    probabilities = {token: math.exp(float(logit) / temperature) for token, logit in enumerate(LOGITS)}
    ranked = sorted(probabilities, key=probabilities.get, reverse=True)
    kept = ranked[:top_k] if top_k else ranked
    total = sum(probabilities[token] for token in kept)
    so_far, nucleus = 0.0, []
    for token in kept:
        if so_far >= top_p * total:
            break
        nucleus.append(token)
        so_far += probabilities[token]
    return {token: probabilities[token] / so_far for token in nucleus}


def too_far(counts, probabilities):
    """Say whether a chi-square test rejects at one in a thousand (Wilson and Hilferty's approximation)."""
    likely = {token: share * DRAWS for token, share in probabilities.items() if share * DRAWS >= 5}
    statistic = sum((counts[token] - expected) ** 2 / expected for token, expected in likely.items())
    degrees = len(likely) - 1
    spread = 2 / (9 * degrees)
    return statistic > degrees * (1 - spread + 3.09 * math.sqrt(spread)) ** 3


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.5},
        {"temperature": 3.0},
        {"top_k": 3},
        {"top_p": 0.8},
        {"temperature": 2.0, "top_k": 5, "top_p": 0.7},
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", [1, 2])
def test_tokens_are_drawn_with_the_probability_that_the_settings_give_them(settings, seed):
    probabilities = wanted(**settings)
    counts = Counter(drawn(seed=seed, **settings))
    assert set(counts) <= set(probabilities)
    assert not too_far(counts, probabilities)


def test_the_test_sees_a_wrong_temperature():
    assert too_far(Counter(drawn(temperature=0.8)), wanted())


def test_what_the_configuration_leaves_open_is_off():
    # `generate` would fall back to the 50 most probable tokens.
    choose = choice(do_sample=True)
    logits = torch.zeros(200)
    assert max(Counter(choose(logits, [1]) for _ in range(4000))) > 150


def test_the_same_seed_draws_the_same_tokens_and_another_one_others():
    assert drawn(100, seed=5) == drawn(100, seed=5)
    assert drawn(100, seed=5) != drawn(100, seed=6)


def test_a_restart_draws_anew():
    assert drawn(100, seed=5, num_tokens=10) != drawn(100, seed=5, num_tokens=11)


def test_without_a_seed_every_reply_differs():
    assert drawn(100, seed=None) != drawn(100, seed=None)


def test_nobody_else_s_random_numbers_are_used_up():
    torch.manual_seed(3)
    expected = torch.rand(3).tolist()
    torch.manual_seed(3)
    drawn(10)
    assert torch.rand(3).tolist() == expected


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"repetition_penalty": 1.8},
        {"repetition_penalty": 2},
        {"no_repeat_ngram_size": 2},
        {"bad_words_ids": [[5], [7, 8]]},
        {"suppress_tokens": [40, 41, 42, 43]},
        {"sequence_bias": [[[9], 4.0]]},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "suppress_tokens": [9]},
        {"temperature": 0.1, "top_k": 3, "top_p": 0.5},
    ],
    ids=str,
)
def test_a_greedy_reply_has_the_penalties_of_generate(config):
    model = random_model("llama")
    model.generation_config.update(**config)
    # The library refuses an integer, which a JSON file may well hold.
    exact = {**config, "repetition_penalty": float(config.get("repetition_penalty", 1))}
    expected = generated(model, PROMPT, 20, **exact)
    choose = make_choice(model.generation_config, device=CPU, seed=None, num_tokens=30)
    with Decoder(model).reading(PROMPT) as text:
        assert [text.next(choose)[0] for _ in range(20)] == expected


def test_a_penalty_does_change_the_reply():
    model = random_model("llama")
    assert generated(model, PROMPT, 20) != generated(model, PROMPT, 20, repetition_penalty=1.8)


def test_no_setting_means_the_plain_greedy_choice():
    assert choice() is greedy
    assert choice(do_sample=False, temperature=0.7, top_p=0.5) is greedy


@pytest.mark.parametrize(
    "config", [{"num_beams": 4}, {"guidance_scale": 1.5}, {"min_new_tokens": 5}, {"forced_eos_token_id": 2}], ids=str
)
def test_what_is_not_done_is_refused(config):
    (name,) = config
    with pytest.raises(ConfigurationError, match=f"{name}={config[name]}.*generation_config"):
        choice(**config)


OWN = GenerationConfig(do_sample=True, temperature=0.6, top_p=0.9)


@pytest.mark.parametrize(
    ("own", "said", "expected"),
    [
        (OWN, {}, {"do_sample": True, "temperature": 0.6, "top_p": 0.9}),
        (OWN, {"temperature": 0}, {"do_sample": False}),
        (OWN, {"temperature": 1.2}, {"do_sample": True, "temperature": 1.2, "top_p": 0.9}),
        (OWN, {"top_p": 0.5}, {"do_sample": True, "temperature": 0.6, "top_p": 0.5}),
        (GenerationConfig(), {}, {"do_sample": None}),
        (GenerationConfig(), {"temperature": 0.3}, {"do_sample": True, "temperature": 0.3}),
        (GenerationConfig(), {"top_k": 5}, {"do_sample": True, "top_k": 5}),
        (GenerationConfig(), {"top_k": 0, "top_p": 1.0}, {"do_sample": None}),
        (GenerationConfig(), {"repetition_penalty": 1.1}, {"do_sample": None, "repetition_penalty": 1.1}),
    ],
)
def test_what_is_said_comes_before_what_the_model_brings(own, said, expected):
    config = configured(own, Settings(**said))
    assert {name: getattr(config, name) for name in expected} == expected
    assert own.to_dict() == (OWN if own is OWN else GenerationConfig()).to_dict()


def test_a_call_comes_before_the_object_and_none_gives_it_back_to_the_model():
    model = Settings(temperature=0.3, seed=4, max_tokens=9)
    settings = settings_of(model, {"temperature": None, "seed": 5, "continue_final_message": True})
    assert (settings.temperature, settings.seed, settings.max_tokens) == (None, 5, 9)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"temperature": -1}, "`temperature` of a call.*got -1"),
        ({"temperature": "hot"}, "`temperature` of a call.*got 'hot'"),
        ({"top_p": 2}, "`top_p` of a call.*got 2"),
        ({"max_tokens": 0}, "`max_tokens` of a call.*got 0"),
        ({"repetition_penalty": 0}, "`repetition_penalty` of a call.*got 0"),
        ({"top_k": 1.5}, "`top_k` of a call.*got 1.5"),
        ({"tools": [], "frequency_penalty": 1}, "does not know 'frequency_penalty', 'tools' in a call.*knows.*top_k"),
    ],
)
def test_a_wrong_setting_of_a_call_is_named_with_its_value(kwargs, said):
    with pytest.raises(ConfigurationError, match=said):
        settings_of(Settings(), kwargs)
