"""The playground: a page on which a person asks, and watches drafts, verdicts and the released reply side by side."""

from stream_aligner_lc.playground.routes import FILES, REPLY, router
from stream_aligner_lc.playground.watching import Observer

__all__ = ["FILES", "REPLY", "Observer", "router"]
