"""The commands: `stream-aligner ...`, or `python -m stream_aligner_lc ...`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from stream_aligner_lc.errors import StreamAlignerError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status: 0, 1 if it failed, 2 if it was asked wrongly."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except StreamAlignerError as error:
        print(f"stream-aligner: {error}", file=sys.stderr)  # noqa: T201  # what a command is for
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stream-aligner", description="Correct what a language model says while it is saying it."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="show the bundled pair of models on sums, bare and aligned",
        description="Two small local models solve sums: an upstream that makes mistakes, alone and with an aligner.",
    )
    demo.add_argument("--problems", type=_positive, default=100, metavar="N", help="how many (default: 100)")
    demo.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    demo.add_argument("--json", action="store_true", help="print the totals alone, as one JSON object")
    demo.set_defaults(run=_demo)
    return parser


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return number


def _demo(options: argparse.Namespace) -> None:
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
