"""`stream-aligner convert`: public data sets to rows."""

from __future__ import annotations

import argparse
from typing import Any

_DESCRIPTION = """\
Make rows (question, prefix, last, correction, end, verdict) of public data sets. Objects with `last` are single
sentences already, as in htlou/stream-aligner; objects with `answer` are whole answers and their corrections, as in
aligner/aligner-20K, and are aligned sentence by sentence.
"""


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser("convert", help="make rows of public data sets", description=_DESCRIPTION)
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="a file (JSON lines, JSON, CSV, Parquet) or a data set's folder"
    )
    parser.add_argument("--out", required=True, metavar="ROWS.jsonl", help="the file to write")
    parser.add_argument(
        "--format",
        choices=("auto", "stream-aligner", "aligner"),
        default="auto",
        help="what the objects are (default: auto, by their fields)",
    )
    parser.add_argument(
        "--granularity",
        choices=("sentence", "response"),
        default="sentence",
        help="what becomes a row: each sentence (the default), or each whole answer",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it is there already")
    parser.add_argument("--strict", action="store_true", help="fail at the first broken object instead of skipping it")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from functools import partial  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415
    from tqdm import tqdm  # noqa: PLC0415

    from stream_aligner_lc.conversion import convert  # noqa: PLC0415
    from stream_aligner_lc.conversion.screen import skips, totals  # noqa: PLC0415

    summary = convert(
        options.inputs,
        options.out,
        format=options.format,
        granularity=options.granularity,
        overwrite=options.overwrite,
        strict=options.strict,
        watch=partial(tqdm, desc="Converting", unit=" objects"),
    )
    if summary.skipped:
        Console(stderr=True, highlight=False).print(skips(summary), soft_wrap=True)
    Console(highlight=False).print(totals(summary))
