"""`stream-aligner report`: an evaluation, or a log of sentences, as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from stream_aligner_lc.commands.arguments import Place, option, sectioned_command


@sectioned_command("report")
@click.argument("source", metavar="DIR|LOG", type=click.Path(path_type=Path))
@option(
    "--out",
    type=Place(path_type=Path),
    metavar="FILE",
    help="the file to write, if not report.html in DIR or LOG.html beside LOG",
)
def command(source: Path, out: Path | None) -> None:
    """Show an evaluation, or a log of sentences, as one HTML page.

    DIR is the folder that evaluate wrote, LOG a log of JsonlRecorder. The file needs no network: the figures with their
    intervals, plots, and every reply with what the aligner changed in it, sentence by sentence. It holds all drafts, so
    show it to those who may see them.
    """
    from stream_aligner_lc.report import report  # noqa: PLC0415

    beside = source / "report.html" if source.is_dir() else source.with_name(f"{source.name}.html")
    click.echo(report(source, out=out or beside))
