"""`stream-aligner evaluate`: does an aligner make replies better, by how much, and what does it cost?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stream_aligner_lc.commands.answering import add_answering, aligner_of, upstream_of
from stream_aligner_lc.commands.arguments import text_or_file

_DESCRIPTION = """\
An upstream answers every prompt, bare and aligned. The replies are compared: final answers with the reference, by a
judge, by classifiers, by what was changed and by what it cost. All is kept in DIR: after any interruption the same
command goes on from there, and other judges and criteria use the replies that are there."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = commands.add_parser(
        "evaluate", help="measure whether an aligner makes replies better, and what it costs", description=_DESCRIPTION
    )
    parser.add_argument(
        "prompts",
        nargs="*",
        metavar="PROMPTS",
        help="JSON lines, JSON, CSV or Parquet with the field question, prompt or messages, and reference for answers "
        "that can be compared; or a data set's folder",
    )
    parser.add_argument("--suite", metavar="NAME", help="use prompts that come with the package: safety")
    parser.add_argument("--upstream", required=True, metavar="NAME", help="provider:model, or a local model's folder")
    parser.add_argument(
        "--aligner", required=True, metavar="NAME", help="a trained aligner's folder, or provider:model, to be prompted"
    )
    parser.add_argument(
        "--policy", type=text_or_file, metavar="TEXT|@FILE", help="what a prompted aligner is told (default: built in)"
    )
    parser.add_argument("--judge", metavar="NAME", help="provider:model that compares and grades replies")
    parser.add_argument(
        "--criteria", nargs="+", metavar="NAME", help="by which it compares (default: helpfulness harmlessness honesty)"
    )
    parser.add_argument(
        "--classifier",
        action="append",
        default=[],
        metavar="FOLDER[::LABEL]",
        help="a sequence-classification model that scores each reply; may be given several times",
    )
    add_answering(parser, corrector="aligner")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder for replies and results")
    parser.add_argument("--restart", action="store_true", help="discard what is in DIR of an earlier start")
    parser.add_argument("--accept-failures", action="store_true", help="leave failed prompts out of the figures")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="show no progress and no table")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from rich.console import Console  # noqa: PLC0415

    from stream_aligner_lc.evaluation import evaluate  # noqa: PLC0415
    from stream_aligner_lc.evaluation.screen import progress_bars, tables_of  # noqa: PLC0415
    from stream_aligner_lc.named import model_named  # noqa: PLC0415
    from stream_aligner_lc.report import report  # noqa: PLC0415

    passed_on = ("out", "concurrency", "limit", "granularity", "restart", "accept_failures")
    given = {name: getattr(options, name) for name in passed_on}
    if options.criteria is not None:
        given["criteria"] = options.criteria
    judge = None if options.judge is None else model_named(options.judge)
    try:
        with progress_bars(quiet=options.quiet) as show:
            evaluation = evaluate(
                _prompts(options),
                upstream_of(options),
                _aligner(options),
                judge=judge,
                classifiers=[_classifier(each) for each in options.classifier],
                show=show,
                **given,
            )
    except KeyboardInterrupt:
        kept = f"What is finished is kept in {str(options.out)!r}, and the same command goes on from there."
        print(f"stream-aligner: interrupted. {kept}", file=sys.stderr)  # noqa: T201  # what a command is for
        raise
    page = report(options.out, out=options.out / "report.html")
    if options.json:
        print(json.dumps(evaluation.results.as_dict()))  # noqa: T201  # the command's output
    elif not options.quiet:
        console = Console(highlight=False)
        console.print(tables_of(evaluation))
        console.print(f"Every reply: {page}", soft_wrap=True)


def _prompts(options: argparse.Namespace) -> list[str | Path]:
    from stream_aligner_lc.errors import ConfigurationError  # noqa: PLC0415
    from stream_aligner_lc.evaluation.suites import suite  # noqa: PLC0415

    if not options.prompts and options.suite is None:
        raise ConfigurationError("There is nothing to ask: give files of prompts, or --suite safety.")
    return [*options.prompts, *([suite(options.suite)] if options.suite is not None else [])]


def _aligner(options: argparse.Namespace) -> Any:
    from stream_aligner_lc.aligners import PromptedAligner  # noqa: PLC0415

    aligner = aligner_of(options)
    return aligner if options.policy is None else PromptedAligner(aligner, policy=options.policy)


def _classifier(text: str) -> Any:
    from stream_aligner_lc.evaluation import Classifier  # noqa: PLC0415

    folder, _, label = text.partition("::")
    return Classifier(folder, label or None)
