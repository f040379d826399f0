"""Annotation on a terminal: how far it is while it runs, and a table in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from stream_aligner_lc.annotation.outcomes import Summary, Tokens
from stream_aligner_lc.annotation.running import Show

S = TypeVar("S", bound=Summary)

MOST_SHOWN = 3
"""How many places of skipped or failed prompts the table names."""


def progress_bar(*, quiet: bool) -> AbstractContextManager[Show]:
    """Provide what shows the totals as a bar on stderr: prompts, rows, the share replaced, tokens of both models."""
    return bar_of("annotate", _line, quiet=quiet)


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


def table_of(summary: Summary) -> Table:
    """Return the totals as a table."""
    table = Table(title="Annotation", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("prompts", f"{summary.prompts:,}")
    table.add_row("rows", f"{summary.rows:,}")
    for verdict in ("accepted", "replaced", "removed"):
        table.add_row(f"  {verdict}", share(summary.verdicts[verdict], summary.rows))
    table.add_row("unusable answers of the teacher", f"{summary.unusable:,}")
    # As text, because what failed may hold brackets, which Rich reads as its markup.
    table.add_row("skipped prompts, too long", Text(places(summary.skipped)))
    table.add_row("failed prompts", Text(places(summary.failed)))
    table.add_row("tokens of the upstream", str(summary.upstream))
    table.add_row("tokens of the teacher", str(summary.teacher))
    table.add_row("seconds", f"{summary.seconds:,.1f}")
    return table


def _line(summary: Summary) -> str:
    replaced = summary.verdicts["replaced"] / summary.rows if summary.rows else 0
    tokens = f"upstream {_brief(summary.upstream)}, teacher {_brief(summary.teacher)} tokens"
    failed = f", {len(summary.failed)} failed" if summary.failed else ""
    return f"{summary.rows} rows, {replaced:.0%} replaced, {tokens}{failed}"


def _brief(tokens: Tokens) -> str:
    count = tqdm.format_sizeof(tokens.input + tokens.output)
    return f"~{count}" if tokens.estimated else count


def share(count: int, total: int) -> str:
    """Say how many, and what part of all that is."""
    return f"{count:,} ({count / total:.0%})" if total else f"{count:,}"


def places(reasons: Mapping[str, str]) -> str:
    """Say how many places there are, and of the first ones why."""
    shown = [f"{place}: {why}" for place, why in list(reasons.items())[:MOST_SHOWN]]
    more = [f"and {len(reasons) - MOST_SHOWN:,} more"] if len(reasons) > MOST_SHOWN else []
    return "\n".join([f"{len(reasons):,}", *shown, *more])
