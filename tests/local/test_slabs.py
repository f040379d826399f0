"""A cache that grows in place: what it shows is what a dynamic cache holds, and it takes the memory that it says."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache

from stream_aligner_lc.local.slabs import Slab, SlabCache, capacity

NUM_LAYERS, HEADS, WIDTH = 2, 2, 3
TOKEN = 2 * HEADS * WIDTH * 8
lengths = st.integers(0, 100_000)


def states(count, seed=0, dtype=torch.float64):
    """Return the keys and values of so many tokens, all different."""
    numbers = torch.arange(2 * HEADS * count * WIDTH, dtype=dtype) + 1000 * seed
    keys, values = numbers.reshape(2, 1, HEADS, count, WIDTH)
    return keys, values


def read(cache, count, seed=0):
    return [cache.update(*states(count, seed + layer), layer) for layer in range(NUM_LAYERS)]


def cache_of(count, seed=0):
    cache = SlabCache()
    read(cache, count, seed)
    return cache


def held(cache):
    return [(layer.keys.tolist(), layer.values.tolist()) for layer in cache.layers]


def buffers(cache):
    return [part.untyped_storage() for layer in cache.layers for part in (layer.keys, layer.values)]


def places(cache):
    return [storage.data_ptr() for storage in buffers(cache)]


@given(lengths)
def test_room_is_made_in_steps_of_64_for_a_quarter_more(length):
    room = capacity(length)
    assert room % 64 == 0
    assert length <= length * 5 // 4 <= room < length * 5 // 4 + 64


@given(lengths, lengths)
def test_a_longer_text_never_gets_less_room(one, other):
    short, long = sorted((one, other))
    assert capacity(short) <= capacity(long)


def test_a_cache_grows_in_place_until_its_room_is_full_and_then_moves_with_all_it_holds():
    cache, dynamic = cache_of(30), DynamicCache()
    read(dynamic, 30)
    for count, has_moved in ((1, False), (33, False), (1, True), (63, False), (1, True)):
        before = places(cache)
        read(cache, count, seed=count)
        read(dynamic, count, seed=count)
        assert (places(cache) != before) == has_moved
        assert held(cache) == held(dynamic)


def test_a_text_that_grows_token_by_token_is_seldom_copied():
    cache = cache_of(1)
    moves = 0
    for _ in range(1000):
        before = places(cache)
        read(cache, 1)
        moves += places(cache) != before
    assert moves <= 10


@pytest.mark.parametrize("length", [0, 1, 17, 30])
def test_a_cut_forgets_the_last_tokens_and_moves_nothing(length):
    cache, dynamic = cache_of(30), DynamicCache()
    read(dynamic, 30)
    before = places(cache)
    cache.cut(length)
    assert cache.get_seq_length() == length
    for layer, whole in zip(cache.layers, dynamic.layers, strict=True):
        assert layer.keys.tolist() == whole.keys[..., :length, :].tolist()
        assert layer.values.tolist() == whole.values[..., :length, :].tolist()
    assert places(cache) == before


def test_a_cut_makes_nothing_longer():
    cache = cache_of(30)
    before = held(cache)
    cache.cut(31)
    assert held(cache) == before
    SlabCache().cut(3)


def test_where_a_pass_broke_off_the_layers_that_read_more_are_cut_back():
    cache = cache_of(30)
    cache.update(*states(4), 0)
    assert [layer.get_seq_length() for layer in cache.layers] == [34, 30]
    cache.cut(30)
    assert held(cache) == held(cache_of(30))


@pytest.mark.parametrize("length", [0, 1, 30])
def test_a_copy_and_what_it_was_copied_from_go_their_own_ways(length):
    cache = cache_of(30)
    copy, whole = cache.first(length), held(cache)
    cut = cache_of(30)
    cut.cut(length)
    assert held(copy) == held(cut)
    assert not {*places(copy)} & {*places(cache)}
    # What is done to one is not done to the other, not even where one was cut and reads other tokens there.
    read(copy, 5, seed=7)
    assert held(cache) == whole
    after = held(copy)
    cache.cut(length // 2)
    read(cache, 40, seed=9)
    assert held(copy) == after


def test_a_copy_of_what_was_cut_meanwhile_is_of_what_was_there():
    cache = cache_of(30)
    whole = held(cache)
    cache.cut(3)
    assert held(cache.first(30)) == whole


def test_the_memory_that_it_takes_is_that_of_its_buffers():
    cache = SlabCache()
    assert (cache.num_bytes, cache.token_bytes) == (0, 0)
    for count, room in ((1, 64), (64, 128), (64, 192)):
        read(cache, count)
        assert cache.num_bytes == sum(storage.nbytes() for storage in buffers(cache)) == NUM_LAYERS * room * TOKEN
        assert cache.token_bytes == NUM_LAYERS * TOKEN
    cache.cut(1)
    assert cache.num_bytes == NUM_LAYERS * 192 * TOKEN
    assert cache.first(1).num_bytes == NUM_LAYERS * 64 * TOKEN


def test_half_precision_takes_half_the_memory_and_stays_what_it_is():
    slab = Slab()
    slab.update(*states(3, dtype=torch.bfloat16))
    assert slab.token_bytes == TOKEN // 4
    assert slab.keys.dtype == slab.first(2).keys.dtype == torch.bfloat16


def test_layers_that_share_another_ones_keys_take_none():
    cache = SlabCache()
    cache.update(*states(3), 0)
    assert len(cache.layers) == 1
    # A later layer may come first, as where those between share.
    cache.update(*states(3), 2)
    assert cache.token_bytes == 2 * TOKEN
    cache.cut(2)
    assert cache.first(2).get_seq_length() == 2


def test_after_a_reset_it_is_as_new():
    cache = cache_of(30)
    cache.reset()
    assert (cache.get_seq_length(), cache.num_bytes) == (0, 0)
    read(cache, 4)
    assert held(cache) == held(cache_of(4))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["read", "cut", "crop", "copy"]), st.integers(0, 90)), max_size=12))
def test_after_any_history_it_holds_what_a_dynamic_cache_holds(history):
    cache, dynamic, copies = SlabCache(), DynamicCache(), []
    for seed, (what, count) in enumerate([("read", 3), *history]):
        length = dynamic.get_seq_length()
        if what == "read" and count:
            shown = read(cache, count, seed)
            expected = read(dynamic, count, seed)
            for pair in zip(shown, expected, strict=True):
                assert all(torch.equal(*parts) for parts in zip(*pair, strict=True))
        elif what == "copy":
            copies.append((cache, held(cache)))
            cache = cache.first(length)
        elif what == "cut" and count <= length:
            cache.cut(count)
            dynamic.crop(count - length)
        elif what == "crop" and count <= length:
            cache.crop(-count)
            dynamic.crop(-count)
        assert cache.get_seq_length() == dynamic.get_seq_length()
        assert cache.get_mask_sizes(5, 1) == dynamic.get_mask_sizes(5, 1)
        assert [layer.keys.tolist() for layer in cache.layers] == [layer.keys.tolist() for layer in dynamic.layers]
        assert held(cache) == held(dynamic)
    assert all(held(copied) == before for copied, before in copies)
    assert len({tuple(places(each)) for each in (cache, *(copied for copied, _ in copies))}) == len(copies) + 1


def test_the_states_that_it_was_given_are_its_own_no_more():
    keys, values = states(3)
    cache = SlabCache()
    cache.update(keys, values, 0)
    before = held(cache)
    keys.zero_()
    values.zero_()
    assert held(cache) == before
    assert all(one != other for one, other in pairwise(places(cache)))
