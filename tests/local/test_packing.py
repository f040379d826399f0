"""Several texts in one pass come to what each comes to alone, on every architecture, or are not read in one."""

from contextlib import ExitStack

import pytest
import torch
from transformers import AutoModelForCausalLM, Llama4TextConfig

from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.packing import Packing
from stream_aligner_lc.local.slabs import SlabCache
from tests.local.small_models import CROPPABLE, EVERY, generated, model_of

PROMPT = [3 + number * 37 % 89 for number in range(30)]
# Every window of these models is shorter.
PROMPTS = [PROMPT[:20], PROMPT[::-1][:17], PROMPT[5:]]
ALONE = {"gemma3n", "bloom"}
COUNT = 5


def side_by_side(model):
    """Write after all prompts at once; return that, and how many passes it took."""
    decoder = Decoder(model)
    said = [[] for _ in PROMPTS]
    with ExitStack() as stack:
        texts = [stack.enter_context(decoder.reading(ids)) for ids in PROMPTS]
        for _ in range(COUNT):
            for number, new in enumerate(decoder.drive(*(text.steps() for text in texts))):
                said[number] += new
    return said, decoder.rounds.worker.num_passes


@pytest.mark.parametrize("attention", ["its own", "eager"])
@pytest.mark.parametrize("kind", EVERY)
def test_texts_side_by_side_are_gone_on_with_as_each_alone(kind, attention):
    model = model_of(kind)
    if attention == "eager":
        model.set_attn_implementation(attention)
    said, num_passes = side_by_side(model)
    assert said == [generated(model_of(kind), ids, COUNT) for ids in PROMPTS]
    packs = kind in CROPPABLE.keys() - ALONE or kind == "phi3"
    assert num_passes == (COUNT if packs else COUNT * len(PROMPTS))


def test_a_window_that_only_the_mask_knows_of_is_kept_to():
    config = Llama4TextConfig(
        vocab_size=96, hidden_size=32, intermediate_size=48, intermediate_size_mlp=48, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, attention_chunk_size=8, num_local_experts=2,
        moe_layers=[], no_rope_layers=[1, 1, 1, 0],
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():
        if parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, std=0.25)
    model = model.double()
    model.generation_config.eos_token_id = None
    expected = [generated(model, ids, COUNT) for ids in PROMPTS]
    assert side_by_side(model)[0] == expected


@pytest.mark.parametrize("fails", [False, True])
def test_after_a_shared_pass_the_model_attends_as_before(fails):
    model = model_of("llama")
    before, expected = model.config._attn_implementation, generated(model, PROMPT, COUNT)
    parts = [(ids, SlabCache(), 1) for ids in PROMPTS]
    if fails:
        model.model.layers[2].register_forward_pre_hook(lambda module, args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Packing(model).run(parts)
        model.model.layers[2]._forward_pre_hooks.clear()
    else:
        Packing(model).run(parts)
    assert model.config._attn_implementation == before
    assert generated(model, PROMPT, COUNT) == expected


def test_the_logits_of_as_many_tokens_as_were_asked_for_come_out():
    model = model_of("llama")
    rows = Packing(model).run([(ids, SlabCache(), asked) for ids, asked in zip(PROMPTS, (1, 5, 25), strict=True)])
    assert [tuple(row.shape) for row in rows] == [(1, 96), (5, 96), (25, 96)]
    for ids, row in zip(PROMPTS, rows, strict=True):
        alone = model(torch.tensor([ids])).logits[0, -len(row) :]
        assert torch.allclose(row, alone, rtol=1e-9, atol=1e-9)


def test_what_raises_when_it_is_tried_is_not_possible():
    model = model_of("llama")
    assert Packing(model).is_possible
    model.register_forward_pre_hook(lambda module, args: 1 / 0)
    assert not Packing(model).is_possible
