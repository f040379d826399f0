"""Make correction data: prompts in, an upstream and a teacher, rows out."""

from stream_aligner_lc.annotation.graph import annotation_graph
from stream_aligner_lc.annotation.outcomes import Summary, Tokens
from stream_aligner_lc.annotation.work import annotate

__all__ = ["Summary", "Tokens", "annotate", "annotation_graph"]
