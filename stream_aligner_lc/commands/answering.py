"""What commands that have a model answer prompts have in common: their options, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from stream_aligner_lc.commands.arguments import (
    Made,
    Place,
    a_model,
    all_of,
    granularity,
    not_negative,
    option,
    positive,
    text_or_file,
)
from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError

FLAGS = ("restart", "overwrite", "accept_failures")
"""How work goes on, as both the commands and their functions call it."""

DEMO = "demo"
"""In place of a model's name: the bundled one; a folder of that name is `./demo`."""

prompts = click.argument("prompts", nargs=-1, required=True, metavar="PROMPTS...", type=click.Path())
upstream = option(
    "--upstream",
    required=True,
    metavar="NAME",
    shell_complete=a_model,
    help="provider:model, a local model's folder, or demo for the bundled one",
)
aligner = option(
    "--aligner",
    required=True,
    metavar="NAME",
    shell_complete=a_model,
    help="a trained aligner's folder, demo for the bundled one, or provider:model, to be prompted",
)
policy = option(
    "--policy", type=text_or_file, metavar="TEXT|@FILE", help="what a prompted aligner is told, if not the built-in one"
)


def answering(*, corrector: str) -> Callable[[Made], Made]:
    """Return a decorator that adds how an upstream is asked; `corrector` is who corrects it."""
    section = "Answering"
    return all_of(
        option("--concurrency", section=section, type=positive, default=8, metavar="N", help="so many prompts at once"),
        option("--limit", section=section, type=positive, metavar="N", help="take the first N prompts"),
        granularity(f"what the {corrector} is shown at a time", section=section),
        option("--temperature", section=section, type=not_negative, metavar="T", help="of the upstream"),
        option("--seed", section=section, type=int, metavar="N", help="of the upstream, if it takes one"),
    )


def resuming(*, file: str, rows: str) -> Callable[[Made], Made]:
    """Return a decorator that adds where the rows go, and what becomes of what is there."""
    section = "Output"
    return all_of(
        option(
            "--out",
            section=section,
            required=True,
            type=Place(path_type=Path),
            metavar=file,
            help="the file to write",
        ),
        option("--json", "as_json", section=section, is_flag=True, help="print the totals as one JSON object"),
        option("--quiet", section=section, is_flag=True, help="show no progress and no table"),
        option("--restart", section=section, is_flag=True, help="discard what is finished of an earlier start"),
        option("--overwrite", section=section, is_flag=True, help=f"replace {file} if it is there"),
        option(
            "--accept-failures",
            section=section,
            is_flag=True,
            help=f"write the {rows} without those of failed prompts",
        ),
    )


def upstream_of(options: Mapping[str, Any]) -> Any:
    """Return the upstream that was named, sampling as was asked."""
    sampling = {name: options[name] for name in ("temperature", "seed") if options[name] is not None}
    return upstream_named(options["upstream"], **sampling)


def upstream_named(name: str, **options: Any) -> Any:
    """Return the upstream of that name, with the model's own options."""
    from stream_aligner_lc.named import model_named  # noqa: PLC0415

    if name != DEMO:
        return model_named(name, **options)
    from stream_aligner_lc.sums import pair  # noqa: PLC0415

    return pair.upstream(**options)


def aligner_named(name: str, *, told: str | None = None) -> Any:
    """Return the aligner of that name: a chat model, to be `told` the policy, or a trained one, which takes none."""
    from stream_aligner_lc.aligners import TransformersAligner  # noqa: PLC0415
    from stream_aligner_lc.named import is_of_provider, model_named  # noqa: PLC0415

    if is_of_provider(name):
        return model_named(name)
    if told is not None:
        raise ConfigurationError(
            f"--policy is told to a prompted aligner, and {name!r} is a trained one, which keeps to what it was "
            "trained on. Leave it out, or give --aligner provider:model."
        )
    if name != DEMO:
        return TransformersAligner(name)
    from stream_aligner_lc.sums import pair  # noqa: PLC0415

    return pair.aligner()


def run_shown(
    options: Mapping[str, Any],
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

    out, quiet = options["out"], options["quiet"]
    try:
        with progress_bar(quiet=quiet) as show:
            summary = work(show)
    except KeyboardInterrupt:
        interrupted(f"{out}.part")
        raise
    if options["as_json"]:
        click.echo(totals_as_json(summary))
    elif not quiet:
        Console(highlight=False).print(table_of(summary))
    if not summary.written:
        raise StreamAlignerError(
            f"{len(summary.failed)} of {summary.prompts} prompts failed, so '{out}' was not written. The same "
            f"command tries them again and nothing else; with --accept-failures it writes the {rows} without theirs."
        )


def totals_as_json(summary: Any) -> str:
    """Return the fields of a summary, and how many rows there are, as one JSON object."""
    # `asdict` would count the items of a Counter.
    totals = {each.name: getattr(summary, each.name) for each in fields(summary)}
    return json.dumps({"rows": summary.rows, **totals}, default=asdict)


def interrupted(kept: str | Path) -> None:
    """Say where what is finished is kept."""
    again = "and the same command goes on from there."
    click.echo(f"stream-aligner: interrupted. What is finished is kept in {str(kept)!r}, {again}", err=True)
