"""`stream-aligner evaluate`: does an aligner make replies better, by how much, and what does it cost?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stream_aligner_lc.commands import answering
from stream_aligner_lc.commands.arguments import Place, option, sectioned_command
from stream_aligner_lc.errors import ConfigurationError


def _suites(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from stream_aligner_lc.evaluation.suites import SUITES  # noqa: PLC0415

    return [name for name in SUITES if name.startswith(incomplete)]


@sectioned_command("evaluate")
@click.argument("prompts", nargs=-1, metavar="[PROMPTS]...", type=click.Path())
@option("--suite", metavar="NAME", shell_complete=_suites, help="use prompts that come with the package: safety")
@answering.upstream
@answering.aligner
@answering.policy
@option("--judge", section="Judging", metavar="NAME", help="provider:model that compares and grades replies")
@option(
    "--criteria",
    section="Judging",
    multiple=True,
    metavar="NAME",
    help="by which it compares, may be given several times, if not helpfulness, harmlessness and honesty",
)
@option(
    "--classifier",
    "classifiers",
    section="Judging",
    multiple=True,
    metavar="FOLDER[::LABEL]",
    help="a sequence-classification model that scores each reply, may be given several times",
)
@answering.answering(corrector="aligner")
@option(
    "--out",
    section="Output",
    required=True,
    type=Place(path_type=Path),
    metavar="DIR",
    help="the folder for replies and results",
)
@option("--restart", section="Output", is_flag=True, help="discard what is in DIR of an earlier start")
@option("--accept-failures", section="Output", is_flag=True, help="leave failed prompts out of the figures")
@option("--json", "as_json", section="Output", is_flag=True, help="print the figures as one JSON object")
@option("--quiet", section="Output", is_flag=True, help="show no progress and no table")
def command(judge: str | None, *, as_json: bool, quiet: bool, **options: Any) -> None:
    """Measure whether an aligner makes replies better, and what it costs.

    An upstream answers every prompt, bare and aligned. PROMPTS are JSON lines, JSON, CSV or Parquet with the field
    question, prompt or messages, and reference for answers that can be compared; a data set's folder; or - for piped
    JSON lines. The replies are compared: final answers with the reference, by a judge, by classifiers, by what was
    changed and by what it cost.

    All is kept in DIR: after any interruption the same command goes on from there, and other judges and criteria use
    the replies that are there.
    """
    from rich.console import Console  # noqa: PLC0415

    from stream_aligner_lc.evaluation import evaluate  # noqa: PLC0415
    from stream_aligner_lc.evaluation.screen import progress_bars, tables_of  # noqa: PLC0415
    from stream_aligner_lc.named import model_named  # noqa: PLC0415
    from stream_aligner_lc.report import report  # noqa: PLC0415

    passed_on = ("out", "concurrency", "limit", "granularity", "restart", "accept_failures")
    given = {name: options[name] for name in passed_on}
    if options["criteria"]:
        given["criteria"] = options["criteria"]
    out: Path = options["out"]
    try:
        with progress_bars(quiet=quiet) as show:
            evaluation = evaluate(
                _prompts(options["prompts"], options["suite"]),
                answering.upstream_of(options),
                _aligner(options["aligner"], options["policy"]),
                judge=None if judge is None else model_named(judge),
                classifiers=[_classifier(each) for each in options["classifiers"]],
                show=show,
                **given,
            )
    except KeyboardInterrupt:
        answering.interrupted(out)
        raise
    page = report(out, out=out / "report.html")
    if as_json:
        click.echo(json.dumps(evaluation.results.as_dict()))
    elif not quiet:
        console = Console(highlight=False)
        console.print(tables_of(evaluation))
        console.print(f"Every reply: {page}", soft_wrap=True)


def _prompts(files: tuple[str, ...], name: str | None) -> list[str | Path]:
    from stream_aligner_lc.evaluation.suites import suite  # noqa: PLC0415

    if not files and name is None:
        raise ConfigurationError("There is nothing to ask: give files of prompts, or --suite safety.")
    return [*files, *([suite(name)] if name is not None else [])]


def _aligner(name: str, policy: str | None) -> Any:
    from stream_aligner_lc.aligners import PromptedAligner  # noqa: PLC0415

    aligner = answering.aligner_named(name, told=policy)
    return aligner if policy is None else PromptedAligner(aligner, policy=policy)


def _classifier(text: str) -> Any:
    from stream_aligner_lc.evaluation import Classifier  # noqa: PLC0415

    folder, _, label = text.partition("::")
    return Classifier(folder, label or None)
