"""The commands: `stream-aligner ...`, or `python -m stream_aligner_lc ...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from stream_aligner_lc.commands import annotate, convert, demo, evaluate, export_preferences, report, train
from stream_aligner_lc.errors import StreamAlignerError

_COMMANDS = (demo, annotate, convert, train, evaluate, report, export_preferences)


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
    for command in _COMMANDS:
        command.add(commands)
    return parser
