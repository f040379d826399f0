"""The demonstration on a terminal: a few problems as they stream, then the totals of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from stream_aligner_lc.aligners import Aligner
from stream_aligner_lc.demo.figures import Figures, Outcome, Problem, solve, solve_aligned
from stream_aligner_lc.demo.policies import Policy

# As many in full view as it takes to see some corrections, but not for ever.
ENOUGH_CORRECTED, MOST_SHOWN = 3, 10


def show(
    policy: Policy, problems: Sequence[Problem], upstream: BaseChatModel, aligner: Aligner, console: Console
) -> Figures:
    """Answer the problems, the first few in full view, show the totals and return them."""
    console.print(f"[bold]{policy.title}[/] {policy.story}\n", soft_wrap=True)
    outcomes: list[Outcome] = []
    for problem in problems[:MOST_SHOWN]:
        if sum("replaced" in outcome.verdicts for outcome in outcomes) == ENOUGH_CORRECTED:
            break
        outcomes.append(_shown(problem, upstream, aligner, console))
    outcomes += _solved(problems[len(outcomes) :], upstream, aligner, console)
    figures = Figures.of(outcomes)
    console.print(totals(figures, policy))
    return figures


def count(problems: Sequence[Problem], upstream: BaseChatModel, aligner: Aligner, console: Console) -> Figures:
    """Answer the problems and return the totals, showing nothing but how far it is."""
    return Figures.of(_solved(problems, upstream, aligner, console))


def totals(figures: Figures, policy: Policy) -> Table:
    """Return the totals as a table."""
    table = Table(title=f"{figures.problems} {policy.unit}", title_justify="left")
    table.add_column("")
    table.add_column("bare", justify="right")
    table.add_column("aligned", justify="right", style="bold")
    table.add_row(policy.right, f"{figures.bare_accuracy:.0%}", f"{figures.aligned_accuracy:.0%}")
    table.add_row("sentences accepted", "", str(figures.accepted))
    table.add_row("sentences replaced", "", str(figures.replaced))
    table.add_row("upstream calls", str(figures.problems), str(figures.upstream_calls))
    table.add_row("first sentence, median", "", f"{1000 * figures.first_sentence_seconds:.0f} ms")
    return table


def as_text(record: dict[str, Any], *, has_strike: bool) -> Text:
    """Return a sentence as it is shown: what was replaced struck out, the correction beside it."""
    draft, text = str(record["draft"]), str(record["text"])
    if draft == text:
        return Text(f"{text} ")
    struck = Text(draft, "red strike") if has_strike else Text(f"~~{draft}~~")
    return Text.assemble(struck, " ", (text, "bold green"), " ")


def _shown(problem: Problem, upstream: BaseChatModel, aligner: Aligner, console: Console) -> Outcome:
    def put(*parts: str | Text | tuple[str, str], end: str = "") -> None:
        console.print(Text.assemble(*parts), end=end, soft_wrap=True)

    put((problem.question, "bold"), end="\n")
    put(("  bare     ", "dim"))
    bare = ""
    for chunk in upstream.stream(problem.question):
        put(chunk.text)
        bare += chunk.text
    put(" ", _mark(is_right=problem.is_right(bare)), "\n", ("  aligned  ", "dim"))
    outcome = solve_aligned(
        problem,
        upstream,
        aligner,
        bare=bare,
        on_record=lambda record: put(as_text(record, has_strike=console.is_terminal)),
    )
    put(_mark(is_right=outcome.aligned_is_right), "\n", end="\n")
    return outcome


def _solved(problems: Sequence[Problem], upstream: BaseChatModel, aligner: Aligner, console: Console) -> list[Outcome]:
    bar = track(
        problems, "Bare and aligned", console=console, disable=not console.is_terminal or not problems, transient=True
    )
    return [solve(problem, upstream, aligner) for problem in bar]


def _mark(*, is_right: bool) -> Text:
    return Text("right", "green") if is_right else Text("wrong", "red")
