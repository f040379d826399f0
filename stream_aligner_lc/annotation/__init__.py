"""Make correction data: prompts in, an upstream and a teacher, rows out."""

from stream_aligner_lc.annotation.graph import annotation_graph
from stream_aligner_lc.annotation.outcomes import Summary
from stream_aligner_lc.annotation.work import annotate
from stream_aligner_lc.resumable.outcomes import Tokens

__all__ = ["Summary", "Tokens", "annotate", "annotation_graph"]
