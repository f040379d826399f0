"""One self-contained HTML page of an evaluation or of a log: figures, plots, and every reply with its corrections."""

from stream_aligner_lc.report.page import report

__all__ = ["report"]
