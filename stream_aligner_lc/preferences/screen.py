"""Preference pairs on a terminal: how far they are, and a table in the end."""

from __future__ import annotations

from contextlib import AbstractContextManager

from rich.table import Table
from rich.text import Text

from stream_aligner_lc.preferences.outcomes import Summary
from stream_aligner_lc.preferences.work import Show
from stream_aligner_lc.resumable.screen import bar_of, places, share


def progress_bar(*, quiet: bool) -> AbstractContextManager[Show]:
    """Provide what shows the totals as a bar on stderr: prompts and pairs."""
    return bar_of("preferences", _line, quiet=quiet)


def table_of(summary: Summary) -> Table:
    """Return the totals as a table."""
    table = Table(title="Preferences", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("prompts", f"{summary.prompts:,}")
    table.add_row("pairs", share(summary.pairs, summary.prompts))
    table.add_row("equal replies", share(summary.same, summary.prompts))
    # As text, because what failed may hold brackets, which Rich reads as its markup.
    table.add_row("prompts without a pair", Text(places(summary.left_out)))
    table.add_row("skipped prompts, too long", Text(places(summary.skipped)))
    table.add_row("failed prompts", Text(places(summary.failed)))
    table.add_row("sentences of aligned replies", f"{summary.verdicts.total():,}")
    for verdict in ("accepted", "replaced", "removed"):
        table.add_row(f"  {verdict}", share(summary.verdicts[verdict], summary.verdicts.total()))
    table.add_row("unusable answers of the aligner", f"{summary.unusable:,}")
    table.add_row("tokens of the upstream", str(summary.upstream))
    table.add_row("tokens of the aligner", str(summary.teacher))
    table.add_row("seconds", f"{summary.seconds:,.1f}")
    return table


def _line(summary: Summary) -> str:
    failed = f", {len(summary.failed)} failed" if summary.failed else ""
    return f"{summary.pairs} pairs, {summary.same} equal{failed}"
