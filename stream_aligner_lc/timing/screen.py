"""What the loop costs, as a table on a terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from stream_aligner_lc.timing.measuring import Comparison


def table_of(comparison: Comparison, *, upstream: str, aligner: str) -> Table:
    """Return bare beside aligned figures, with their ratio."""
    bare, aligned, ratios = comparison.bare, comparison.aligned, comparison.ratios
    of = f"{comparison.questions} question{'s' if comparison.questions != 1 else ''}"
    table = Table(title=escape(f"{upstream}, bare and aligned by {aligner}: {of}"), title_justify="left")
    table.add_column("")
    for heading in ("bare", "aligned", "ratio"):
        table.add_column(heading, justify="right")
    for name, title in (("first_sentence_seconds", "first sentence, median"), ("seconds", "reply, median")):
        table.add_row(title, _ms(getattr(bare, name)), _ms(getattr(aligned, name)), f"{ratios[name]:.2f}")
    rates = (f"{bare.tokens_per_second:.0f}", f"{aligned.tokens_per_second:.0f}", f"{ratios['tokens_per_second']:.2f}")
    table.add_row("tokens a second", *rates)
    table.add_row("upstream calls", str(bare.calls), str(aligned.calls), f"{ratios['calls']:.2f}")
    table.add_row("upstream text written / shown", "1", f"{aligned.written_per_shown:.2f}", "")
    for verdict, number in sorted(aligned.sentences.items()):
        table.add_row(f"sentences {verdict}", "", str(number), "")
        table.add_row("  aligner for one, median", "", _ms(aligned.aligner_seconds[verdict]), "")
    return table


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"
