"""What the engine remembers stays within its budget: many replies one after another, many side by side."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from stream_aligner_lc.local.completions import Prompt
from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.engine import DraftingEngine
from tests.local.small_models import random_model

NUM_SENTENCES = 6
MARK = [5, 6]


class Fixture:
    """An engine whose memory is looked at whenever it changes."""

    def __init__(self, kept_bytes):
        self.model = random_model("llama", dtype=torch.float32)
        self.decoder = Decoder(self.model, kept_bytes=kept_bytes)
        self.engine = DraftingEngine(self.decoder, frozenset(), starts_word=bool)
        self.peak = 0
        memory = self.decoder.memory
        for name in ("begin", "keep"):
            setattr(memory, name, self._watched(getattr(memory, name)))

    def _watched(self, call):
        def watched(*args, **kwargs):
            try:
                return call(*args, **kwargs)
            finally:
                # What is there, whatever was reserved.
                texts = list(self.decoder.memory._texts)
                self.peak = max(self.peak, sum(getattr(text.state, "num_bytes", 0) for text in texts))

        return watched

    def reply(self, number):
        """Have a reply of some sentences corrected, each of eight tokens."""
        text = [3 + number % 90, 3 + number // 90, *MARK]
        for sentence in range(NUM_SENTENCES):
            draft = [(7 * number + 11 * sentence + 3 * place) % 90 + 3 for place in range(8)]
            (done,) = self.engine.complete_each(
                [Prompt([*text, *MARK, *draft, *MARK], draft, 8)], stopped=threading.Event()
            )
            text += done.ids
        return text


def num_tensor_bytes():
    gc.collect()
    tensors = {id(thing): thing for thing in gc.get_objects() if type(thing) is torch.Tensor}
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors.values())


def one_text():
    fixture = Fixture(1 << 30)
    fixture.reply(0)
    return fixture.peak


@pytest.fixture(scope="module")
def text_bytes():
    return one_text()


def test_two_hundred_replies_stay_within_the_budget_and_do_not_grow_after_the_fiftieth(text_bytes):
    fixture = Fixture(8 * text_bytes)
    for number in range(50):
        fixture.reply(number)
    after_fifty, peak = num_tensor_bytes(), fixture.peak
    for number in range(50, 200):
        fixture.reply(number)
    assert fixture.peak <= 8 * text_bytes
    assert fixture.peak <= peak + text_bytes
    assert num_tensor_bytes() <= after_fifty + text_bytes


@pytest.mark.parametrize("num_texts", [1, 4, 16])
def test_sixty_four_replies_side_by_side_stay_within_the_budget(text_bytes, num_texts):
    fixture = Fixture(num_texts * text_bytes)
    with ThreadPoolExecutor(64) as pool:
        texts = list(pool.map(fixture.reply, range(64)))
    assert fixture.peak <= num_texts * text_bytes
    alone = Fixture(1 << 30)
    assert texts == [alone.reply(number) for number in range(64)]


def test_without_a_bound_they_take_more_than_that(text_bytes):
    fixture = Fixture(1 << 30)
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(fixture.reply, range(64)))
    assert fixture.peak > 16 * text_bytes
