"""Have many prompts answered at once, and keep what is finished."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from langchain_core.exceptions import ContextOverflowError

from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError
from stream_aligner_lc.faults import status_of
from stream_aligner_lc.resumable.journal import Journal
from stream_aligner_lc.resumable.outcomes import Outcome, Summary
from stream_aligner_lc.resumable.prompts import Prompt

# After so many failures in a row it is not the prompts: it is a key, a quota, a server that is down.
MAX_FAILED_IN_A_ROW = 20
_TOO_LONG = ("can attend to", "context length", "context window", "context size", "prompt is too long")
_TOO_MANY_REQUESTS = 429

Answer = Callable[[Prompt], Awaitable[Outcome]]
Show = Callable[[Summary], object]


async def run_all(
    prompts: Sequence[Prompt],
    answer: Answer,
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

    async def finish(prompt: Prompt) -> None:
        nonlocal failures
        outcome = await answer(prompt)
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

    await _each([prompt for prompt in prompts if prompt.id not in journal.finished], finish, concurrency)


def outcome_for(prompt: Prompt) -> Outcome:
    """Return the outcome of a prompt of which nothing has come yet."""
    return Outcome(id=prompt.id, digest=prompt.digest, place=prompt.place, status="done")


def after_fault(outcome: Outcome, fault: Exception, *, of: str = "upstream") -> Outcome:
    """Return the outcome with what a fault of the upstream, or `of` whom it was, makes of it.

    A prompt that is too long is skipped, any other one failed.

    Raises the fault itself if it is a `ConfigurationError`, which would come again with every prompt.
    """
    if _is_too_long(fault):
        return replace(outcome, status="skipped", why=_words(fault, of))
    if isinstance(fault, ConfigurationError):
        raise fault
    return replace(outcome, status="failed", why=_words(fault, of))


async def _each(prompts: Iterable[Prompt], answer: Callable[[Prompt], Awaitable[None]], concurrency: int) -> None:
    waiting = iter(prompts)

    async def work() -> None:
        for prompt in waiting:
            await answer(prompt)

    workers = [asyncio.create_task(work(), name=f"prompts-{number}") for number in range(concurrency)]
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


def _words(fault: Exception, of: str) -> str:
    return str(fault) if isinstance(fault, StreamAlignerError) else f"The {of} failed: {fault!r}."
