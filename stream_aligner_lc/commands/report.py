"""`stream-aligner report`: an evaluation, or a log of sentences, as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Write one HTML file that needs no network: the figures with their intervals, plots, and every reply with what the
aligner changed in it, sentence by sentence. It holds all drafts, so show it to those who may see them."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = commands.add_parser(
        "report", help="show an evaluation, or a log of sentences, as one HTML page", description=_DESCRIPTION
    )
    parser.add_argument("source", metavar="DIR|LOG", help="the folder that evaluate wrote, or a log of JsonlRecorder")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the file to write (default: report.html in DIR, LOG.html beside LOG)"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from stream_aligner_lc.report import report  # noqa: PLC0415

    source = Path(options.source)
    beside = source / "report.html" if source.is_dir() else source.with_name(f"{source.name}.html")
    print(report(source, out=options.out or beside))  # noqa: T201  # the command's output
