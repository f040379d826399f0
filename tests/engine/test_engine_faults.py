"""What is interrupted, cut or outgrown in the middle leaves nothing behind that could hold up or mislead the next."""

import _thread
import itertools
import threading

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from stream_aligner_lc.local import memory
from stream_aligner_lc.local.completions import Prompt
from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.slabs import capacity
from tests.engine.replies import LIMIT, NEVER, PROMPT, answered, at_once, completed, engine_for
from tests.local.small_models import _HEADED, model_of, random_model
from tests.threaded import wait_until

LONG = [PROMPT * 2, PROMPT[::-1] * 2]


@pytest.mark.parametrize("kind", ["llama", "gemma2", "bloom", "mamba"])
@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit])
def test_whoever_comes_after_an_interrupted_pass_is_answered(kind, fault):
    model = model_of(kind)
    engine = engine_for(model, ends=frozenset())
    completed(engine, PROMPT, [], 1)

    def interrupt(*_):
        raise fault

    inner = [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-2]
    # Before any layer has read a thing, and after nearly all have.
    for number, interrupted in enumerate((model, inner)):
        known = [[number, *ids] for ids in LONG]
        list(engine.complete_each([Prompt(ids, [], 1) for ids in known], stopped=NEVER))
        asked = [[*ids, *PROMPT[9:]] for ids in known]
        hook = interrupted.register_forward_pre_hook(interrupt)
        with pytest.raises(fault):
            list(engine.complete_each([Prompt(ids, [], 4) for ids in asked], stopped=NEVER))
        hook.remove()
        others = [[*ids, 7, 8, 9] for ids in known]
        for ids in (*others, *asked, PROMPT):
            (done,) = at_once(lambda ids=ids: completed(engine, ids, []))
            assert done.ids == answered(model_of(kind), ids, LIMIT, frozenset())[0]


@pytest.mark.parametrize("kind", ["llama", "gemma3n"])
def test_whoever_is_interrupted_while_another_one_s_pass_runs_holds_up_nobody(kind, monkeypatch):
    model = random_model(kind)
    engine = engine_for(model, ends=frozenset())
    completed(engine, PROMPT, [], 1)
    rounds, main, num_asked = engine._decoder.rounds, threading.main_thread(), itertools.count(1)
    assert rounds.worker.packing.is_possible is (kind == "llama")
    answers, waiting, is_held, do = {}, [], threading.Event(), rounds.do

    def write(name, ids, count):
        answers[name] = completed(engine, ids, [], count).ids

    def ask(*works):
        # Halfway through a reply.
        if threading.current_thread() is main and next(num_asked) == 5:
            for thread in others:
                thread.start()
            assert is_held.wait(60)
            waiting.extend(works)
        do(*works)

    def interrupt(*_):
        if threading.current_thread() is main or is_held.is_set():
            return
        is_held.set()
        wait_until(is_queued)
        _thread.interrupt_main()

    def is_queued():
        with rounds._mutex:
            return any(work in rounds._waiting for work in waiting)

    others = [threading.Thread(target=write, args=(number, ids, 30), daemon=True) for number, ids in enumerate(LONG)]
    monkeypatch.setattr(rounds, "do", ask)
    model.register_forward_pre_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        completed(engine, PROMPT[5:], [], 1000)
    for thread in others:
        thread.join(60)
    (last,) = at_once(lambda: completed(engine, PROMPT[5:], []))
    reference = random_model(kind)
    expected = [answered(reference, ids, 30, frozenset())[0] for ids in LONG]
    assert [answers.get(number) for number in range(2)] == expected
    assert last.ids == answered(reference, PROMPT[5:], LIMIT, frozenset())[0]


def test_a_text_that_its_own_thread_cuts_while_it_is_copied_misleads_nobody(monkeypatch):
    decoder, num_common, num_calls = Decoder(random_model()), memory.num_common, itertools.count(1)

    def cut_behind(one, other):
        try:
            return num_common(one, other)
        finally:
            # Found by the first call, copied after the second: the other thread goes on in between.
            if next(num_calls) == 2:
                running._text.cut(5)

    ids = [*PROMPT[:20], 7]
    with decoder.reading(PROMPT) as running:
        running.next()
        monkeypatch.setattr(memory, "num_common", cut_behind)
        with decoder.reading(ids) as text:
            said = [text.next()[0] for _ in range(4)]
        assert next(num_calls) > 2
        assert said == answered(random_model(), ids, 4, frozenset())[0]


def test_how_much_room_a_text_takes_is_not_judged_by_a_pass_that_is_under_way():
    model = random_model()
    decoder, begun = Decoder(model), []
    one_token = 2 * 4 * 2 * 8 * 8

    def begin():
        begun.append(decoder.memory.begin(PROMPT[::-1], room="awaited"))

    other = threading.Thread(target=begin, daemon=True)

    def halfway(*_):
        # Two of four layers have read the first text by now.
        other.start()
        other.join(0.2)

    hook = model.model.layers[2].register_forward_pre_hook(halfway)
    with decoder.reading(PROMPT, room="awaited") as running:
        running.next()
        hook.remove()
    other.join(60)
    assert [text.reserved for text in begun] == [capacity(30) * one_token]


@pytest.fixture
def dynamic():
    """Make Llamas whose rotation grows with the text beyond 64 tokens."""
    ropes = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    config = LlamaConfig(**{**_HEADED, "max_position_embeddings": 64}, rope_parameters=ropes)

    def make():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config).eval().double()
        for parameter in model.parameters():
            if parameter.dim() == 2:
                torch.nn.init.normal_(parameter, std=0.25)
        model.generation_config.eos_token_id = None
        return model

    return make


@pytest.mark.parametrize("length", [20, 40, 52])
def test_a_rotation_that_grows_with_the_text_is_as_generate_has_it_where_it_does_not(dynamic, length):
    ids, engine = (PROMPT * 4)[:length], engine_for(dynamic(), ends=frozenset())
    expected = answered(dynamic(), ids, LIMIT, frozenset())
    for draft in (expected[0], [], [9, *expected[0]]):
        assert completed(engine, ids, draft)[:2] == expected


@pytest.mark.parametrize("length", [56, 63, 64, 65])
def test_a_rotation_that_grows_with_the_text_is_as_generate_has_it_where_it_begins_to(dynamic, length):
    ids = (PROMPT * 4)[:length]
    expected = answered(dynamic(), ids, LIMIT, frozenset())
    for draft in (expected[0], []):
        # What was read before changes such a model itself, so that each time another copy is asked.
        assert completed(engine_for(dynamic(), ends=frozenset()), ids, draft)[:2] == expected
