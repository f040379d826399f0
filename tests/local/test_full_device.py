"""What becomes of a pass for which the device has no room, and of the text that was being read."""

import weakref

import pytest
import torch

from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.works import Piece
from tests.local.small_models import generated, model_of
from tests.local.test_rounds import PROMPT, PROMPTS, next_tokens, piece

FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    MemoryError(),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 80 bytes"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 80 bytes"),
    RuntimeError("MPS backend out of memory"),
]
every_full = pytest.mark.parametrize("full", FULL, ids=["cuda", "python", "cpu", "another cpu", "mps"])


def failing(model, times, fault):
    """Have the next passes fail halfway; return the list of all that were tried."""
    tried = []

    def fail(module, args):
        tried.append(1)
        if len(tried) <= times:
            raise fault

    model.model.layers[2].register_forward_pre_hook(fail)
    return tried


@every_full
def test_a_full_device_is_cleared_and_the_pass_tried_once_more(model, rounds, full):
    decoder = Decoder(model)
    with decoder.reading(PROMPT) as text:
        text.next()
    tried = failing(model, 1, full)
    asked = piece(rounds, PROMPTS[0])
    rounds.do(asked)
    assert asked.fault is None
    assert asked.best == next_tokens()[0]
    assert len(tried) == 2
    assert decoder.memory._texts == []
    assert decoder.memory.kept_bytes == 64 * 1024 // 2


@every_full
def test_a_device_that_is_full_with_nothing_kept_is_a_memory_error_and_leaves_the_text_as_it_was(model, rounds, full):
    asked = piece(rounds, PROMPTS[0])
    rounds.do(asked)
    tried = failing(model, 2, full)
    more = Piece(text=asked.text, ids=asked.best, num_logits=1)
    rounds.do(more)
    assert isinstance(more.fault, MemoryError)
    assert len(tried) == 2
    assert list(asked.text.ids) == PROMPTS[0]
    again = Piece(text=asked.text, ids=asked.best, num_logits=1)
    rounds.do(again)
    assert [*asked.best, *again.best] == generated(model_of("llama"), PROMPTS[0], 2)


def test_what_a_failed_pass_computed_is_gone_before_it_is_tried_again(model, rounds):
    computed, there = [], []

    def fail(module, args):
        there.extend(reference() is not None for reference in computed)
        if not computed:
            activations = torch.zeros(1)
            computed.append(weakref.ref(activations))
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.model.layers[2].register_forward_pre_hook(fail)
    rounds.do(piece(rounds, PROMPT))
    assert there == [False]


def test_another_fault_is_not_tried_again(model, rounds):
    tried = failing(model, 1, RuntimeError("CUDA error: misaligned address"))
    asked = piece(rounds, PROMPT)
    rounds.do(asked)
    assert str(asked.fault) == "CUDA error: misaligned address"
    assert len(tried) == 1


def test_a_shared_pass_that_the_device_has_no_room_for_is_read_one_after_the_other(model, rounds):
    assert rounds.worker.packing.is_possible
    tried = failing(model, 1, torch.OutOfMemoryError("CUDA out of memory"))
    pieces = [piece(rounds, ids) for ids in PROMPTS]
    rounds.do(*pieces)
    assert len(tried) == 4
    assert rounds.worker.num_passes == 3
    assert [each.best for each in pieces] == next_tokens()
