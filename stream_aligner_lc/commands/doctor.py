"""`stream-aligner doctor`: what is here, and whether an upstream can go on from a prefix."""

from __future__ import annotations

import json
from typing import Any

import click

from stream_aligner_lc.commands import answering, pairs
from stream_aligner_lc.commands.arguments import a_model, option, sectioned_command


@sectioned_command("doctor")
@option(
    "--upstream",
    metavar="NAME",
    shell_complete=a_model,
    help="ask this one whether it goes on from a prefix: provider:model, a local model's folder, or demo",
)
@option(
    "--question",
    metavar="TEXT",
    help="what it is asked, if not to count: something with an answer of several sentences",
)
@pairs.sampling
@option("--json", "as_json", is_flag=True, help="print what was found as one JSON object")
def command(upstream: str | None, question: str | None, *, as_json: bool, **sampling: Any) -> int:
    """Say what is installed, which models serve, and whether an upstream can go on.

    Lists the packages of each extra, the device and the type of numbers of local models, and the aligner that serves
    where none is named. An upstream that is named is asked a short question, and then in each way that may suit it for
    the rest of its own reply: what really goes on is what `continuation=` should be. This costs some calls.

    The exit status is 1 if the upstream goes on in no way, or if the aligner that STREAM_ALIGNER_MODEL names cannot be
    used.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415

    from stream_aligner_lc.probing.here import environment  # noqa: PLC0415
    from stream_aligner_lc.probing.screen import advice, environment_table, probe_table  # noqa: PLC0415

    console = Console(highlight=False)
    found = environment()
    if not as_json:
        console.print(environment_table(found))
    probed = None
    if upstream is not None:
        with pairs.told_briefly(upstream), Console(stderr=True).status(escape(f"Asking {upstream}")):
            probed = _probed({**sampling, "upstream": upstream}, question)
    if as_json:
        click.echo(json.dumps(found if probed is None else {**found, "probe": probed.as_dict()}))
    elif probed is not None:
        console.print(probe_table(upstream or "", probed))
        console.print(advice(probed), soft_wrap=True)
    return 1 if found["aligner"]["problem"] or (probed is not None and probed.best is None) else 0


def _probed(options: dict[str, Any], question: str | None) -> Any:
    from stream_aligner_lc.probing.continuing import QUESTION, probe  # noqa: PLC0415
    from stream_aligner_lc.sums.problems import problems  # noqa: PLC0415

    is_bundled = options["upstream"] == answering.DEMO
    asked = question or (problems(1, seed=0)[0].question if is_bundled else QUESTION)
    return probe(answering.upstream_of(options), asked)
