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
from stream_aligner_lc.local.decoding import Decoder, greedy
from tests.local.small_models import CROPPABLE, EVERY, LONGROPE, RECURRENT, Watch, generated, random_model

COUNT = 6
# MoE and state-space layers are not made for float64.
FLOAT32 = ("qwen3_5", "bamba", "lfm2", "mamba2")
PROMPT = [3 + number * 37 % 89 for number in range(30)]


def written(decoder, ids, count=COUNT):
    with decoder.reading(ids) as text:
        return [text.next(greedy) for _ in range(count)]


def model_of(kind):
    return random_model(kind, dtype=torch.float32 if kind in FLOAT32 else torch.float64)


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
        tokens = [(one.next(greedy), two.next(greedy)) for _ in range(COUNT)]
    assert [token for token, _ in tokens] == reference(kind, PROMPT)
    assert [token for _, token in tokens] == reference(kind, other)


@pytest.mark.parametrize("kind", RECURRENT)
def test_what_cannot_be_cut_is_kept_nowhere_and_reused_never(kind):
    decoder = Decoder(model_of(kind))
    for _ in range(2):
        with decoder.reading(PROMPT) as text:
            text.next(greedy)
        assert text.num_reused == 0
    assert decoder._texts == []


texts = st.lists(st.sampled_from([PROMPT[:4], PROMPT[4:9], PROMPT[9:11], [7]]), min_size=1, max_size=4)
steps = st.one_of(
    st.tuples(st.just("open"), texts.map(lambda parts: tuple(chain.from_iterable(parts)))),
    st.tuples(st.just("next"), st.integers(0, 5)),
    st.tuples(st.just("close"), st.integers(0, 5)),
)


@pytest.mark.parametrize("kind", ["llama", "mistral"])
@settings(max_examples=20, deadline=None)
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
            tokens.append(text.next(greedy))
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
        first = [running.next(greedy) for _ in range(4)]
        longer = PROMPT + first[:3]
        with decoder.reading(longer) as other:
            assert other.num_reused == len(longer) - 1
            beside = [other.next(greedy) for _ in range(COUNT)]
        first += [running.next(greedy) for _ in range(2)]
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
        text.next(greedy)
    assert text.num_reused == 35
    assert watch.fed == [3]


def test_what_two_texts_have_hardly_anything_of_in_common_is_kept_for_each():
    model = model_of("llama")
    watch, decoder = Watch(model), Decoder(model)
    # Every conversation begins with the chat template's first token.
    one, two = [1, *PROMPT], [1, *PROMPT[::-1]]
    for ids in (one, two, one, two):
        watch.fed.clear()
        written(decoder, ids, 2)
    assert watch.fed == [1, 1]


def test_a_text_that_is_gone_on_from_takes_the_place_of_the_old_one():
    decoder = Decoder(model_of("llama"))
    written(decoder, PROMPT)
    written(decoder, PROMPT + [5] * 10)
    assert len(decoder._texts) == 1


def held_bytes(decoder):
    layers = [layer for read in decoder._texts for layer in read.state.layers]
    return sum(tensor.untyped_storage().nbytes() for layer in layers for tensor in (layer.keys, layer.values))


def test_what_is_kept_is_bounded_in_bytes_and_in_number():
    one_token = 2 * 4 * 2 * 8 * 8
    decoder = Decoder(model_of("llama"), kept_bytes=100 * one_token)
    for number in range(40):
        written(decoder, [number + 3, *PROMPT[: number % 29]], 2)
        assert held_bytes(decoder) <= 100 * one_token
    assert len(decoder._texts) > 1
    unbounded = Decoder(model_of("llama"))
    for number in range(40):
        written(unbounded, [number + 3, 5, 6], 1)
    assert len(unbounded._texts) == 16


def test_a_cut_cache_counts_with_all_the_memory_that_it_holds():
    one_token = 2 * 4 * 2 * 8 * 8
    decoder = Decoder(model_of("llama"), kept_bytes=20 * one_token)
    with decoder.reading(PROMPT) as text:
        text.next(greedy)
        # Cut to 16 tokens, but never read on from.
        decoder.kept_bytes = 1 << 30
    with decoder.reading(PROMPT[:16]):
        decoder.kept_bytes = 20 * one_token
    assert held_bytes(decoder) == 0


def test_a_decoding_that_was_left_before_its_first_pass_leaves_nothing():
    decoder = Decoder(model_of("llama"))
    for _ in range(3):
        with decoder.reading(PROMPT):
            pass
    assert decoder._texts == []


def test_a_pass_that_fails_halfway_leaves_no_half_read_text(reference):
    model = model_of("llama")
    decoder = Decoder(model)
    first = written(decoder, PROMPT)

    def fail(module, args):
        raise RuntimeError("out of memory")

    # Two layers have read the new tokens by then, two have not.
    hook = model.model.layers[2].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        written(decoder, PROMPT + first + [9, 9, 9])
    hook.remove()
    assert decoder._texts == []
    for ids in (PROMPT + first + [9, 9, 9], PROMPT, PROMPT + first):
        assert written(decoder, ids) == reference("llama", ids)


def test_a_text_beside_one_whose_pass_fails_is_read_right(reference):
    model = model_of("llama")
    decoder = Decoder(model)
    with decoder.reading(PROMPT) as broken:
        first = broken.next(greedy)
        hook = model.model.layers[2].register_forward_pre_hook(lambda module, args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            broken.next(greedy)
        hook.remove()
        assert written(decoder, [*PROMPT, first, 9]) == reference("llama", [*PROMPT, first, 9])


def test_a_stopped_decoding_reads_no_further_piece():
    model = model_of("llama")
    watch, decoder, stopped = Watch(model), Decoder(model), threading.Event()
    model.register_forward_hook(lambda *_: stopped.set())
    with decoder.reading(PROMPT * 60) as text, pytest.raises(StoppedError):
        text.next(greedy, stopped=stopped)
    assert watch.fed == [512]
    # What it did read is not read again.
    with decoder.reading(PROMPT * 60) as text:
        assert text.num_reused == 512


def test_a_stopped_decoding_makes_no_pass_at_all():
    decoder, stopped = Decoder(model_of("llama")), threading.Event()
    stopped.set()
    with decoder.reading(PROMPT) as text, pytest.raises(StoppedError):
        text.next(greedy, stopped=stopped)
    assert decoder.num_passes == 0


def test_a_model_that_is_dropped_is_gone_with_all_that_it_read():
    model = model_of("llama")
    decoder = Decoder(model)
    written(decoder, PROMPT)
    there = [weakref.ref(thing) for thing in (model, decoder, decoder._texts[0].state)]
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
                text.next(greedy)
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
