"""Run the annotation graph over many prompts at once, and keep what is finished."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from langchain_core.exceptions import ContextOverflowError

from stream_aligner_lc.accounts import totals
from stream_aligner_lc.annotation.journal import Journal
from stream_aligner_lc.annotation.outcomes import Outcome, Summary, Tokens
from stream_aligner_lc.annotation.prompts import Prompt
from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError
from stream_aligner_lc.faults import status_of
from stream_aligner_lc.graph import AlignedGraph

# After so many failures in a row it is not the prompts: it is a key, a quota, a server that is down.
MAX_FAILED_IN_A_ROW = 20
_TOO_LONG = ("can attend to", "context length", "context window", "context size", "prompt is too long")
_TOO_MANY_REQUESTS = 429

Show = Callable[[Summary], object]


async def run_all(
    prompts: Sequence[Prompt],
    graph: AlignedGraph,
    journal: Journal,
    summary: Summary,
    *,
    concurrency: int,
    show: Show,
    patience: int | None = MAX_FAILED_IN_A_ROW,
) -> None:
    """Answer the prompts that are not finished, so many at a time, and keep and count what comes of each.

    Raises `StreamAlignerError` after `patience` failures in a row, `ConfigurationError` for a model that cannot be
    used, and whatever the journal raises; replies that are being written then are given up.
    """
    before, started = summary.seconds, time.monotonic()
    failures = 0

    async def answer(prompt: Prompt) -> None:
        nonlocal failures
        outcome = await outcome_of(prompt, graph)
        outcome = replace(outcome, elapsed=round(before + time.monotonic() - started, 3))
        journal.append(outcome)
        summary.add(outcome)
        show(summary)
        failures = failures + 1 if outcome.status == "failed" else 0
        if patience is not None and failures >= patience:
            raise StreamAlignerError(
                f"{failures} prompts failed in a row, the last ({outcome.place}) with: {outcome.why} Nothing more was "
                f"tried. What is finished is kept in {str(journal.path)!r}, and the same command goes on from there."
            )

    await _each([prompt for prompt in prompts if prompt.id not in journal.finished], answer, concurrency)


async def outcome_of(prompt: Prompt, graph: AlignedGraph) -> Outcome:
    """Run the graph for one prompt, and say what came of it.

    Raises `ConfigurationError` for what would come again with every prompt.
    """
    seen = _Seen()
    made = Outcome(id=prompt.id, digest=prompt.digest, place=prompt.place, status="done")
    try:
        async with aclosing(graph.astream(prompt.as_input(), stream_mode="updates")) as steps:  # type: ignore[type-var]
            async for step in steps:
                for update in step.values():
                    seen.take(update)
    except Exception as fault:
        if _is_too_long(fault):
            return replace(made, **seen.cost, status="skipped", why=_words(fault))
        if isinstance(fault, ConfigurationError):
            raise
        return replace(made, **seen.cost, status="failed", why=_words(fault))
    return replace(made, **seen.cost, rows=seen.rows, unusable=seen.unusable)


class _Seen:
    """What the updates of one run said."""

    def __init__(self) -> None:
        self.rows: Sequence[Mapping[str, Any]] = ()
        self.unusable = 0
        self.cost: dict[str, Any] = {}

    def take(self, update: Mapping[str, Any]) -> None:
        """Take the update of one step."""
        self.rows = update.get("rows", self.rows)
        for judged in update.get("judged", ()):
            self.unusable += judged["verdict"] == "kept"
            self.cost["teacher"] = self.cost.get("teacher", Tokens()) + Tokens(**judged["tokens"])
        if "progress" in update:
            said = totals(update["progress"], {})["upstream_tokens"]
            self.cost["upstream"] = Tokens(**said)


async def _each(prompts: Iterable[Prompt], answer: Callable[[Prompt], Awaitable[None]], concurrency: int) -> None:
    waiting = iter(prompts)

    async def work() -> None:
        for prompt in waiting:
            await answer(prompt)

    workers = [asyncio.create_task(work(), name=f"annotate-{number}") for number in range(concurrency)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        # Their streams are closed before the journal is.
        await asyncio.gather(*workers, return_exceptions=True)


def _is_too_long(fault: BaseException | None) -> bool:
    while fault is not None:
        if isinstance(fault, ContextOverflowError):
            return True
        if status_of(fault) != _TOO_MANY_REQUESTS and any(words in str(fault).lower() for words in _TOO_LONG):
            return True
        fault = fault.__cause__
    return False


def _words(fault: Exception) -> str:
    return str(fault) if isinstance(fault, StreamAlignerError) else f"The upstream failed: {fault!r}."
