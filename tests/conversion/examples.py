"""Answers and corrections paired by hand, and texts made at random."""

import json
import random
from pathlib import Path

from hypothesis import strategies as st

from stream_aligner_lc.segmentation import segment
from tests.texts import markdown

EXAMPLES = json.loads((Path(__file__).parent / "pairs.json").read_text(encoding="utf-8"))
NAMES = [example["name"] for example in EXAMPLES]

_WORDS = """
harbour window yellow seven listen carpet northern butter follow engine pocket silver morning doctor bridge
winter travel garden number letter coffee summer island orange market people answer mother forest planet
"""
WORDS = _WORDS.split()


def sentence(rng):
    return " ".join(rng.choice(WORDS) for _ in range(9)).capitalize() + "."


def sentences(count, *, seed):
    rng = random.Random(seed)
    return [sentence(rng) for _ in range(count)]


def cores(text):
    return [piece.core for piece in segment(text) if piece.core]


def is_judged(text):
    return [piece.core for piece in segment(text) if piece.core and piece.kind not in ("code", "math", "table", "rule")]


@st.composite
def corrected(draw):
    """A text, and what became of it: pieces changed, dropped, doubled, put in and swapped; or another text."""
    answer = draw(st.one_of(markdown, st.just("")))
    if draw(st.integers(0, 4)) == 0:
        return answer, draw(markdown)
    pieces = [piece.text for piece in segment(answer)]
    for _ in range(draw(st.integers(0, 4))):
        if not pieces:
            break
        place = draw(st.integers(0, len(pieces) - 1))
        change = draw(st.sampled_from(["drop", "double", "put in", "swap", "glue"]))
        if change == "drop":
            del pieces[place]
        elif change == "double":
            pieces.insert(place, pieces[place])
        elif change == "put in":
            pieces.insert(place, draw(markdown))
        elif change == "glue":
            pieces[place] = pieces[place].rstrip(" .!?\n") + ", "
        else:
            pieces[place], pieces[0] = pieces[0], pieces[place]
    return answer, "".join(pieces)
