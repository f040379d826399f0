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
        help="show the bundled pair of models at work, bare and aligned",
        description="Two small local models: an upstream that makes mistakes, alone and with an aligner.",
    )
    parser.add_argument(
        "--policy", choices=("sums", "civil"), default="sums", help="what is corrected: wrong steps or rude sentences"
    )
    parser.add_argument("--problems", type=positive, default=100, metavar="N", help="how many (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the totals alone, as one JSON object")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    # Each command imports what it needs: the help of one should not wait for the models of another.
    from rich.console import Console  # noqa: PLC0415

    from stream_aligner_lc.demo.policies import POLICIES  # noqa: PLC0415
    from stream_aligner_lc.demo.screen import count, show  # noqa: PLC0415
    from stream_aligner_lc.sums import pair  # noqa: PLC0415

    policy = POLICIES[options.policy]
    drawn = policy.draw(options.problems, options.seed)
    console = Console(stderr=options.json, highlight=False)
    with console.status("Loading two small models"):
        upstream, aligner = policy.upstream(drawn), pair.aligner().load()
    # Models this small lose more by handing work to other cores than they gain.
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    if not options.json:
        show(policy, drawn, upstream, aligner, console)
        return
    print(json.dumps(asdict(count(drawn, upstream, aligner, console))))  # noqa: T201  # the command's output
