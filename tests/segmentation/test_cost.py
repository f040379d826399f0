"""Work grows with the text, each token costs little, and sentences are known early."""

import re
from functools import partial

import pytest

from stream_aligner_lc.segmentation import Segmenter
from tests.segmentation.helpers import FIXTURES
from tests.segmentation.shapes import SHAPES, shape
from tests.steps import steps

TOKEN = re.compile(r" ?\w+| ?[^\w\s]+|\s+(?=\S)|\s+")


def read(text: str, size: int) -> None:
    segmenter = Segmenter()
    for i in range(0, len(text), size):
        segmenter.feed(text[i : i + size])
    segmenter.flush()


@pytest.mark.parametrize("name", SHAPES)
def test_work_grows_with_the_text(name: str):
    small, large = (steps(partial(read, shape(name, size), 4)) for size in (1500, 6000))
    assert large < 4.4 * small, f"four times the text takes {large / small} times the work"


# Where a pattern goes back and forth, that takes minutes to hours; otherwise a second at most.
@pytest.mark.timeout(90)
@pytest.mark.parametrize("name", SHAPES)
def test_no_pattern_hangs_on_one_huge_chunk(name: str):
    read(shape(name, 300_000), 300_000)


def test_a_token_costs_little_in_a_long_text_too():
    text = "".join(shape(name, 2000) + "\n\n" for name in SHAPES) + (FIXTURES / "plain.txt").read_text() * 5
    segmenter = Segmenter()
    costs = sorted(steps(partial(segmenter.feed, text[i : i + 4])) for i in range(0, len(text), 4))
    # Most take forty lines of Python, the end of a sentence a few hundred.
    assert costs[int(len(costs) * 0.999)] < 1000


def test_a_sentence_is_known_with_the_next_token():
    text = (FIXTURES / "plain.txt").read_text()
    segmenter = Segmenter("en")
    tokens = TOKEN.findall(text)
    assert "".join(tokens) == text
    ends, at = [], 0
    for token in tokens:
        at += len(token)
        ends.append(at)
    waits = []
    known: set[int] = set()
    for number, token in enumerate(tokens):
        found = segmenter.feed(token)
        if (seen := segmenter.peek()) is not None:
            found = [*found, seen]
        for s in found:
            if s.start in known:
                continue
            known.add(s.start)
            core_end = s.start + len(s.lead) + len(s.core)
            waits.append(number - next(i for i, end in enumerate(ends) if end >= core_end))
    assert len(waits) > 25
    assert sum(waits) / len(waits) <= 1.2
