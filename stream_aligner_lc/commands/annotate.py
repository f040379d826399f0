"""`stream-aligner annotate`: prompts in, correction data out."""

from __future__ import annotations

import argparse
from typing import Any

from stream_aligner_lc.commands.answering import (
    FLAGS,
    add_answering,
    add_prompts,
    add_resuming,
    run_shown,
    upstream_of,
)
from stream_aligner_lc.commands.arguments import positive, text_or_file

_DESCRIPTION = """\
An upstream answers every prompt, a teacher corrects each of its sentences, and each sentence makes a row. What is
finished is kept in ROWS.jsonl.part: after any interruption the same command goes on from there."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = commands.add_parser("annotate", help="make correction data with a teacher", description=_DESCRIPTION)
    add_prompts(parser)
    parser.add_argument("--teacher", required=True, metavar="NAME", help="the model that corrects, named likewise")
    parser.add_argument(
        "--policy", type=text_or_file, metavar="TEXT|@FILE", help="what a sentence must be (default: the built-in one)"
    )
    parser.add_argument(
        "--attempts",
        type=positive,
        default=3,
        metavar="N",
        help="how often an unusable answer is asked for (default: 3)",
    )
    add_answering(parser, corrector="teacher")
    parser.add_argument("--max-sentences", type=positive, metavar="N", help="the longest reply")
    add_resuming(parser, file="ROWS.jsonl", rows="rows")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from stream_aligner_lc.annotation.screen import progress_bar, table_of  # noqa: PLC0415
    from stream_aligner_lc.annotation.work import annotate  # noqa: PLC0415
    from stream_aligner_lc.named import model_named  # noqa: PLC0415

    passed_on = ("out", "concurrency", "attempts", "limit", "granularity", "max_sentences", *FLAGS)
    given = {name: getattr(options, name) for name in passed_on}
    if options.policy is not None:
        given["policy"] = options.policy
    upstream = upstream_of(options)

    def work(show: Any) -> Any:
        return annotate(options.prompts, upstream, model_named(options.teacher), show=show, **given)

    run_shown(options, work, progress_bar, table_of, rows="rows")
