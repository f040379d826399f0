"""What Prometheus is told: counts and times.

Rule: no text of a conversation, nor anything else that a request says, is a label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60)


class Metrics:
    """The figures of one application, in a registry of its own."""

    def __init__(self, running: Callable[[], int]) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "stream_aligner_requests",
            "Requests for a reply, of clients and of the playground's page, by the status of the answer; 499: the "
            "client left. A fault in the middle of a stream counts under the status that it would have had.",
            ["status"],
            registry=registry,
        )
        in_flight = Gauge("stream_aligner_replies_in_flight", "Replies that are being written.", registry=registry)
        in_flight.set_function(running)
        self._first = Histogram(
            "stream_aligner_first_sentence_seconds",
            "From the request to the first released text.",
            registry=registry,
            buckets=_SECONDS,
        )
        self._seconds = Histogram(
            "stream_aligner_reply_seconds",
            "From the request to the end of a whole reply.",
            registry=registry,
            buckets=_SECONDS,
        )
        self._sentences = Counter(
            "stream_aligner_sentences", "Sentences of whole replies.", ["verdict"], registry=registry
        )
        self._restarts = Counter("stream_aligner_restarts", "Restarts of the upstream.", registry=registry)
        self._tokens = Counter(
            "stream_aligner_tokens",
            "Tokens of whole replies; those of the upstream are estimated where it reports none.",
            ["model", "direction"],
            registry=registry,
        )
        self._aligning = Counter(
            "stream_aligner_aligner_seconds", "Seconds that sentences waited for the aligner.", registry=registry
        )
        self._faults = Counter(
            "stream_aligner_faults",
            "Faults, by whose they are; those of the aligner that a reply outlived, too.",
            ["whose"],
            registry=registry,
        )
        self._ends = Counter(
            "stream_aligner_replies",
            "Whole replies, by OpenAI's reason for their end.",
            ["finish_reason"],
            registry=registry,
        )

    def count_answer(self, status: int) -> None:
        """Count a request by its answer."""
        self._requests.labels(str(status)).inc()

    def count_fault(self, whose: str) -> None:
        """Count what kept a reply from its end: the server, the upstream or the aligner."""
        self._faults.labels(whose).inc()

    def time_first(self, seconds: float) -> None:
        """Take the time to the first text."""
        self._first.observe(seconds)

    def count_reply(self, totals: Mapping[str, Any] | None, finish_reason: str, seconds: float) -> None:
        """Count a whole reply by its totals; one that is not aligned has none."""
        self._ends.labels(finish_reason).inc()
        self._seconds.observe(seconds)
        if totals is None:
            return
        for verdict, number in totals["sentences"].items():
            self._sentences.labels(verdict).inc(number)
        self._restarts.inc(totals["restarts"])
        for direction in ("input", "output"):
            self._tokens.labels("upstream", direction).inc(_counted(totals["upstream_tokens"][direction]))
        self._tokens.labels("aligner", "output").inc(_counted(totals["aligner_tokens"]))
        self._aligning.inc(totals["aligner_seconds"])
        self._faults.labels("aligner").inc(totals["aligner_faults"])

    def page(self) -> bytes:
        """Return what Prometheus reads."""
        return generate_latest(self._registry)


def _counted(tokens: int) -> int:
    """Return what is added: a provider may report nonsense, and no counter goes down, nor a reply with it."""
    return max(tokens, 0)
