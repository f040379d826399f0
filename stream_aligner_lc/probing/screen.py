"""What was found, as tables on a terminal."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stream_aligner_lc.probing.continuing import Outcome, Probe
from stream_aligner_lc.probing.here import missing

_MOST_CHARACTERS = 100
_STORY: dict[Outcome, str] = {
    "continues": "goes on",
    "new turn": "goes on, in a new turn",
    "starts over": "starts over",
    "something else": "says something else",
    "nothing": "says nothing",
    "refused": "refuses",
}


def environment_table(environment: dict[str, Any]) -> Table:
    """Return packages, device and aligner, a line each."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")  # a command that is cut off cannot be copied
    table.add_row("stream-aligner-lc", f"{environment['version']}, Python {environment['python']}")
    for extra, found in environment["packages"].items():
        table.add_row(f"  {extra}", _packages(found))
    table.add_row("device", _device(environment["device"]))
    table.add_row("aligner", _aligner(environment["aligner"]))
    if lacking := missing(environment):
        table.add_row("not installed", escape(f"pip install 'stream-aligner-lc[{','.join(lacking)}]'"))
    return table


def probe_table(name: str, probe: Probe) -> Table:
    """Return how the upstream of that name goes on, a line for each way of asking."""
    table = Table(title=escape(f"Does {name} go on from a prefix?"), title_justify="left")
    table.add_column("continuation")
    table.add_column("upstream")
    table.add_column("its first sentence, or why there is none")
    for finding in probe.findings:
        said = finding.said if len(finding.said) <= _MOST_CHARACTERS else f"{finding.said[:_MOST_CHARACTERS]} ..."
        story = Text(_STORY[finding.outcome], "green" if finding.works else "red")
        table.add_row(finding.continuation, story, escape(said))
    return table


def advice(probe: Probe) -> str:
    """Return what to set, in a sentence."""
    best = probe.best
    if best is None:
        return (
            "It goes on in none of these ways. Corrections can still be shown without restarting it: feedback=False; "
            "or give a function as `continuation`."
        )
    if best.continuation == probe.automatic:
        return f'Nothing to set: continuation="auto" takes "{best.continuation}".'
    return f'Set continuation="{best.continuation}"; "auto" would take "{probe.automatic}".'


def _packages(found: dict[str, str | None]) -> Text:
    cells = [
        Text(f"{name} {version}") if version else Text(f"{name} missing", "red") for name, version in found.items()
    ]
    return Text(", ").join(cells)


def _device(device: dict[str, Any] | None) -> str:
    if device is None:
        return "none for local models: torch is not installed"
    free = device["free_bytes"]
    memory = "" if free is None else f", {free / 1e9:.1f} GB free"
    return escape(f"{device['device']} ({device['name']}), {device['dtype']}{memory}, {device['threads']} threads")


def _aligner(aligner: dict[str, Any]) -> Text:
    if aligner["model"] is None:
        return Text("the upstream itself, by prompt; STREAM_ALIGNER_MODEL names none")
    found = f"{aligner['model']}, by {aligner['from']}"
    if aligner["problem"] is not None:
        return Text.assemble(f"{found}: ", (aligner["problem"], "red"))
    return Text(f"{found}, template {aligner['template']}")
