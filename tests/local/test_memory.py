"""What is remembered of earlier texts: which one is gone on from, which goes first, and how much memory all take."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.memory import Memory, num_common
from stream_aligner_lc.local.slabs import SlabCache
from tests.local.small_models import generated, model_of

# A number of 8 bytes as key and as value for each token, and room for 64 of them at least.
TOKEN = 16
SLAB = 64 * TOKEN


class Echo:
    """The passes of a model whose keys and values are the tokens themselves."""

    def __init__(self, reach=None):
        self.reach = reach

    def is_croppable(self, length):
        return self.reach is None or length <= self.reach

    def empty(self):
        return SlabCache()


def memory_of(num_slabs, passes=None, alone=lambda call: call()):
    return Memory(passes or Echo(), num_slabs * SLAB, alone)


def read(text, ids):
    """Read a text to the end of `ids`, as passes do."""
    new = ids[len(text.ids) :]
    states = torch.tensor(new, dtype=torch.float64)[None, None, :, None]
    text.state.update(states, states, 0)
    text.ids.extend(new)


def held(text):
    return [] if not text.ids else text.state.layers[0].values.flatten().int().tolist()


def kept(memory, ids, **options):
    """Read a text and leave it."""
    text = memory.begin(ids, **options)
    read(text, ids)
    memory.keep(text)
    return text


def of(number, length=10):
    """Return a text that begins like no other."""
    return [number] * length


def shown(memory):
    return [list(text.ids) for text in memory._texts]


def test_the_text_that_was_used_longest_ago_goes_first():
    memory = memory_of(3)
    for number in (1, 2, 3):
        kept(memory, of(number))
    assert len(kept(memory, of(1)).ids) == 10
    kept(memory, of(4))
    assert shown(memory) == [of(3), of(1), of(4)]
    assert memory.num_bytes == 3 * SLAB


def test_texts_that_are_being_decoded_count_and_are_never_taken_away():
    memory = memory_of(2)
    kept(memory, of(1))
    running = memory.begin(of(2, 65))
    read(running, of(2, 65))
    kept(memory, of(3))
    # Two slabs are one text's, which leaves no room for others.
    assert [text.is_running for text in memory._texts] == [True]
    assert memory.num_bytes == 2 * SLAB
    memory.keep(running)
    assert shown(memory) == [of(2, 65)]
    memory.kept_bytes = SLAB
    memory.keep(memory.begin(of(5)))
    assert shown(memory) == []


def test_a_text_counts_with_all_the_memory_that_it_holds_though_it_was_cut():
    memory = memory_of(3)
    kept(memory, of(1, 65))
    kept(memory, of(1, 40))
    assert shown(memory) == [of(1, 40)]
    assert memory.num_bytes == 2 * SLAB
    kept(memory, of(2))
    kept(memory, of(3))
    assert shown(memory) == [of(2), of(3)]


def test_no_more_than_256_texts_are_compared():
    memory = memory_of(1000)
    for number in range(258):
        kept(memory, of(number))
    assert shown(memory) == [of(number) for number in range(2, 258)]


def test_what_a_model_holds_is_what_is_counted():
    decoder = Decoder(model_of("llama"), kept_bytes=5 * 64 * 1024)
    for number in range(20):
        with decoder.reading([number + 3, *range(20, 20 + number)]) as text:
            text.next()
        layers = [layer for kept in decoder.memory._texts for layer in kept.state.layers]
        there = sum(part.untyped_storage().nbytes() for layer in layers for part in (layer.keys, layer.values))
        assert there == decoder.memory.num_bytes == min(number + 1, 5) * 64 * 1024


def test_a_text_that_is_gone_on_from_takes_the_place_of_the_old_one():
    memory = memory_of(9)
    first = kept(memory, of(1))
    assert memory.begin(of(1) + of(2)) is first
    assert held(first) == of(1)
    # Somebody else wants the same meanwhile.
    assert memory.begin(of(1)) is not first


@pytest.mark.parametrize(("num_common", "is_copied"), [(4, True), (5, False), (9, False)])
def test_what_has_hardly_anything_of_a_text_leaves_it_as_it_is(num_common, is_copied):
    memory = memory_of(9)
    first, other = kept(memory, of(1)), [*of(1, num_common), 7, 7]
    text = memory.begin(other)
    assert (text is not first) == is_copied
    assert list(text.ids) == held(text) == of(1, num_common)
    assert (list(first.ids) == of(1)) == is_copied


def test_the_last_token_is_always_read_for_its_logits():
    memory = memory_of(9)
    kept(memory, of(1))
    assert list(memory.begin(of(1)).ids) == of(1, 9)
    assert list(memory.begin([1]).ids) == []


def test_a_text_that_is_still_being_decoded_is_copied_and_both_go_their_way():
    memory = memory_of(9)
    running = memory.begin(of(1))
    read(running, of(1))
    text = memory.begin([*of(1, 6), 7, 8])
    assert list(text.ids) == held(text) == of(1, 6)
    read(text, [*of(1, 6), 7, 8])
    read(running, of(1) + of(2))
    assert held(text) == [*of(1, 6), 7, 8]
    assert held(running) == of(1) + of(2)
    assert memory.num_bytes == 2 * SLAB


def test_a_text_that_was_cut_before_its_copy_was_made_is_copied_as_far_as_it_is_there():
    def alone(call):
        running.cut(4)
        return call()

    memory = memory_of(9, alone=alone)
    running = memory.begin(of(1))
    read(running, of(1))
    text = memory.begin(of(1))
    assert list(text.ids) == held(text) == of(1, 4)


def test_a_text_that_was_read_anew_before_its_copy_was_made_is_not_taken_for_the_old_one():
    # Beyond 64 tokens this model reads every token of a text in another way.
    prompt = [3 + number * 37 % 89 for number in range(62)]
    other = [*prompt[:50], 5]
    decoder = Decoder(model_of("phi3"))
    alone = decoder.memory._alone
    with decoder.reading(prompt) as running:
        running.next()

        def late(call):
            while running.num_fed < 65:
                running.next()
            return alone(call)

        decoder.memory._alone = late
        with decoder.reading(other) as text:
            assert text.next() == generated(model_of("phi3"), other, 1)


def test_where_a_copy_cannot_be_made_nothing_is_left_behind():
    def alone(call):
        raise MemoryError

    memory = memory_of(9, alone=alone)
    running = memory.begin(of(1))
    read(running, of(1))
    with pytest.raises(MemoryError):
        memory.begin(of(1), room="awaited")
    memory.keep(running)
    assert shown(memory) == [of(1)]
    assert not any(text.is_running for text in memory._texts)


@pytest.mark.parametrize("fault", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("not enough memory")])
def test_a_copy_that_the_device_has_no_room_for_is_a_memory_error(fault, monkeypatch):
    def first(state, length):
        raise fault

    decoder, prompt = Decoder(model_of("llama")), [5, 6, 7, 8]
    with decoder.reading(prompt) as running:
        running.next()
        monkeypatch.setattr(SlabCache, "first", first)
        with pytest.raises(MemoryError), decoder.reading(prompt):
            pass


def test_what_is_not_worth_keeping_is_not_kept():
    memory = memory_of(9, Echo(reach=20))
    half_read = memory.begin(of(1))
    read(half_read, of(1))
    half_read.is_whole = False
    too_long = memory.begin(of(2))
    read(too_long, of(2, 21))
    for text in (half_read, too_long, memory.begin(of(3)), memory.begin(of(4, 21))):
        memory.keep(text)
    assert shown(memory) == []


def test_a_full_device_keeps_half_from_then_on_and_nothing_at_once():
    memory = memory_of(9)
    running = memory.begin(of(9, 65))
    read(running, of(9, 65))
    for number in range(4):
        kept(memory, of(number))
    memory.shrink()
    assert memory._texts == [running]
    assert memory.kept_bytes == 4 * SLAB
    memory.shrink()
    assert memory.kept_bytes == 4 * SLAB


numbers = st.lists(st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 256, 2**24]), max_size=40)


@given(start=numbers, one=numbers, other=numbers)
def test_the_common_start_of_two_texts_is_found_to_the_token(start, one, other):
    one, other = start + one, start + other
    pairs = list(zip(one, other, strict=False))
    expected = next((at for at, (a, b) in enumerate(pairs) if a != b), len(pairs))
    assert num_common(as_bytes(one), as_bytes(other)) == expected


def as_bytes(ids):
    return b"".join(number.to_bytes(4, "little") for number in ids)
