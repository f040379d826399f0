"""Guessed tokens are read ahead in one pass and change nothing else: neither a greedy text nor a drawn one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GenerationConfig

from stream_aligner_lc.local import decoding
from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.sampling import make_choice
from tests.local.small_models import EVERY, Watch, drafts_of, generated, model_of

PROMPT = [3 + number * 37 % 89 for number in range(30)]
COUNT = 8


@pytest.fixture(scope="module")
def greedy_answers():
    return {kind: generated(model_of(kind), PROMPT, COUNT) for kind in EVERY}


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("chunk", [512, 16])
def test_whatever_is_guessed_every_architecture_writes_what_generate_writes(kind, chunk, greedy_answers, monkeypatch):
    monkeypatch.setattr(decoding, "_CHUNK", chunk)
    right, decoder = greedy_answers[kind], Decoder(model_of(kind))
    for draft in drafts_of(right).values():
        tokens = []
        with decoder.reading(PROMPT) as text:
            while len(tokens) < COUNT:
                tokens += text.next(draft=draft[len(tokens) : COUNT - 1])
        assert tokens == right


def test_what_a_decoding_took_is_counted():
    model = model_of()
    watch, decoder, right = Watch(model), Decoder(model), generated(model_of(), PROMPT, COUNT)
    with decoder.reading(PROMPT) as text:
        assert text.next(draft=right[:5]) == right[:6]
        assert text.next(draft=[right[6], 95, 95]) == right[6:]
        counts = (text.num_passes, text.num_fed, text.num_drafted, text.num_accepted, text.num_reused)
    assert watch.fed == [35, 4]
    assert counts == (2, 39, 8, 6, 0)
    assert decoder.rounds.worker.num_passes == 2


def test_of_a_wrong_guess_nothing_is_kept():
    decoder, right = Decoder(model_of()), generated(model_of(), PROMPT, 2)
    with decoder.reading(PROMPT) as text:
        text.next(draft=[right[0], 95, 95, 95])
    (kept,) = decoder.memory._texts
    assert list(kept.ids) == [*PROMPT, right[0]]
    assert kept.state.get_seq_length() == 31


def test_a_text_goes_on_after_a_pass_of_a_long_guess_failed(monkeypatch):
    monkeypatch.setattr(decoding, "_CHUNK", 16)
    model, right = model_of(), generated(model_of(), PROMPT, 30)
    tried = []

    def fail(module, args):
        tried.append(1)
        if len(tried) == 3:
            raise RuntimeError("a broken pass")

    model.model.layers[2].register_forward_pre_hook(fail)
    with Decoder(model).reading(PROMPT) as text:
        with pytest.raises(RuntimeError, match="a broken pass"):
            text.next(draft=right)
        assert text.next() == right[:1]


@pytest.mark.parametrize("kind", ["qwen3_5", "mamba", "phi3"])
def test_what_cannot_be_cut_is_drafted_for_at_most_once(kind, greedy_answers):
    model = model_of(kind)
    watch, decoder, prompt = Watch(model), Decoder(model), PROMPT
    if kind == "phi3":
        # Beyond 64 tokens every length has logits of its own.
        prompt = PROMPT * 3
    with decoder.reading(prompt) as text:
        for _ in range(3):
            text.next(draft=[95, 95])
    assert watch.fed == ([90, 1, 1] if kind == "phi3" else [32, 31, 1])


guesses = st.lists(st.lists(st.integers(0, 95), max_size=4), min_size=COUNT, max_size=COUNT)


@pytest.mark.parametrize(
    "config",
    [{"do_sample": True, "temperature": 0.6}, {"do_sample": True, "top_k": 3}, {"repetition_penalty": 1.8}],
    ids=str,
)
@settings(max_examples=25)
@given(st.data())
def test_a_guess_changes_neither_what_is_drawn_nor_what_a_penalty_chooses(config, data):
    model = model_of()

    def written(draft_after):
        tokens = []
        choose = make_choice(GenerationConfig(**config), device=torch.device("cpu"), seed=5, num_tokens=30)
        with Decoder(model).reading(PROMPT) as text:
            while len(tokens) < COUNT:
                tokens += text.next(choose, draft_after(len(tokens)))
        return tokens[:COUNT]

    plain = written(lambda at: [])
    right, noise = data.draw(st.integers(0, COUNT)), data.draw(guesses)
    assert written(lambda at: plain[at : at + right] + noise[min(at, COUNT - 1)]) == plain
