"""Nothing is lost, added or moved, whatever the text."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_aligner_lc.segmentation import KINDS, make_segmenter, segment
from tests.segmentation.helpers import STREAMED, TINY, check_exact, pour

ODD = [
    "\r\n", "\r", "\n", "\x00", "\u200d", "\ufe0f", "\u0301", "\ud83d", "\ude00", "\ud83d\ude00",
    "\x1c", "\x85", "\u2028",
    "\u00a0", "\u3000", "\ufeff", "👩\u200d🚀", "🇩🇪", "Dr.", ". ", "。", "! ", "```", "$$", "| a |",
    "# ", "- ", "“", "”", "(", ")",
    "\\begin{a}", "\\[", "---\n", "> ", "1. ",
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(ODD), st.text(st.characters(), max_size=5)), max_size=60).map("".join)
relaxed = settings(
    max_examples=300,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)


@relaxed
@given(text=texts, tiny=st.booleans(), through=st.sampled_from([(), STREAMED, tuple(KINDS)]))
def test_the_segments_join_up_to_the_text(text: str, tiny: bool, through: tuple):
    check_exact(text, segment(text, through=through, **(TINY if tiny else {})))


@relaxed
@given(text=texts, size=st.integers(1, 9), granularity=st.sampled_from(["sentence", "paragraph", "response"]))
def test_chunks_of_any_size_join_up_to_the_text(text: str, size: int, granularity: str):
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    check_exact(text, pour(make_segmenter(granularity, through=STREAMED), chunks))


@pytest.mark.parametrize("limits", [{}, TINY], ids=["default", "tiny"])
def test_a_long_odd_text_joins_up(limits: dict):
    rng = random.Random(11)
    text = "".join(rng.choice([*ODD, "Word ", "word. "]) for _ in range(60_000))
    assert len(text) > 100_000
    check_exact(text, segment(text, **limits))


def test_a_text_of_nothing_has_no_segments():
    assert segment("") == []


@pytest.mark.parametrize("text", [" ", "\n", "\r\n", "\u00a0", "\x1c", " \n \n"])
def test_whitespace_alone_is_one_space_segment(text: str):
    assert [(s.text, s.kind, s.core) for s in segment(text)] == [(text, "space", "")]


def test_only_space_segments_have_no_core():
    rng = random.Random(5)
    for _ in range(300):
        text = "".join(rng.choice([*ODD, "a", " ", "\n" * 200, " " * 200]) for _ in range(20))
        for s in segment(text, through=STREAMED, **TINY):
            assert (s.core == "") == (s.kind == "space"), s


def test_indentation_belongs_to_the_line_it_indents():
    first, second = segment("One.\n\n   Two.")
    assert (first.trail, second.lead) == ("\n\n", "   ")
