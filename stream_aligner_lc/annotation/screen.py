"""Annotation on a terminal: how far it is while it runs, and a table in the end."""

from __future__ import annotations

from contextlib import AbstractContextManager

from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from stream_aligner_lc.annotation.outcomes import Summary
from stream_aligner_lc.annotation.work import Show
from stream_aligner_lc.resumable.outcomes import Tokens
from stream_aligner_lc.resumable.screen import bar_of, places, share


def progress_bar(*, quiet: bool) -> AbstractContextManager[Show]:
    """Provide what shows the totals as a bar on stderr: prompts, rows, the share replaced, tokens of both models."""
    return bar_of("annotate", _line, quiet=quiet)


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
