"""Work on prompts on a terminal: how far it is while it runs, and words for a table of totals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from tqdm import tqdm

from stream_aligner_lc.resumable.outcomes import Summary

S = TypeVar("S", bound=Summary)

MOST_SHOWN = 3
"""How many places of skipped or failed prompts a table names."""


@contextmanager
def bar_of(name: str, line: Callable[[S], str], *, quiet: bool) -> Iterator[Callable[[S], None]]:
    """Provide what shows totals as a bar of prompts on stderr, with the `line` that they make beside it."""
    bars: list[tqdm[Any]] = []

    def show(summary: S) -> None:
        answered = summary.finished + len(summary.failed)
        if not bars:
            # What was there already took no time now.
            off = True if quiet else None  # None: unless it is a terminal
            bars.append(tqdm(desc=name, total=summary.prompts, initial=answered, unit="prompt", disable=off))
        bars[0].set_postfix_str(line(summary), refresh=False)
        bars[0].update(answered - bars[0].n)

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()


def share(count: int, total: int) -> str:
    """Say how many, and what part of all that is."""
    return f"{count:,} ({count / total:.0%})" if total else f"{count:,}"


def places(reasons: Mapping[str, str]) -> str:
    """Say how many places there are, and of the first ones why."""
    shown = [f"{place}: {why}" for place, why in list(reasons.items())[:MOST_SHOWN]]
    more = [f"and {len(reasons) - MOST_SHOWN:,} more"] if len(reasons) > MOST_SHOWN else []
    return "\n".join([f"{len(reasons):,}", *shown, *more])
