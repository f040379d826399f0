"""Wrong arguments are refused with the value and the way out."""

import pytest

from stream_aligner_lc.segmentation import KINDS, Segmenter, make_segmenter, segment


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_chars": 0}, "max_chars.*at least 1.*got 0"),
        ({"max_chars": -3}, "max_chars.*got -3"),
        ({"max_chars": 1.5}, "max_chars.*got 1.5"),
        ({"max_chars": True}, "max_chars.*got True"),
        ({"hold_chars": -1}, "hold_chars.*got -1"),
        ({"max_block": 0}, "max_block.*got 0"),
        ({"lang": 5}, "lang.*got 5"),
        ({"lang": b"en"}, "lang.*got b'en'"),
        ({"through": ["code", "poem"]}, "through.*'poem'.*Use some of"),
        ({"through": "code"}, r"through.*got 'code'. Write `\('code',\)`"),
        ({"oracle": "punkt"}, "oracle.*got 'punkt'"),
        ({"oracle": 3}, "oracle.*got 3"),
    ],
)
def test_a_wrong_option_is_refused(options: dict, says: str):
    with pytest.raises(ValueError, match=says):
        Segmenter(**options)
    with pytest.raises(ValueError, match=says):
        make_segmenter("paragraph", **options)


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError):
        segment("a", max_char=5)


def test_an_unknown_granularity_is_refused():
    with pytest.raises(ValueError, match=r"sentence, paragraph, response, got 'word'"):
        make_segmenter("word")


@pytest.mark.parametrize("granularity", ["sentence", "paragraph", "response"])
def test_only_text_can_be_fed(granularity: str):
    with pytest.raises(TypeError, match=r"got bytes\. Decode bytes first"):
        make_segmenter(granularity).feed(b"a")  # type: ignore[arg-type]


@pytest.mark.parametrize("granularity", ["sentence", "paragraph", "response"])
def test_nothing_can_be_fed_after_the_end(granularity: str):
    cutter = make_segmenter(granularity)
    cutter.feed("Yes. No")
    assert cutter.flush()
    assert cutter.flush() == []
    with pytest.raises(ValueError, match=r"ended by `flush\(\)`"):
        cutter.feed("a")


def test_every_kind_can_be_streamed():
    assert segment("# A\n\nB. C", through=KINDS)


@pytest.mark.parametrize("lang", ["", "EN", "en-GB", "pt_BR", "zh-Hant", "xx"])
def test_any_language_code_is_fine(lang: str):
    assert len(segment("Dr. No is here. Yes.", lang)) == 2
