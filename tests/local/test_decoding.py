"""Token by token, what `generate` would write, whatever was read before and whoever else is decoding."""

import gc
import threading
import time
import weakref
from contextlib import ExitStack
from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_aligner_lc.local import decoding
from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.local.decoding import Decoder
from tests.local.small_models import CROPPABLE, EVERY, LONGROPE, RECURRENT, Watch, generated, model_of

COUNT = 6
PROMPT = [3 + number * 37 % 89 for number in range(30)]


def written(decoder, ids, count=COUNT):
    with decoder.reading(ids) as text:
        return [text.next()[0] for _ in range(count)]


@pytest.fixture(scope="module")
def reference():
    """Remember what `generate` writes with another copy of the model, which has read nothing else."""
    known = {}

    def expected(kind, ids, count=COUNT):
        key = (kind, tuple(ids), count)
        if key not in known:
            known[key] = generated(model_of(kind), ids, count)
        return known[key]

    return expected


@pytest.mark.parametrize("kind", EVERY)
def test_every_architecture_writes_what_generate_writes_after_any_history(kind, reference):
    decoder = Decoder(model_of(kind))
    first = reference(kind, PROMPT)
    again, longer, shorter = PROMPT, PROMPT + first[:5], PROMPT[:12]
    elsewhere, goes_on = PROMPT[:10] + PROMPT[13:], PROMPT + first + PROMPT[::-1]
    for ids in (PROMPT, again, longer, shorter, elsewhere, goes_on, PROMPT):
        assert written(decoder, ids) == reference(kind, ids)


@pytest.mark.parametrize("kind", EVERY)
def test_the_random_models_say_something(kind, reference):
    assert len(set(reference(kind, PROMPT) + reference(kind, PROMPT[:12]))) > 2


@pytest.mark.parametrize("kind", [*CROPPABLE, "qwen3_5", "mamba", "phi3"])
def test_a_prompt_longer_than_a_piece_reads_as_it_does_in_one(kind, reference, monkeypatch):
    monkeypatch.setattr(decoding, "_CHUNK", 16)
    decoder = Decoder(model_of(kind))
    for ids in (PROMPT * 2, [*PROMPT, 5, 6], PROMPT * 2):
        assert written(decoder, ids, 4) == reference(kind, ids, 4)


def test_a_prompt_is_read_in_pieces_of_512_tokens(reference):
    model = model_of("llama")
    watch = Watch(model)
    assert written(Decoder(model), PROMPT * 35, 2) == reference("llama", PROMPT * 35, 2)
    assert watch.fed == [512, 512, 26, 1]


@pytest.mark.parametrize("kind", LONGROPE)
def test_positions_that_change_with_the_length_are_read_anew_where_they_change(kind, reference):
    decoder = Decoder(model_of(kind))
    # Of 64 positions the first rotation is for; these texts grow past them, start past them, and come back.
    for ids in (PROMPT * 2, PROMPT * 3, PROMPT * 2 + PROMPT[:2], PROMPT):
        assert written(decoder, ids, 12) == reference(kind, ids, 12)


@pytest.mark.parametrize("kind", ["bamba", "mamba", "rwkv", "recurrent_gemma"])
def test_recurrent_models_keep_two_texts_apart(kind, reference):
    decoder = Decoder(model_of(kind))
    other = PROMPT[::-1]
    with decoder.reading(PROMPT) as one, decoder.reading(other) as two:
        tokens = [(one.next(), two.next()) for _ in range(COUNT)]
    assert list(chain.from_iterable(first for first, _ in tokens)) == reference(kind, PROMPT)
    assert list(chain.from_iterable(second for _, second in tokens)) == reference(kind, other)


@pytest.mark.parametrize("kind", RECURRENT)
def test_what_cannot_be_cut_is_kept_nowhere_and_reused_never(kind):
    decoder = Decoder(model_of(kind))
    for _ in range(2):
        with decoder.reading(PROMPT) as text:
            text.next()
        assert text.num_reused == 0
    assert decoder.memory._texts == []


texts = st.lists(st.sampled_from([PROMPT[:4], PROMPT[4:9], PROMPT[9:11], [7]]), min_size=1, max_size=4)
steps = st.one_of(
    st.tuples(st.just("open"), texts.map(lambda parts: tuple(chain.from_iterable(parts)))),
    st.tuples(st.just("next"), st.integers(0, 5)),
    st.tuples(st.just("close"), st.integers(0, 5)),
)


@pytest.mark.parametrize("kind", ["llama", "mistral"])
@settings(max_examples=20)
@given(history=st.lists(steps, max_size=16), kept_bytes=st.sampled_from([0, 20_000, 1 << 30]))
def test_decodings_that_begin_go_on_and_end_in_any_order_do_not_meet(kind, history, kept_bytes, reference):
    decoder = Decoder(model_of(kind), kept_bytes=kept_bytes)
    running, done = [], []
    for what, which in history:
        if what == "open":
            stack = ExitStack()
            running.append((stack, which, stack.enter_context(decoder.reading(which)), []))
        elif running and what == "next":
            _, _, text, tokens = running[which % len(running)]
            tokens.append(text.next()[0])
        elif running:
            stack, *rest = running.pop(which % len(running))
            stack.close()
            done.append(rest)
    for ids, _, tokens in [*done, *(rest for _, *rest in running)]:
        assert tokens == reference(kind, ids, 16)[: len(tokens)]


def test_threads_decode_at_once_and_one_pass_runs_at_a_time(reference):
    model = model_of("mistral")
    watch = Watch(model)
    # Two decoders of one model, as an upstream and an aligner that share it have them.
    decoders = [Decoder(model), Decoder(model)]
    prompts = [PROMPT, PROMPT[:20], PROMPT[:15] + PROMPT, PROMPT[::-1]]
    expected = [reference("mistral", ids) for ids in prompts]
    said, together = {}, threading.Barrier(4)

    def work(number):
        together.wait()
        for turn in range(6):
            index = (number + turn) % len(prompts)
            said[number, turn] = (index, written(decoders[number % 2], prompts[index]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 24
    assert all(tokens == expected[index] for index, tokens in said.values())
    assert watch.most_at_once == 1


def test_a_text_whose_decoding_still_runs_can_be_gone_on_from(reference):
    decoder = Decoder(model_of("llama"))
    with decoder.reading(PROMPT) as running:
        first = [running.next()[0] for _ in range(4)]
        longer = PROMPT + first[:3]
        with decoder.reading(longer) as other:
            assert other.num_reused == len(longer) - 1
            beside = [other.next()[0] for _ in range(COUNT)]
        first += [running.next()[0] for _ in range(2)]
    assert first == reference("llama", PROMPT)
    assert beside == reference("llama", longer)


def test_only_what_is_new_is_read():
    model = model_of("llama")
    watch, decoder = Watch(model), Decoder(model)
    reply = written(decoder, PROMPT)
    assert watch.fed == [30] + [1] * 5
    watch.fed.clear()
    # As a restart does: the released part of the reply, and another sentence in place of the last.
    released = PROMPT + reply[:5] + [90, 91, 92]
    with decoder.reading(released) as text:
        text.next()
    assert text.num_reused == 35
    assert watch.fed == [3]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (RuntimeError("CUDA error: misaligned address"), RuntimeError),
        # What the device has no room for is tried again with nothing kept, and does not fit even then.
        (torch.OutOfMemoryError("CUDA out of memory"), MemoryError),
    ],
    ids=["broken", "full"],
)
def test_a_pass_that_fails_halfway_leaves_no_half_read_text(fault, raised, reference):
    model = model_of("llama")
    decoder = Decoder(model)
    first = written(decoder, PROMPT)
    longer = PROMPT + first + [9, 9, 9]

    def fail(module, args):
        raise fault

    # Two layers have read the new tokens by then, two have not.
    hook = model.model.layers[2].register_forward_pre_hook(fail)
    with pytest.raises(raised, match=str(fault)), decoder.reading(longer) as broken:
        broken.next()
    hook.remove()
    (text,) = decoder.memory._texts
    assert list(text.ids) == longer[:35]
    assert [layer.get_seq_length() for layer in text.state.layers] == [35] * 4
    for ids in (longer, PROMPT, PROMPT + first):
        assert written(decoder, ids) == reference("llama", ids)


@pytest.mark.parametrize("kind", ["llama", "qwen3_5", "mamba", "recurrent_gemma", "phi3"])
@pytest.mark.parametrize("fault", [RuntimeError, torch.OutOfMemoryError])
def test_after_a_pass_that_failed_once_halfway_a_text_goes_on_as_if_nothing_had_been(kind, fault, reference):
    model = model_of(kind)
    decoder, tokens, raised = Decoder(model), [], []
    layers = next(module for module in model.modules() if isinstance(module, torch.nn.ModuleList))

    def fail(module, args):
        if len(tokens) == 2:
            hook.remove()
            raise fault

    hook = layers[2].register_forward_pre_hook(fail)
    with decoder.reading(PROMPT) as text:
        while len(tokens) < COUNT:
            try:
                tokens += text.next()
            except RuntimeError as seen:
                raised.append(type(seen))
    # A full device is cleared and asked again at once; of anything else the caller learns.
    assert raised == ([RuntimeError] if fault is RuntimeError else [])
    assert tokens == reference(kind, PROMPT)


def test_a_text_beside_one_whose_pass_fails_is_read_right(reference):
    model = model_of("llama")
    decoder = Decoder(model)
    with decoder.reading(PROMPT) as broken:
        first = broken.next()
        hook = model.model.layers[2].register_forward_pre_hook(lambda module, args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            broken.next()
        hook.remove()
        assert written(decoder, [*PROMPT, *first, 9]) == reference("llama", [*PROMPT, *first, 9])


def test_a_stopped_decoding_reads_no_further_piece():
    model = model_of("llama")
    watch, decoder, stopped = Watch(model), Decoder(model), threading.Event()
    model.register_forward_hook(lambda *_: stopped.set())
    with decoder.reading(PROMPT * 60, stopped=stopped) as text, pytest.raises(StoppedError):
        text.next()
    assert watch.fed == [512]
    # What it did read is not read again.
    with decoder.reading(PROMPT * 60) as text:
        assert text.num_reused == 512


def test_a_stopped_decoding_makes_no_pass_at_all():
    decoder, stopped = Decoder(model_of("llama")), threading.Event()
    stopped.set()
    with decoder.reading(PROMPT, stopped=stopped) as text, pytest.raises(StoppedError):
        text.next()
    assert decoder.rounds.worker.num_passes == text.num_passes == 0


def test_a_model_that_is_dropped_is_gone_with_all_that_it_read():
    model = model_of("llama")
    decoder = Decoder(model)
    written(decoder, PROMPT)
    there = [weakref.ref(thing) for thing in (model, decoder, decoder.memory._texts[0].state)]
    del model, decoder
    gc.collect()
    assert [reference() for reference in there] == [None, None, None]


def test_a_long_decoding_does_not_starve_a_short_one():
    model = model_of("llama")
    Watch(model, delay=0.001)
    decoder, over = Decoder(model), threading.Event()
    counts = []

    def decode_long():
        with decoder.reading(PROMPT) as text:
            while not over.is_set():
                text.next()
                counts.append(1)

    thread = threading.Thread(target=decode_long)
    thread.start()
    while len(counts) < 5:
        time.sleep(0.001)
    before = len(counts)
    written(decoder, PROMPT[::-1], 10)
    after = len(counts)
    over.set()
    thread.join()
    assert after - before < 200
