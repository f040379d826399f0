"""Nothing grows without bound, and what is cut is cut where it hurts least."""

import pytest

from stream_aligner_lc.segmentation import Segmenter, segment
from tests.segmentation.helpers import STREAMED, check_exact
from tests.segmentation.shapes import SHAPES, shape

SLACK = 310


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("max_chars", [40, 600])
def test_prose_is_never_much_longer_than_its_limit(name: str, max_chars: int):
    text = shape(name, 20_000)
    segments = segment(text, max_chars=max_chars, through=STREAMED)
    check_exact(text, segments)
    for s in segments:
        if s.kind != "quote":
            assert len(s.text) <= max_chars + SLACK


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_held_back_is_bounded(name: str):
    segmenter = Segmenter(max_chars=100, max_block=500)
    held = 0
    for c in shape(name, 5000):
        held += 1 - sum(len(s.text) for s in segmenter.feed(c))
        assert held <= 1500


def test_a_cut_falls_on_a_space_in_the_second_half():
    text = "word " * 400
    *cut, _ = segment(text, max_chars=100)
    assert cut
    for s in cut:
        assert s.cut
        assert s.text.endswith(" ")
        assert 50 < len(s.core) <= 100


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("aaa bbb ccc; ddd, eee fff ggg hhh iii jjj", "aaa bbb ccc;"),
        ("aaa bbb ccc, ddd eee fff ggg hhh iii jjj", "aaa bbb ccc,"),
        ("aaa bbb ccc ddd eee fff ggg hhh iii jjj", "aaa bbb ccc ddd eee"),
        ("a" * 40, "a" * 20),
        ("我" * 11 + "，" + "我" * 20, "我" * 11 + "，"),
        ("我" * 12 + "；" + "我，" * 20, "我" * 12 + "；"),
    ],
)
def test_a_cut_prefers_the_weightiest_mark(text: str, first: str):
    segments = segment(text, max_chars=20)
    assert segments[0].core == first
    assert segments[0].cut


@pytest.mark.parametrize("together", ["e\u0301", "👩\u200d🚀", "❤\ufe0f", "\ud83d\ude00", "🇩🇪", "👍🏽", "कि"])
def test_a_hard_cut_never_parts_what_is_one_character_to_a_reader(together: str):
    for lead in range(4):
        text = "x" * lead + together * 60
        for s in segment(text, max_chars=20)[:-1]:
            rest = s.text.lstrip("x")
            assert rest == together * (len(rest) // len(together))


def test_a_cut_never_parts_a_windows_newline():
    for size in range(1, 40):
        for s in segment(" " * size + "\r\n" * 200 + "a\r\n" * 20, max_chars=1, through=STREAMED):
            assert not s.text.endswith("\r")
            assert not s.text.startswith("\n")


def test_short_brackets_and_quotes_hold_a_sentence_together_and_long_ones_do_not():
    short = "He said “One. Two. Three.” and left. Bye."
    assert len(segment(short)) == 2
    long = "He said “" + "One two three. " * 40 + "” and left. Bye."
    assert len(segment(long)) > 30
    assert len(segment(short, hold_chars=5)) > 2


def test_a_sentence_end_next_to_the_limit_counts():
    text = "a" * 18 + "b. Next one is here. " * 3
    assert segment(text, max_chars=20)[0].core == "a" * 18 + "b."
    assert not segment(text, max_chars=21)[0].cut
