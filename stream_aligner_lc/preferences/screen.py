"""Preference pairs on a terminal: how far they are, and a table in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from stream_aligner_lc.annotation.screen import _places, _share
from stream_aligner_lc.preferences.outcomes import Summary
from stream_aligner_lc.preferences.work import Show


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Show]:
    """Provide what shows the totals as a bar on stderr: prompts and pairs."""
    bars: list[tqdm[Any]] = []

    def show(summary: Summary) -> None:
        answered = summary.finished + len(summary.failed)
        if not bars:
            off = True if quiet else None  # None: unless it is a terminal
            bars.append(tqdm(desc="preferences", total=summary.prompts, initial=answered, unit="prompt", disable=off))
        failed = f", {len(summary.failed)} failed" if summary.failed else ""
        bars[0].set_postfix_str(f"{summary.pairs} pairs, {summary.same} equal{failed}", refresh=False)
        bars[0].update(answered - bars[0].n)

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()


def table_of(summary: Summary) -> Table:
    """Return the totals as a table."""
    table = Table(title="Preferences", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("prompts", f"{summary.prompts:,}")
    table.add_row("pairs", _share(summary.pairs, summary.prompts))
    table.add_row("equal replies", _share(summary.same, summary.prompts))
    # As text, because what failed may hold brackets, which Rich reads as its markup.
    table.add_row("prompts without a pair", Text(_places(summary.left_out)))
    table.add_row("skipped prompts, too long", Text(_places(summary.skipped)))
    table.add_row("failed prompts", Text(_places(summary.failed)))
    table.add_row("sentences of aligned replies", f"{summary.verdicts.total():,}")
    for verdict in ("accepted", "replaced", "removed"):
        table.add_row(f"  {verdict}", _share(summary.verdicts[verdict], summary.verdicts.total()))
    table.add_row("unusable answers of the aligner", f"{summary.unusable:,}")
    table.add_row("tokens of the upstream", str(summary.upstream))
    table.add_row("tokens of the aligner", str(summary.teacher))
    table.add_row("seconds", f"{summary.seconds:,.1f}")
    return table
