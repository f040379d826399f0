"""Is the final answer of a reply the right one? Numbers, fractions, percentages, units, LaTeX."""

from stream_aligner_lc.evaluation.maths.answers import final_answer
from stream_aligner_lc.evaluation.maths.comparing import is_same_answer

__all__ = ["final_answer", "is_same_answer"]
