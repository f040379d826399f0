"""`stream-aligner export-preferences`: prompts in, preference pairs out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stream_aligner_lc.commands.arguments import not_negative, positive, text_or_file
from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError

_DESCRIPTION = """\
An upstream answers every prompt, aligned and bare, and the two replies make a pair: prompt, chosen, rejected, as TRL's
DPOTrainer and `stream-aligner train --template reply` take them. What is finished is kept in PAIRS.jsonl.part: after
any interruption the same command goes on from there."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = commands.add_parser(
        "export-preferences", help="make preference pairs, to tune an upstream with", description=_DESCRIPTION
    )
    parser.add_argument(
        "prompts",
        nargs="+",
        metavar="PROMPTS",
        help="JSON lines, JSON, CSV or Parquet with the field question, prompt or messages; or a data set's folder",
    )
    parser.add_argument("--upstream", required=True, metavar="NAME", help="provider:model, or a local model's folder")
    parser.add_argument(
        "--aligner", required=True, metavar="NAME", help="a trained aligner's folder, or provider:model, to be prompted"
    )
    parser.add_argument(
        "--policy", type=text_or_file, metavar="TEXT|@FILE", help="what a prompted aligner is told (default: built in)"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="PAIRS.jsonl", help="the file to write")
    _add_how(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress and no table")
    parser.add_argument("--restart", action="store_true", help="discard what is finished of an earlier start")
    parser.add_argument("--overwrite", action="store_true", help="replace PAIRS.jsonl if it is there")
    parser.add_argument(
        "--accept-failures", action="store_true", help="write the pairs without those of failed prompts"
    )
    parser.set_defaults(run=_run)


def _add_how(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shared",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="let the two replies part at the first changed sentence, not at the first word (default: yes)",
    )
    parser.add_argument("--include-same", action="store_true", help="write pairs of equal replies, too")
    parser.add_argument("--concurrency", type=positive, default=8, metavar="N", help="prompts at once (default: 8)")
    parser.add_argument("--limit", type=positive, metavar="N", help="take the first N prompts")
    parser.add_argument(
        "--granularity",
        choices=["sentence", "paragraph", "response"],
        default="sentence",
        help="what the aligner is shown at a time (default: sentence)",
    )
    parser.add_argument("--temperature", type=not_negative, metavar="T", help="of the upstream")
    parser.add_argument("--seed", type=int, metavar="N", help="of the upstream, if it takes one")


def _run(options: argparse.Namespace) -> None:
    from rich.console import Console  # noqa: PLC0415

    from stream_aligner_lc.named import model_named  # noqa: PLC0415
    from stream_aligner_lc.preferences import export_preferences  # noqa: PLC0415
    from stream_aligner_lc.preferences.screen import progress_bar, table_of  # noqa: PLC0415

    sampling = {name: getattr(options, name) for name in ("temperature", "seed")}
    passed_on = ("out", "policy", "shared", "include_same", "concurrency", "limit", "granularity")
    flags = ("restart", "overwrite", "accept_failures")
    given = {name: getattr(options, name) for name in (*passed_on, *flags)}
    upstream = model_named(options.upstream, **{name: value for name, value in sampling.items() if value is not None})
    try:
        with progress_bar(quiet=options.quiet) as show:
            summary = export_preferences(options.prompts, upstream, _aligner(options), show=show, **given)
    except KeyboardInterrupt:
        kept = f"What is finished is kept in '{options.out}.part', and the same command goes on from there."
        print(f"stream-aligner: interrupted. {kept}", file=sys.stderr)  # noqa: T201  # what a command is for
        raise
    if not options.quiet:
        Console(highlight=False).print(table_of(summary))
    if not summary.written:
        raise StreamAlignerError(
            f"{len(summary.failed)} of {summary.prompts} prompts failed, so '{options.out}' was not written. The same "
            "command tries them again and nothing else; with --accept-failures it writes the pairs without theirs."
        )


def _aligner(options: argparse.Namespace) -> Any:
    from stream_aligner_lc.aligners import TransformersAligner  # noqa: PLC0415
    from stream_aligner_lc.named import model_named  # noqa: PLC0415

    name = options.aligner
    if ":" in name and not Path(name).expanduser().is_dir():
        return model_named(name)
    if options.policy is not None:
        raise ConfigurationError(
            f"--policy is told to a prompted aligner, and {name!r} is a trained one, which keeps to what it was "
            "trained on. Leave it out, or give --aligner provider:model."
        )
    return TransformersAligner(name)
