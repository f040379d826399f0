"""The playground: a page on which a person asks, and watches drafts, verdicts and the released reply side by side."""

from stream_aligner_lc.playground.routes import FILES, REPLY, router

__all__ = ["FILES", "REPLY", "router"]
