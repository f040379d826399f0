"""A reply, added up and counted while it is written, whoever reads it."""

from __future__ import annotations

import time

from langchain_core.messages import AIMessageChunk

from stream_aligner_lc.playground import Observer
from stream_aligner_lc.serving.gate import Gate
from stream_aligner_lc.serving.metrics import Metrics
from stream_aligner_lc.serving.refusals import of_fault
from stream_aligner_lc.serving.said import Delta, Said

CLIENT_LEFT = 499
"""The status under which a request counts whose client left, as in the logs of nginx."""


class Counted:
    """Take a reply's chunks, and count what it cost when it is whole."""

    def __init__(self, metrics: Metrics) -> None:
        self.so_far = Said()
        self._metrics = metrics
        self._since = time.perf_counter()
        self._is_timed = False

    def take(self, chunk: AIMessageChunk) -> str | Delta | None:
        """Add a chunk; return what it adds, as `Said.delta`."""
        delta = self.so_far.delta(chunk)
        if not self._is_timed and self.so_far.text:
            self._is_timed = True
            self._metrics.time_first(time.perf_counter() - self._since)
        return delta

    def end(self) -> None:
        """Count a whole reply."""
        said = self.so_far
        self._metrics.count_reply(said.totals, said.finish_reason, time.perf_counter() - self._since)


class Watcher(Observer):
    """Count a reply of the playground, and its request, as those of the interface are counted."""

    def __init__(self, metrics: Metrics, gate: Gate) -> None:
        self._counted = Counted(metrics)
        self._metrics = metrics
        self._gate = gate

    def said(self, chunk: AIMessageChunk) -> None:
        """Take what was released."""
        self._counted.take(chunk)

    def ended(self) -> None:
        """Count a whole reply."""
        self._counted.end()
        self._metrics.count_answer(200)

    def failed(self, fault: Exception) -> None:
        """Count what broke it off."""
        refusal = of_fault(fault)
        self._metrics.count_fault(refusal.whose)
        self._metrics.count_answer(refusal.status)

    def left(self) -> None:
        """Count a reply whose reader left, or that the server's own end broke off."""
        if not self._gate.is_broken_off:
            self._metrics.count_answer(CLIENT_LEFT)
            return
        self._metrics.count_fault("server")
        self._metrics.count_answer(503)
