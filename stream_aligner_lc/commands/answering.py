"""What commands that have a model answer prompts have in common: their arguments, and how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from stream_aligner_lc.commands.arguments import not_negative, positive
from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError

FLAGS = ("restart", "overwrite", "accept_failures")
"""How work goes on, as both the commands and their functions call it."""


def add_prompts(parser: argparse.ArgumentParser) -> None:
    """Add what is asked, and whom."""
    parser.add_argument(
        "prompts",
        nargs="+",
        metavar="PROMPTS",
        help="JSON lines, JSON, CSV or Parquet with the field question, prompt or messages; or a data set's folder",
    )
    parser.add_argument("--upstream", required=True, metavar="NAME", help="provider:model, or a local model's folder")


def add_answering(parser: argparse.ArgumentParser, *, corrector: str) -> None:
    """Add how it is asked; `corrector` is who corrects the upstream."""
    parser.add_argument("--concurrency", type=positive, default=8, metavar="N", help="prompts at once (default: 8)")
    parser.add_argument("--limit", type=positive, metavar="N", help="take the first N prompts")
    parser.add_argument(
        "--granularity",
        choices=["sentence", "paragraph", "response"],
        default="sentence",
        help=f"what the {corrector} is shown at a time (default: sentence)",
    )
    parser.add_argument("--temperature", type=not_negative, metavar="T", help="of the upstream")
    parser.add_argument("--seed", type=int, metavar="N", help="of the upstream, if it takes one")


def add_resuming(parser: argparse.ArgumentParser, *, file: str, rows: str) -> None:
    """Add where the rows go, and what becomes of what is there."""
    parser.add_argument("--out", required=True, type=Path, metavar=file, help="the file to write")
    parser.add_argument("--quiet", action="store_true", help="show no progress and no table")
    parser.add_argument("--restart", action="store_true", help="discard what is finished of an earlier start")
    parser.add_argument("--overwrite", action="store_true", help=f"replace {file} if it is there")
    parser.add_argument(
        "--accept-failures", action="store_true", help=f"write the {rows} without those of failed prompts"
    )


def upstream_of(options: argparse.Namespace) -> Any:
    """Return the upstream that was named, sampling as was asked."""
    from stream_aligner_lc.named import model_named  # noqa: PLC0415

    sampling = {name: getattr(options, name) for name in ("temperature", "seed")}
    return model_named(options.upstream, **{name: value for name, value in sampling.items() if value is not None})


def aligner_of(options: argparse.Namespace) -> Any:
    """Return the aligner that was named: a chat model, to be told the policy, or a trained one, which takes none."""
    from stream_aligner_lc.aligners import TransformersAligner  # noqa: PLC0415
    from stream_aligner_lc.named import is_of_provider, model_named  # noqa: PLC0415

    name = options.aligner
    if is_of_provider(name):
        return model_named(name)
    if options.policy is not None:
        raise ConfigurationError(
            f"--policy is told to a prompted aligner, and {name!r} is a trained one, which keeps to what it was "
            "trained on. Leave it out, or give --aligner provider:model."
        )
    return TransformersAligner(name)


def run_shown(
    options: argparse.Namespace,
    work: Callable[[Any], Any],
    progress_bar: Callable[..., AbstractContextManager[Any]],
    table_of: Callable[[Any], Any],
    *,
    rows: str,
) -> None:
    """Do the work, which is given what shows its totals, and print them in the end.

    Raises `StreamAlignerError` if the rows were not written because prompts failed.
    """
    from rich.console import Console  # noqa: PLC0415

    try:
        with progress_bar(quiet=options.quiet) as show:
            summary = work(show)
    except KeyboardInterrupt:
        kept = f"What is finished is kept in '{options.out}.part', and the same command goes on from there."
        print(f"stream-aligner: interrupted. {kept}", file=sys.stderr)  # noqa: T201  # what a command is for
        raise
    if not options.quiet:
        Console(highlight=False).print(table_of(summary))
    if not summary.written:
        raise StreamAlignerError(
            f"{len(summary.failed)} of {summary.prompts} prompts failed, so '{options.out}' was not written. The same "
            f"command tries them again and nothing else; with --accept-failures it writes the {rows} without theirs."
        )
