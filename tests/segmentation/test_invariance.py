"""How a text is chunked changes neither its segments nor what is promised of them."""

import random

import pytest

from stream_aligner_lc.segmentation import KINDS, Segmenter, make_segmenter
from tests.segmentation.helpers import CASES, FIXTURES, STREAMED, TINY, check_exact, maker, pour, split_randomly
from tests.segmentation.shapes import SHAPES, shape

PARTS = [
    "a", "Bc", "Dr.", "U.S.", "e.g.", "1", "12", "3.", ".", "!", "?", "…", "...", "。", "？", "।",
    " ", " ", "  ", "\n", "\n",
    "\n\n", "\r\n", "\t", "\u00a0", "\u3000", "(", ")", "[", "]", '"', "'", "“", "”", "„", "«",
    "»", "「", "」", "`", "``",
    "```", "```\n", "~~~", "~~~\n", "$", "$$", "$$\n", "\\(", "\\)", "\\[", "\\]", "\\begin{a}",
    "\\end{a}", "#", "# ",
    "## x\n", "- ", "* ", "1. ", "a) ", "> ", "|", "| a | b |\n", "|---|---|\n", "a|b\n", "-|-\n",
    "---", "---\n", "===\n", "*",
    "**", "_", "[1]", "é", "e\u0301", "👍", "🎉", "👨\u200d👩", "\u200d", "\ufe0f", "\ud83d", "\ude00",
    "\x00", "你好", "안녕",
    "ไทย", "Α;", " Γειά; ", ":", ";", ",", "I", "The", "He", " iPhone", "\u2028", "\x85", "\x1c",
    "🇩🇪", "</b>", ":)",
]  # fmt: skip
LIMITS = [
    {},
    TINY,
    {"max_chars": 7, "hold_chars": 3, "max_block": 9},
    {"max_chars": 1, "hold_chars": 0, "max_block": 1},
    {"max_chars": 30, "hold_chars": 100, "max_block": 20},
]
SEEDS = range(8)
TEXTS_PER_SEED = 300


def random_text(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.15:
        text = rng.choice(CASES).text
        i = rng.randrange(len(text))
        return text[i:] + rng.choice(PARTS) + text[:i]
    if draw < 0.3:
        return rng.choice(PARTS) * rng.randint(1, 80)
    some = rng.sample(PARTS, rng.randint(2, 30))
    return "".join(rng.choice(some) for _ in range(rng.randint(1, 60)))


@pytest.mark.parametrize("seed", SEEDS)
def test_chunking_never_changes_the_segments(seed: int):
    rng = random.Random(seed)
    for number in range(TEXTS_PER_SEED):
        text = random_text(rng)
        options = {
            **rng.choice(LIMITS),
            "lang": rng.choice([None, "en", "de", "zh", "el"]),
            "through": rng.choice([(), STREAMED, tuple(KINDS)]),
            "markdown": rng.random() < 0.9,
        }
        granularity = rng.choice(["sentence", "sentence", "sentence", "paragraph"])
        expected = pour(make_segmenter(granularity, **options), [text])
        check_exact(text, expected)
        for chunks in (list(text), split_randomly(rng, text, 3), split_randomly(rng, text, 12)):
            got = pour(make_segmenter(granularity, **options), chunks)
            assert got == expected, f"seed {seed}, text {number}: {text!r} with {options}"


@pytest.mark.parametrize("name", SHAPES)
def test_chunking_never_changes_monotonous_text(name: str):
    text = shape(name, 3000)
    for limits in ({}, TINY):
        expected = pour(Segmenter(**limits), [text])
        assert pour(Segmenter(**limits), text) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_handed_out_is_never_taken_back(seed: int):
    rng = random.Random(1000 + seed)
    for _ in range(150):
        text = random_text(rng)
        limits = rng.choice(LIMITS)
        whole = pour(Segmenter(**limits), [text])
        for _ in range(3):
            early = Segmenter(**limits).feed(text[: rng.randint(0, len(text))])
            assert whole[: len(early)] == early, f"seed {seed}: {text!r} with {limits}"


@pytest.mark.parametrize("name", ["guide.md", "answer.md", "plain.txt"])
@pytest.mark.parametrize("limits", LIMITS[:3])
@pytest.mark.parametrize("through", [(), STREAMED])
def test_chunking_never_changes_a_document(name: str, limits: dict, through: tuple):
    rng = random.Random(3)
    make = maker(through=through, **limits)
    unix = (FIXTURES / name).read_text(encoding="utf-8")
    for text in (unix, unix.replace("\n", "\r\n")):
        expected = pour(make(), [text])
        check_exact(text, expected)
        assert pour(make(), text) == expected
        for most in (2, 5, 20, 100, 700):
            assert pour(make(), split_randomly(rng, text, most)) == expected


def test_a_huge_chunk_is_like_many_small_ones():
    text = "".join(case.text + "\n\n" for case in CASES) * 4
    assert pour(Segmenter(), [text]) == pour(Segmenter(), split_randomly(random.Random(2), text, 9))


def test_peek_changes_nothing():
    segmenter = Segmenter()
    assert segmenter.peek() is None
    assert segmenter.feed("  Yes.\n  ") == []
    seen = segmenter.peek()
    assert seen is not None
    assert (seen.text, seen.kind, seen.start, seen.cut) == ("  Yes.\n", "prose", 0, False)
    assert segmenter.peek() == seen
    assert segmenter.decided == 6
    assert segmenter.feed("\nNo") == [seen._replace(text="  Yes.\n  \n")]
    assert segmenter.peek() is None
    assert segmenter.decided is None
