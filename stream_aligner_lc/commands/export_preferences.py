"""`stream-aligner export-preferences`: prompts in, preference pairs out."""

from __future__ import annotations

from typing import Any

from stream_aligner_lc.commands import answering
from stream_aligner_lc.commands.arguments import option, sectioned_command


@sectioned_command("export-preferences")
@answering.prompts
@answering.upstream
@answering.aligner
@answering.policy
@option(
    "--shared/--no-shared",
    default=True,
    help="let the two replies part at the first changed sentence, not at the first word",
)
@option("--include-same", is_flag=True, help="write pairs of equal replies, too")
@answering.answering(corrector="aligner")
@answering.resuming(file="PAIRS.jsonl", rows="pairs")
def command(**options: Any) -> None:
    """Make preference pairs, to tune an upstream with.

    An upstream answers every prompt of PROMPTS (JSON lines, JSON, CSV or Parquet with the field question, prompt or
    messages, a data set's folder, or - for piped JSON lines), aligned and bare, and the two replies make a pair:
    prompt, chosen, rejected, as TRL's DPOTrainer and `stream-aligner train --template reply` take them. What is
    finished is kept in PAIRS.jsonl.part: after any interruption the same command goes on from there.
    """
    from stream_aligner_lc.preferences import export_preferences  # noqa: PLC0415
    from stream_aligner_lc.preferences.screen import progress_bar, table_of  # noqa: PLC0415

    passed_on = ("out", "policy", "shared", "include_same", "concurrency", "limit", "granularity", *answering.FLAGS)
    given = {name: options[name] for name in passed_on}
    upstream = answering.upstream_of(options)

    def work(show: Any) -> Any:
        aligner = answering.aligner_named(options["aligner"], told=options["policy"])
        return export_preferences(options["prompts"], upstream, aligner, show=show, **given)

    answering.run_shown(options, work, progress_bar, table_of, rows="pairs")
