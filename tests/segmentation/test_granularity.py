"""Paragraphs and whole texts: made of the same segments, bounded, and as early as they can be."""

import pytest

from stream_aligner_lc.segmentation import Cutter, Segment, Segmenter, make_segmenter, segment
from tests.segmentation.helpers import CASES, FIXTURES, STREAMED, check_exact, pour


def paragraphs(text: str, **options) -> list[Segment]:
    return pour(make_segmenter("paragraph", **options), [text])


def test_sentences_come_from_the_segmenter_itself():
    assert isinstance(make_segmenter("sentence"), Segmenter)


def test_a_paragraph_ends_with_a_blank_line():
    text = "One. Two.\nThree.\n\n# Title\nFour.\n\n- a\n- b\n\n\nFive."
    got = paragraphs(text)
    check_exact(text, got)
    assert [(s.kind, s.core) for s in got] == [
        ("prose", "One. Two.\nThree."),
        ("heading", "# Title\nFour."),
        ("item", "- a\n- b"),
        ("prose", "Five."),
    ]


def test_a_paragraph_ends_before_what_passes_through():
    text = "See this. And:\n```\na\nb\n```\nMore. End."
    got = paragraphs(text, through=STREAMED)
    assert [(s.kind, s.core, s.cut) for s in got] == [
        ("prose", "See this. And:", False),
        ("code", "```", True),
        ("code", "a", True),
        ("code", "b", True),
        ("code", "```", False),
        ("prose", "More. End.", False),
    ]


def test_a_long_paragraph_ends_at_a_sentence():
    text = "This is a sentence of some length. " * 200
    got = paragraphs(text, max_chars=50)
    check_exact(text, got)
    assert len(got) > 3
    for s in got[:-1]:
        assert s.cut
        assert s.core.endswith(".")
        assert 1000 < len(s.core) < 1100


def test_a_paragraph_without_sentences_ends_too():
    assert max(len(s.text) for s in paragraphs("word " * 4000, max_chars=50)) < 2200


def test_a_paragraph_is_known_at_its_blank_line():
    cutter = make_segmenter("paragraph")
    assert cutter.feed("One. Two.\n") == []
    assert cutter.peek() is None
    assert cutter.feed("\n") == []
    seen = cutter.peek()
    assert seen == Segment("One. Two.\n\n", "prose", 0, False)
    assert cutter.feed("Three") == [seen]


@pytest.mark.parametrize("name", ["guide.md", "answer.md", "plain.txt"])
@pytest.mark.parametrize("through", [(), STREAMED])
def test_paragraphs_are_made_of_the_sentences(name: str, through: tuple):
    text = (FIXTURES / name).read_text(encoding="utf-8")
    whole = paragraphs(text, through=through)
    check_exact(text, whole)
    assert pour(make_segmenter("paragraph", through=through), text) == whole
    starts = {s.start for s in segment(text, through=through)}
    assert {s.start for s in whole} <= starts


@pytest.mark.parametrize("text", [*(case.text for case in CASES), " \n ", ""])
def test_a_response_is_one_segment(text: str):
    cutter: Cutter = make_segmenter("response", through=STREAMED)
    for c in text:
        assert cutter.feed(c) == []
        assert cutter.peek() is None
    got = cutter.flush()
    check_exact(text, got)
    assert [s.kind for s in got] == ([] if not text else ["prose" if text.strip() else "space"])
