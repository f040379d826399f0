"""`stream-aligner demo`: the bundled pair at work."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from stream_aligner_lc.commands import pairs
from stream_aligner_lc.commands.arguments import option, positive, sectioned_command


@sectioned_command("demo")
@option(
    "--policy",
    type=click.Choice(["sums", "civil"]),
    default="sums",
    help="what is corrected: wrong steps or rude sentences",
)
@option("--problems", type=positive, default=100, metavar="N", help="how many")
@option("--seed", type=int, default=0, metavar="N", help="which ones")
@option("--json", "as_json", is_flag=True, help="print the totals alone, as one JSON object")
def command(policy: str, problems: int, seed: int, *, as_json: bool) -> None:
    """Show the bundled pair of models at work, bare and aligned.

    Two small local models: an upstream that makes mistakes, alone and with an aligner.
    """
    # Each command imports what it needs: the help of one should not wait for the models of another. First torch, which
    # only the largest extra brings, so that this is the one that is named where it is missing.
    pairs.spare_threads()
    from rich.console import Console  # noqa: PLC0415

    from stream_aligner_lc.demo.policies import POLICIES  # noqa: PLC0415
    from stream_aligner_lc.demo.screen import count, show  # noqa: PLC0415
    from stream_aligner_lc.sums import pair  # noqa: PLC0415

    chosen = POLICIES[policy]
    drawn = chosen.draw(problems, seed)
    console = Console(stderr=as_json, highlight=False)
    with console.status("Loading two small models"):
        upstream, aligner = chosen.upstream(drawn), pair.aligner().load()
    if not as_json:
        show(chosen, drawn, upstream, aligner, console)
        return
    click.echo(json.dumps(asdict(count(drawn, upstream, aligner, console))))
