"""`stream-aligner convert`: public data sets to rows."""

from __future__ import annotations

from typing import Any

import click

from stream_aligner_lc.commands.answering import totals_as_json
from stream_aligner_lc.commands.arguments import Place, option, sectioned_command


@sectioned_command("convert")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path())
@option("--out", required=True, metavar="ROWS.jsonl", type=Place(), help="the file to write")
@option(
    "--format",
    type=click.Choice(["auto", "stream-aligner", "aligner"]),
    default="auto",
    help="what the objects are; auto goes by their fields",
)
@option(
    "--granularity",
    type=click.Choice(["sentence", "response"]),
    default="sentence",
    help="what becomes a row: each sentence, or each whole answer",
)
@option("--overwrite", is_flag=True, help="replace the file if it is there already")
@option("--json", "as_json", is_flag=True, help="print the totals as one JSON object")
@option("--strict", is_flag=True, help="fail at the first broken object instead of skipping it")
def command(inputs: tuple[str, ...], out: str, *, as_json: bool, **options: Any) -> None:
    """Make rows of public data sets.

    Rows are question, prefix, last, correction, end and verdict; INPUT is a file (JSON lines, JSON, CSV, Parquet), a
    data set's folder, or - for piped JSON lines. Objects with `last` are single sentences already, as in
    htlou/stream-aligner; objects with `answer` are whole answers and their corrections, as in aligner/aligner-20K, and
    are aligned sentence by sentence.
    """
    from functools import partial  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415
    from tqdm import tqdm  # noqa: PLC0415

    from stream_aligner_lc.conversion import convert  # noqa: PLC0415
    from stream_aligner_lc.conversion.screen import skips, totals  # noqa: PLC0415

    watch = partial(tqdm, desc="Converting", unit=" objects", disable=None)  # where nobody watches
    summary = convert(list(inputs), out, watch=watch, **options)
    if summary.skipped:
        Console(stderr=True, highlight=False).print(skips(summary), soft_wrap=True)
    if as_json:
        click.echo(totals_as_json(summary))
        return
    Console(highlight=False).print(totals(summary))
