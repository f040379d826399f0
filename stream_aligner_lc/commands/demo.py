"""`stream-aligner demo`: the bundled pair at work."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from stream_aligner_lc.commands.arguments import positive


def add(commands: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = commands.add_parser(
        "demo",
        help="show the bundled pair of models on sums, bare and aligned",
        description="Two small local models solve sums: an upstream that makes mistakes, alone and with an aligner.",
    )
    parser.add_argument("--problems", type=positive, default=100, metavar="N", help="how many (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the totals alone, as one JSON object")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    # Each command imports what it needs: the help of one should not wait for the models of another.
    from rich.console import Console  # noqa: PLC0415

    from stream_aligner_lc.demo.screen import count, show  # noqa: PLC0415
    from stream_aligner_lc.sums import pair  # noqa: PLC0415
    from stream_aligner_lc.sums.problems import problems  # noqa: PLC0415

    drawn = problems(options.problems, seed=options.seed)
    console = Console(stderr=options.json, highlight=False)
    with console.status("Loading two small models"):
        upstream, aligner = pair.upstream().load(), pair.aligner().load()
    # Models this small lose more by handing work to other cores than they gain.
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    figures = (count if options.json else show)(drawn, upstream, aligner, console)
    if options.json:
        print(json.dumps(asdict(figures)))  # noqa: T201  # the command's output
