"""The sixty cases: right with the language given, forced to English, and unknown."""

from itertools import pairwise

import pytest

from stream_aligner_lc.segmentation import Segment, Segmenter, segment
from tests.segmentation.helpers import CASES, STREAMED, TINY, Case, check_exact, cores, is_right, maker, pour

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@each_case
def test_every_case_is_right_in_its_language(case: Case):
    segments = segment(case.text, case.lang)
    check_exact(case.text, segments)
    assert is_right(case, segments), cores(segments)


@each_case
def test_every_case_is_right_without_a_language(case: Case):
    segments = segment(case.text)
    check_exact(case.text, segments)
    assert is_right(case, segments), cores(segments)


def test_a_wrong_language_hardly_matters():
    right = 0
    for case in CASES:
        segments = segment(case.text, "en")
        check_exact(case.text, segments)
        right += is_right(case, segments)
    assert right >= 55


@each_case
@pytest.mark.parametrize("options", [{}, TINY], ids=["default", "tiny"])
@pytest.mark.parametrize("through", [(), STREAMED], ids=["whole", "streamed"])
def test_a_cut_at_any_place_changes_nothing(case: Case, options: dict, through: tuple):
    make = maker(case.lang, through=through, **options)
    expected = pour(make(), [case.text])
    check_exact(case.text, expected)
    assert pour(make(), case.text) == expected
    for i in range(1, len(case.text)):
        assert pour(make(), [case.text[:i], case.text[i:]]) == expected, f"cut at {i}"


def known_after(text: str, lang: str) -> dict[int, int]:
    """Return for each segment's start how many characters it takes until its core is decided."""
    segmenter = Segmenter(lang)
    known: dict[int, int] = {}

    def note(segments: list[Segment], fed: int) -> None:
        for s in segments:
            known.setdefault(s.start, fed)

    for i, c in enumerate(text, 1):
        note(segmenter.feed(c), i)
        if (seen := segmenter.peek()) is not None:
            note([seen], i)
    return known


# A line that starts like these may be an underline, a rule or an item, which takes one more look.
_UNDECIDED_LINES = ("-", "=", "|", "`", "$", "\\", "*", "_", "+", "#", "1", "2", "3")


@each_case
def test_a_sentence_is_known_as_soon_as_the_next_one_starts(case: Case):
    known = known_after(case.text, case.lang)
    segments = segment(case.text, case.lang)
    for this, following in pairwise(segments):
        start = following.start + len(following.lead)
        word = this.core.split()[-1]
        last = start + 1
        if word.endswith(".") or following.core.startswith(_UNDECIDED_LINES):
            last = start + len(following.core.split()[0]) + 1
        if not this.trail:  # a closer could still follow
            last += 1
        assert known[this.start] <= last, (this, following)
