"""What the parts of a segmenter share: its limits and options, and what they tell each other."""

from dataclasses import dataclass
from typing import NamedTuple

from stream_aligner_lc.segmentation.words import Lexicon

SPACE_LIMIT = 150  # whitespace behind a piece that is looked over, and handed out with it


@dataclass(frozen=True, slots=True)
class Rules:
    """The options of one segmenter, checked."""

    lexicon: Lexicon
    max_chars: int
    hold_chars: int
    max_block: int
    markdown: bool
    through: frozenset[str]


class Piece(NamedTuple):
    """A piece whose core is decided; the whitespace behind it may still be arriving.

    `cut` is None where only the end of the text makes the piece the last one of its block.
    """

    core_end: int
    kind: str
    cut: bool | None
