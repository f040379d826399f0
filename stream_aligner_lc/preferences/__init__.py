"""Make preference pairs: each prompt answered aligned and bare, so that the upstream itself can be tuned."""

from stream_aligner_lc.preferences.outcomes import Summary
from stream_aligner_lc.preferences.work import export_preferences

__all__ = ["Summary", "export_preferences"]
