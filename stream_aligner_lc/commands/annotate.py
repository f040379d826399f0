"""`stream-aligner annotate`: prompts in, correction data out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stream_aligner_lc.commands.arguments import not_negative, positive, text_or_file
from stream_aligner_lc.errors import StreamAlignerError

_DESCRIPTION = """\
An upstream answers every prompt, a teacher corrects each of its sentences, and each sentence makes a row. What is
finished is kept in ROWS.jsonl.part: after any interruption the same command goes on from there."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = commands.add_parser("annotate", help="make correction data with a teacher", description=_DESCRIPTION)
    parser.add_argument(
        "prompts",
        nargs="+",
        metavar="PROMPTS",
        help="JSON lines, JSON, CSV or Parquet with the field question, prompt or messages; or a data set's folder",
    )
    parser.add_argument("--upstream", required=True, metavar="NAME", help="provider:model, or a local model's folder")
    parser.add_argument("--teacher", required=True, metavar="NAME", help="the model that corrects, named likewise")
    parser.add_argument(
        "--policy", type=text_or_file, metavar="TEXT|@FILE", help="what a sentence must be (default: the built-in one)"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="ROWS.jsonl", help="the file to write")
    parser.add_argument("--concurrency", type=positive, default=8, metavar="N", help="prompts at once (default: 8)")
    parser.add_argument(
        "--attempts",
        type=positive,
        default=3,
        metavar="N",
        help="how often an unusable answer is asked for (default: 3)",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="take the first N prompts")
    parser.add_argument(
        "--granularity",
        choices=["sentence", "paragraph", "response"],
        default="sentence",
        help="what the teacher is shown at a time (default: sentence)",
    )
    parser.add_argument("--max-sentences", type=positive, metavar="N", help="the longest reply")
    parser.add_argument("--temperature", type=not_negative, metavar="T", help="of the upstream")
    parser.add_argument("--seed", type=int, metavar="N", help="of the upstream, if it takes one")
    parser.add_argument("--quiet", action="store_true", help="show no progress and no table")
    parser.add_argument("--restart", action="store_true", help="discard what is finished of an earlier start")
    parser.add_argument("--overwrite", action="store_true", help="replace ROWS.jsonl if it is there")
    parser.add_argument("--accept-failures", action="store_true", help="write the rows without those of failed prompts")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from rich.console import Console  # noqa: PLC0415

    from stream_aligner_lc.annotation.screen import progress_bar, table_of  # noqa: PLC0415
    from stream_aligner_lc.annotation.work import annotate  # noqa: PLC0415
    from stream_aligner_lc.named import model_named  # noqa: PLC0415

    sampling = {name: getattr(options, name) for name in ("temperature", "seed")}
    passed_on = ("out", "concurrency", "attempts", "limit", "granularity", "max_sentences")
    flags = ("restart", "overwrite", "accept_failures")
    given = {name: getattr(options, name) for name in (*passed_on, *flags)}
    if options.policy is not None:
        given["policy"] = options.policy
    upstream = model_named(options.upstream, **{name: value for name, value in sampling.items() if value is not None})
    try:
        with progress_bar(quiet=options.quiet) as show:
            summary = annotate(options.prompts, upstream, model_named(options.teacher), show=show, **given)
    except KeyboardInterrupt:
        kept = f"What is finished is kept in '{options.out}.part', and the same command goes on from there."
        print(f"stream-aligner: interrupted. {kept}", file=sys.stderr)  # noqa: T201  # what a command is for
        raise
    if not options.quiet:
        Console(highlight=False).print(table_of(summary))
    if not summary.written:
        raise StreamAlignerError(
            f"{len(summary.failed)} of {summary.prompts} prompts failed, so '{options.out}' was not written. The same "
            "command tries them again and nothing else; with --accept-failures it writes the rows without theirs."
        )
