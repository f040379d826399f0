"""Nothing an oracle does reaches the stream, except the wish to stop the program."""

import builtins

import pytest

from stream_aligner_lc.segmentation import Segmenter, segment
from tests.segmentation.helpers import CASES, check_exact, cores, is_right, maker, pour

NASTY = "Plan A\u00a0. Next one. A\u2007. B\u2009. C\u3000. \ud83d. Word\ude00. The end. Abk. Haus. The."


class PanicError(BaseException):
    """Like the panic of a Rust extension, which is no `Exception`."""


def raising(error: BaseException):
    def oracle(word: str) -> bool:
        raise error

    return oracle


HOSTILE = [
    raising(UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "surrogates not allowed")),
    raising(PanicError("byte index 7 is not a char boundary")),
    raising(RecursionError()),
    raising(MemoryError()),
    lambda word: None,
    lambda word: 3,
    lambda word: [1, 2, 3],
    lambda word: "yes",
    lambda: True,
    "sentencex",
]


@pytest.mark.parametrize("oracle", HOSTILE)
def test_a_hostile_oracle_harms_nothing(oracle):
    for text in [NASTY, *(case.text for case in CASES)]:
        make = maker("en", oracle=oracle)
        segments = pour(make(), [text])
        check_exact(text, segments)
        assert pour(make(), text) == segments
        if oracle != "sentencex":
            assert segments == segment(text, "en")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_wish_to_stop_comes_through(error):
    with pytest.raises(error):
        segment("A word. Then", oracle=raising(error()))


def test_an_oracle_makes_a_word_an_abbreviation():
    text = "The Qux. Smith came. The Qux. They left."
    assert cores(segment(text)) == ["The Qux.", "Smith came.", "The Qux.", "They left."]
    asked = []

    def oracle(word: str) -> bool:
        asked.append(word)
        return word == "Qux"

    assert cores(segment(text, oracle=oracle)) == ["The Qux. Smith came.", "The Qux.", "They left."]
    assert asked == ["Qux", "came"], "each word is asked about once, and the last one not at all"


def test_sentencex_knows_more_abbreviations():
    pytest.importorskip("sentencex")
    assert all(is_right(case, segment(case.text, case.lang, oracle="sentencex")) for case in CASES)
    assert len(segment("Han bor på Östra gat. Nils kom. Slut.", "sv", oracle="sentencex")) >= 2


def test_a_missing_package_names_the_way_out(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without_sentencex(name, *args, **kwargs):
        if name == "sentencex":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setitem(__import__("sys").modules, "sentencex", None)
    monkeypatch.setattr(builtins, "__import__", without_sentencex)
    with pytest.raises(ValueError, match=r"stream-aligner-lc\[sentencex\]"):
        Segmenter(oracle="sentencex")
