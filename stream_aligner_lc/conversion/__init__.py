"""Public data sets to rows that an aligner is trained on: whole answers are cut and aligned sentence by sentence."""

from stream_aligner_lc.conversion.beads import TooLongError
from stream_aligner_lc.conversion.converting import Summary, convert
from stream_aligner_lc.conversion.formats import FORMATS, Converter
from stream_aligner_lc.conversion.pairs import Alignment, Pair, align, aligned

__all__ = ["FORMATS", "Alignment", "Converter", "Pair", "Summary", "TooLongError", "align", "aligned", "convert"]
