"""What a training tells at its end, as a table."""

from __future__ import annotations

from accelerate import PartialState
from rich.console import Console
from rich.table import Table

from stream_aligner_lc.training.run import Outcome


def show(outcome: Outcome) -> None:
    """Print what came of a training, from the first process."""
    if not PartialState().is_main_process:
        return
    console = Console(stderr=True, highlight=False)
    console.print(table(outcome))
    for fault in outcome.faults:
        console.print(f"  not used: {fault}", markup=False, soft_wrap=True)
    console.print(f"Written: {outcome.folder}", markup=False, soft_wrap=True)


def table(outcome: Outcome) -> Table:
    """Return the stages as a table."""
    data = outcome.data
    title = f"{data.trained:,} trained on, {data.held_out:,} held out, {data.skipped:,} not used"
    made = Table(title=title, title_justify="left")
    for heading in ("stage", "rows", "steps", "held-out loss", "repaired", "left alone", "broken"):
        made.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in outcome.stages:
        loss = "" if stage.held_out_loss is None else f"{stage.held_out_loss:.4f}"
        counted = stage.figures
        shares = [] if counted is None else [counted.repaired, counted.left_alone, counted.broken]
        made.add_row(stage.name, f"{stage.rows:,}", f"{stage.steps:,}", loss, *(f"{share:.1%}" for share in shares))
    return made
