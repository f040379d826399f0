"""`stream-aligner annotate`: prompts in, correction data out."""

from __future__ import annotations

from typing import Any

import click

from stream_aligner_lc.commands import answering
from stream_aligner_lc.commands.arguments import option, positive, sectioned_command, text_or_file


@sectioned_command("annotate")
@answering.prompts
@answering.upstream
@option(
    "--teacher",
    required=True,
    metavar="NAME",
    type=click.Path(file_okay=False),
    help="the model that corrects: provider:model, or a local model's folder",
)
@option("--policy", type=text_or_file, metavar="TEXT|@FILE", help="what a sentence must be, if not the built-in one")
@option("--attempts", type=positive, default=3, metavar="N", help="how often an unusable answer is asked for")
@answering.answering(corrector="teacher")
@option("--max-sentences", section="Answering", type=positive, metavar="N", help="the longest reply")
@answering.resuming(file="ROWS.jsonl", rows="rows")
def command(**options: Any) -> None:
    """Make correction data with a teacher.

    An upstream answers every prompt of PROMPTS (JSON lines, JSON, CSV or Parquet with the field question, prompt or
    messages, a data set's folder, or - for piped JSON lines), a teacher corrects each of its sentences, and each
    sentence makes a row. What is finished is kept in ROWS.jsonl.part: after any interruption the same command goes on
    from there.
    """
    from stream_aligner_lc.annotation.screen import progress_bar, table_of  # noqa: PLC0415
    from stream_aligner_lc.annotation.work import annotate  # noqa: PLC0415
    from stream_aligner_lc.named import model_named  # noqa: PLC0415

    passed_on = ("out", "concurrency", "attempts", "limit", "granularity", "max_sentences", *answering.FLAGS)
    given = {name: options[name] for name in passed_on}
    if options["policy"] is not None:
        given["policy"] = options["policy"]
    upstream = answering.upstream_of(options)

    def work(show: Any) -> Any:
        return annotate(options["prompts"], upstream, model_named(options["teacher"]), show=show, **given)

    answering.run_shown(options, work, progress_bar, table_of, rows="rows")
