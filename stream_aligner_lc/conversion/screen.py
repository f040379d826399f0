"""What was converted, on a terminal: the totals as a table, and what is wrong with the first objects left out."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from stream_aligner_lc.conversion.beads import SHAPES
from stream_aligner_lc.conversion.converting import Summary

_VERDICTS = ("accepted", "replaced", "removed")


def totals(summary: Summary) -> Table:
    """Return the counts as a table; what did not occur beside rows and verdicts is left out."""
    table = Table(title="Rows", title_justify="left", show_header=False)
    table.add_column("")
    table.add_column("", justify="right", style="bold")
    table.add_column("", justify="right")
    table.add_row("rows", str(summary.rows), "")
    for verdict in _VERDICTS:
        count = summary.verdicts[verdict]
        table.add_row(f"  {verdict}", str(count), f"{count / max(summary.rows, 1):.0%}")
    table.add_row("of objects", str(summary.objects), "")
    for label, count in (
        ("  with nothing to align", summary.without_rows),
        ("skipped, not usable", summary.skipped),
        ("left out, correction too long for the loop", summary.unusable),
    ):
        if count:
            table.add_row(label, str(count), "")
    if summary.aligned:
        table.add_row("sentences for sentences, mean of an answer", "", "")
    for shape in SHAPES if summary.aligned else ():
        table.add_row(f"  {shape}", f"{summary.shapes[shape] / summary.aligned:.2f}", "")
    return table


def skips(summary: Summary) -> Text:
    """Return what is wrong with the first objects that were skipped, a line each."""
    lines = [f"skipped {fault}" for fault in summary.faults]
    if more := summary.skipped - len(lines):
        lines.append(f"and {more} more")
    return Text("\n".join(lines), "yellow")
