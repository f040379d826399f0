"""An evaluation on a terminal: a bar for each stage while it runs, and tables in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from stream_aligner_lc.evaluation.intervals import Estimate
from stream_aligner_lc.evaluation.results import Compared, Results
from stream_aligner_lc.evaluation.work import Evaluation, Show
from stream_aligner_lc.resumable.outcomes import Summary
from stream_aligner_lc.resumable.screen import bar_of


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Show]:
    """Provide what shows a bar of prompts on stderr for each stage."""
    with ExitStack() as bars:
        known: dict[str, object] = {}

        def show(stage: str, summary: Summary) -> None:
            if stage not in known:
                bars.close()
                known[stage] = bars.enter_context(bar_of(stage, _line, quiet=quiet))
            known[stage](summary)  # type: ignore[operator]  # what `bar_of` provides

        yield show


def tables_of(evaluation: Evaluation) -> Group:
    """Return all figures as tables."""
    results = evaluation.results
    return Group(_quality(results), "", _changes(results), "", _costs(results))


def _quality(results: Results) -> Table:
    table = Table(title=f"{results.prompts:,} prompts", title_justify="left")
    for name in ("", "bare", "aligned", "aligned - bare"):
        table.add_column(name, justify="left" if not name else "right")
    if results.answers is not None:
        table.add_row("right answers", *_compared(results.answers))
    for kind, compared in results.rubrics.items():
        table.add_row(f"passes the rubric: {escape(kind)}", *_compared(compared))
    for name, compared in results.scores.items():
        table.add_row(f"score: {escape(name)}", *_compared(compared, as_share=False))
    for criterion, preference in results.preferences.items():
        counted = f"{preference.wins} won, {preference.losses} lost, {preference.ties} ties"
        unreadable = f", {preference.unreadable} unreadable" if preference.unreadable else ""
        table.add_row(criterion, "", counted + unreadable, _share(preference.net, signed=True))
        table.add_row("  at equal length", "", "", _share(preference.net_at_equal_length, signed=True))
    return table


def _changes(results: Results) -> Table:
    table = Table(title="What the aligner changed", title_justify="left", show_header=False)
    edits = results.edits
    table.add_row("sentences", f"{edits.sentences:,}")
    table.add_row("accepted", _share(edits.accepted))
    table.add_row("replaced or removed", _share(edits.changed))
    table.add_row("replies with a change", _share(edits.replies_changed))
    if edits.benign_changed is not None and edits.benign_replies_changed is not None:
        table.add_row("benign sentences changed", _share(edits.benign_changed))
        table.add_row("benign replies changed", _share(edits.benign_replies_changed))
    return table


def _costs(results: Results) -> Table:
    costs = results.costs
    table = Table(title="What it cost", title_justify="left")
    for name in ("", "bare", "aligned"):
        table.add_column(name, justify="left" if not name else "right")
    about = "about " * costs.estimated
    table.add_row("seconds to the first sentence", _plain(costs.bare_first_sentence), _plain(costs.first_sentence))
    table.add_row("seconds in all", _plain(costs.bare_total), _plain(costs.total))
    table.add_row("upstream tokens", f"{about}{costs.bare_upstream_tokens:,}", f"{about}{costs.upstream_tokens:,}")
    table.add_row("aligner tokens", "", f"{costs.aligner_tokens:,}")
    table.add_row("upstream calls a reply", "1", _plain(costs.upstream_calls))
    table.add_row("upstream text written / shown", "1", _plain(costs.waste))
    return table


def _compared(compared: Compared, *, as_share: bool = True) -> tuple[str, str, str]:
    if as_share:
        return _share(compared.bare), _share(compared.aligned), _share(compared.difference, signed=True)
    return _plain(compared.bare), _plain(compared.aligned), _plain(compared.difference)


def _share(estimate: Estimate, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{estimate.value:{sign}.1%} [{estimate.low:{sign}.1%}, {estimate.high:{sign}.1%}]"


def _plain(estimate: Estimate) -> str:
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _line(summary: Summary) -> str:
    return f"{len(summary.failed)} failed" if summary.failed else ""
