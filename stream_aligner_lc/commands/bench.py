"""`stream-aligner bench`: what the loop costs on this machine, for an upstream and an aligner."""

from __future__ import annotations

import json
from functools import partial
from itertools import islice
from typing import Any

import click

from stream_aligner_lc.commands import answering, pairs
from stream_aligner_lc.commands.arguments import option, positive, sectioned_command
from stream_aligner_lc.errors import ConfigurationError


@sectioned_command("bench")
@click.argument("prompts", nargs=-1, metavar="[PROMPTS]...", type=click.Path())
@pairs.upstream
@pairs.aligner
@pairs.continuation
@option("--limit", type=positive, default=10, metavar="N", help="at most so many questions, and one more to warm up")
@option("--lookahead", type=click.IntRange(min=0), default=2, metavar="N", help="sentences that the upstream may lead")
@pairs.sampling
@option("--json", "as_json", is_flag=True, help="print the figures as one JSON object")
def command(prompts: tuple[str, ...], limit: int, *, as_json: bool, **options: Any) -> None:
    """Measure what the loop costs for an upstream and an aligner.

    The same questions are answered bare and aligned, by turns and one at a time: how long until the first sentence and
    until the end, tokens a second, upstream calls, what was written in vain, and what the aligner takes for a sentence.
    Read ratios: both sides are of one run, and absolutes are this machine's.

    PROMPTS are JSON lines, JSON, CSV or Parquet with the field question, prompt or messages, - piped ones; else the
    bundled upstream is asked for sums, and others about everyday matters.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import track  # noqa: PLC0415

    from stream_aligner_lc.timing.measuring import compare  # noqa: PLC0415
    from stream_aligner_lc.timing.screen import table_of  # noqa: PLC0415

    asked = _questions(prompts, options["upstream"], limit + 1)
    screen = Console(stderr=True, highlight=False)
    with pairs.told_briefly(options["upstream"]):
        with screen.status("Loading the models"):
            chat = pairs.chat_of(options, lookahead=options["lookahead"])
        watch = partial(
            track, description="Bare and aligned", console=screen, disable=not screen.is_terminal, transient=True
        )
        loop = {name: options[name] for name in ("continuation", "lookahead")}
        comparison = compare(asked, chat.llm, chat.aligner, watch=watch, **loop)
    names = {"upstream": options["upstream"], "aligner": chat.aligner.name}
    if as_json:
        click.echo(json.dumps({**names, **comparison.as_dict()}))
        return
    Console(highlight=False).print(table_of(comparison, **names))


def _questions(files: tuple[str, ...], upstream: str, number: int) -> list[Any]:
    from stream_aligner_lc.resumable.prompts import prompts_of  # noqa: PLC0415
    from stream_aligner_lc.rows.reading import entries  # noqa: PLC0415
    from stream_aligner_lc.sums.problems import problems  # noqa: PLC0415
    from stream_aligner_lc.timing.questions import ORDINARY  # noqa: PLC0415

    if files:
        found = [list(prompt.messages) for prompt in islice(prompts_of(entries(files)), number)]
        if not found:
            raise ConfigurationError(f"There is nothing to ask in {', '.join(map(repr, files))}.")
        return found
    if upstream == answering.DEMO:
        return [problem.question for problem in problems(number, seed=0)]
    return list(ORDINARY[:number])
