"""Texts that share a pass are read as if each had one of its own, and whoever shares gets what he would alone."""

import random
import threading
from functools import partial

import pytest
import torch
import transformers as hf
from transformers import AutoModelForCausalLM

from stream_aligner_lc.local.completions import Prompt, StoppedError
from stream_aligner_lc.local.packing import Packing
from stream_aligner_lc.local.passes import Passes
from stream_aligner_lc.local.slabs import SlabCache
from tests.engine.replies import LIMIT, NEVER, PROMPT, answered, at_once, completed, engine_for
from tests.local.small_models import _HEADED, CROPPABLE, Watch, random_model
from tests.threaded import wait_until

APART = ("gemma3n", "bloom")
PACKABLE = [kind for kind in CROPPABLE if kind not in APART]
# These slide, or fall into chunks, by their mask alone: their attention is not told.
MASKED = {
    "llama4": lambda: hf.Llama4TextConfig(
        **_HEADED, attention_chunk_size=8, intermediate_size_mlp=48, num_local_experts=2
    ),
    "phimoe": lambda: hf.PhimoeConfig(**_HEADED, sliding_window=8, num_local_experts=2),
    "qwen2_moe": lambda: hf.Qwen2MoeConfig(
        **_HEADED, use_sliding_window=True, sliding_window=8, max_window_layers=2, num_experts=4,
        num_experts_per_tok=2, moe_intermediate_size=16, shared_expert_intermediate_size=16,
    ),
}  # fmt: skip


def implementations(model):
    return [module.config._attn_implementation for module in model.modules() if hasattr(module, "config")]


@pytest.mark.parametrize("kind", CROPPABLE)
def test_shared_passes_are_possible_where_attention_alone_sees_other_tokens(kind):
    model = random_model(kind)
    before = implementations(model)
    assert Packing(model).is_possible is (kind not in APART)
    assert implementations(model) == before


class Side:
    """Texts that are read side by side, in shared passes and in passes of their own."""

    def __init__(self, model, num_texts):
        self.packing, self.passes = Packing(model), Passes(model)
        self.together = [SlabCache() for _ in range(num_texts)]
        self.apart = [SlabCache() for _ in range(num_texts)]

    @torch.inference_mode()
    def read(self, news, nums):
        """Return how far the logits differ, relative to the largest."""
        lengths = [state.get_seq_length() for state in self.apart]
        rows = self.packing.run(list(zip(news, self.together, nums, strict=True)))
        expected = [self.passes.run(*part).logits for part in zip(news, self.apart, lengths, nums, strict=True)]
        assert [row.shape for row in rows] == [row.shape for row in expected]
        scale = max(float(row.abs().max()) for row in expected)
        return max(float((a - b).abs().max()) for a, b in zip(rows, expected, strict=True)) / scale

    def cut(self, lengths):
        for state, length in zip(self.together + self.apart, lengths * 2, strict=True):
            state.cut(length)


@pytest.mark.parametrize("num_texts", [2, 3, 5, 8])
@pytest.mark.parametrize("kind", PACKABLE)
def test_a_shared_pass_gives_every_text_the_logits_of_its_own(kind, num_texts):
    rng, side = random.Random(f"{kind} {num_texts}"), Side(random_model(kind), num_texts)
    for turn in range(6):
        # From a single token to more than two windows of those that slide.
        lengths = [rng.choice((1, 1, 2, 5, 9) if turn else (1, 20, 30)) for _ in range(num_texts - 1)] + [20 - 3 * turn]
        news = [[rng.randrange(96) for _ in range(length)] for length in lengths]
        assert side.read(news, [rng.randint(1, length) for length in lengths]) < 1e-9
        known = [state.get_seq_length() for state in side.apart]
        side.cut([rng.randint(2 * length // 3, length) for length in known])


@pytest.mark.parametrize("kind", MASKED)
def test_a_window_that_only_the_mask_knows_of_is_kept_or_nothing_is_shared(kind):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(MASKED[kind]()).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.25)
    side, rng = Side(model, 2), random.Random(kind)
    texts = [[rng.randrange(96) for _ in range(length)] for length in (30, 21)]
    # In single precision, which experts are made for.
    assert not side.packing.is_possible or side.read(texts, [1, 1]) < 1e-3


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_the_model_s_own_attention_is_back_after_a_shared_pass_that_fails(kind):
    model = random_model(kind)
    packing, before = Packing(model), implementations(model)
    seen = []

    def fail(module, args):
        seen.append(module.config._attn_implementation)
        raise ZeroDivisionError

    hook = model.model.layers[1].mlp.register_forward_pre_hook(
        lambda module, args: fail(model.model.layers[1].self_attn, args)
    )
    parts = [(PROMPT, SlabCache(), 1), (PROMPT[:9], SlabCache(), 1)]
    with pytest.raises(ZeroDivisionError):
        packing.run(parts)
    assert seen != before[:1]
    assert implementations(model) == before
    hook.remove()
    # And the next one is right.
    assert Side(model, 2).read([PROMPT, PROMPT[:9]], [1, 1]) < 1e-9


@pytest.mark.parametrize("kind", [*PACKABLE, *APART])
def test_prompts_that_are_asked_together_are_answered_as_one_by_one(kind):
    model, rng = random_model(kind), random.Random(kind)
    alone, together = engine_for(random_model(kind)), engine_for(model)
    completed(together, PROMPT, [])
    assert together._decoder.rounds.worker.packing.is_possible is (kind in PACKABLE)
    prompts = [Prompt(PROMPT[: rng.randint(3, 30)], PROMPT[: rng.randint(0, 6)], LIMIT) for _ in range(5)]
    watch = Watch(model)
    answers = list(together.complete_each(prompts, stopped=NEVER))
    expected = [completed(alone, *prompt) for prompt in prompts]
    assert [answer[:2] for answer in answers] == [answer[:2] for answer in expected]
    num_passes = sum(answer.effort.passes for answer in answers)
    assert watch.count < num_passes * 2 / 3 if kind in PACKABLE else watch.count == num_passes


@pytest.mark.parametrize("kind", ["llama", "gemma2", "mistral"])
def test_threads_that_ask_at_once_share_passes(kind):
    model = random_model(kind)
    engine, reference = engine_for(model), random_model(kind)
    completed(engine, PROMPT, [], 2)
    assert engine._decoder.rounds.worker.packing.is_possible
    # Each thread's text is known but for the last tokens, so that every pass has few.
    prompts = [[*PROMPT[:25], 87 + number, 4] for number in range(8)]
    expected = [answered(reference, prompt, LIMIT, frozenset()) for prompt in prompts]
    engine._ends = frozenset()
    watch = Watch(model, delay=0.01)
    done = at_once(*(partial(completed, engine, prompt, []) for prompt in prompts))
    assert [each[:2] for each in done] == expected
    assert [each.effort.passes for each in done] == [LIMIT] * 8
    assert watch.count < 8 * LIMIT / 3
    assert watch.most_at_once == 1


def test_a_pass_of_much_text_is_shared_with_no_one_on_a_processor():
    model = random_model()
    engine = engine_for(model)
    completed(engine, PROMPT, [], 2)
    assert engine._decoder.rounds.worker.packing.is_possible
    watch = Watch(model)
    prompts = [Prompt([number, *PROMPT * 5], [], 1) for number in (7, 8)]
    list(engine.complete_each(prompts, stopped=NEVER))
    assert watch.fed == [151, 151]


@pytest.mark.parametrize("which", [0, 3])
def test_whoever_is_stopped_while_he_waits_is_free_and_the_others_go_on(which):
    model = random_model()
    engine, reference = engine_for(model, ends=frozenset()), random_model()
    completed(engine, PROMPT, [], 2)
    prompts = [[*PROMPT[:25], 87 + number, 4] for number in range(4)]
    watch, stops = Watch(model), [threading.Event() for _ in prompts]
    asked, num_freed = [], {}

    def ask(number):
        asked.append(number)
        try:
            return completed(engine, prompts[number], [], 60, stopped=stops[number]).ids
        except StoppedError:
            num_freed[number] = watch.count
            return None

    def stop(*_):
        if watch.count == 10:
            wait_until(lambda: len(asked) == 4)
            stops[which].set()
        # He has been let go by now, though his thread may have to be woken yet.
        if watch.count == 20:
            wait_until(lambda: num_freed)

    model.register_forward_pre_hook(stop)
    answers = at_once(*(partial(ask, number) for number in range(4)))
    expected = [answered(reference, prompt, 60, frozenset())[0] for prompt in prompts]
    expected[which] = None
    assert answers == expected
    assert list(num_freed) == [which]
    assert num_freed[which] <= 20 < watch.count - 10
    # What it has read is there for the next one.
    assert completed(engine, prompts[which], [], LIMIT).ids == answered(reference, prompts[which], LIMIT, ())[0]


def test_whoever_is_stopped_before_his_turn_makes_no_pass():
    model = random_model()
    engine, stopped = engine_for(model), threading.Event()
    stopped.set()
    watch = Watch(model)
    with pytest.raises(StoppedError):
        completed(engine, PROMPT, [], stopped=stopped)
    assert watch.count == 0
    assert engine._decoder.memory.num_bytes == 0


def test_a_fault_in_a_shared_pass_concerns_only_the_text_that_is_at_fault():
    model = random_model()
    engine, reference = engine_for(model, ends=frozenset()), random_model()
    completed(engine, PROMPT, [], 2)

    def fail(module, args, kwargs):
        if 89 in kwargs["input_ids"][0].tolist():
            raise ZeroDivisionError

    model.register_forward_pre_hook(fail, with_kwargs=True)
    Watch(model, delay=0.01)
    prompts = [[*PROMPT[:25], 87 + number, 4] for number in range(5)]

    def ask(prompt):
        try:
            return completed(engine, prompt, [], LIMIT).ids
        except ZeroDivisionError:
            return None

    answers = at_once(*(partial(ask, prompt) for prompt in prompts))
    expected = [answered(reference, prompt, LIMIT, frozenset())[0] for prompt in prompts]
    assert all(89 not in said for said in expected)
    expected[2] = None
    assert answers == expected
