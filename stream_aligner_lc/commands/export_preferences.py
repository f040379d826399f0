"""`stream-aligner export-preferences`: prompts in, preference pairs out."""

from __future__ import annotations

import argparse
from typing import Any

from stream_aligner_lc.commands.answering import (
    FLAGS,
    add_answering,
    add_prompts,
    add_resuming,
    aligner_of,
    run_shown,
    upstream_of,
)
from stream_aligner_lc.commands.arguments import text_or_file

_DESCRIPTION = """\
An upstream answers every prompt, aligned and bare, and the two replies make a pair: prompt, chosen, rejected, as TRL's
DPOTrainer and `stream-aligner train --template reply` take them. What is finished is kept in PAIRS.jsonl.part: after
any interruption the same command goes on from there."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = commands.add_parser(
        "export-preferences", help="make preference pairs, to tune an upstream with", description=_DESCRIPTION
    )
    add_prompts(parser)
    parser.add_argument(
        "--aligner", required=True, metavar="NAME", help="a trained aligner's folder, or provider:model, to be prompted"
    )
    parser.add_argument(
        "--policy", type=text_or_file, metavar="TEXT|@FILE", help="what a prompted aligner is told (default: built in)"
    )
    parser.add_argument(
        "--shared",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="let the two replies part at the first changed sentence, not at the first word (default: yes)",
    )
    parser.add_argument("--include-same", action="store_true", help="write pairs of equal replies, too")
    add_answering(parser, corrector="aligner")
    add_resuming(parser, file="PAIRS.jsonl", rows="pairs")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from stream_aligner_lc.preferences import export_preferences  # noqa: PLC0415
    from stream_aligner_lc.preferences.screen import progress_bar, table_of  # noqa: PLC0415

    passed_on = ("out", "policy", "shared", "include_same", "concurrency", "limit", "granularity", *FLAGS)
    given = {name: getattr(options, name) for name in passed_on}
    upstream = upstream_of(options)

    def work(show: Any) -> Any:
        return export_preferences(options.prompts, upstream, aligner_of(options), show=show, **given)

    run_shown(options, work, progress_bar, table_of, rows="pairs")
