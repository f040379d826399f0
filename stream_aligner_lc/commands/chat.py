"""`stream-aligner chat`: talk with an aligned model on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from stream_aligner_lc.commands import pairs
from stream_aligner_lc.commands.answering import DEMO
from stream_aligner_lc.commands.arguments import granularity, is_unicode, option, sectioned_command
from stream_aligner_lc.errors import StreamAlignerError
from stream_aligner_lc.terminals import tell


@sectioned_command("chat")
@click.argument("question", required=False)
@pairs.upstream
@pairs.aligner
@pairs.continuation
@granularity("what is corrected at a time")
@pairs.sampling
@option("--plain", is_flag=True, help="show the released text alone, without what was corrected")
@option(
    "--json", "as_json", is_flag=True, help="for one question: a JSON object for each sentence, at the end the totals"
)
def command(question: str | None, *, plain: bool, as_json: bool, **options: Any) -> None:
    """Talk with a model behind an aligner.

    QUESTION is answered, or what stands on the standard input; without either there is a prompt, where Ctrl-C stops a
    reply and, at the prompt, the program, as does Ctrl-D. Drafts that were corrected are struck out, beside what was
    released in their place.
    """
    if plain and as_json:
        raise click.UsageError("--plain and --json exclude each other.")
    question = _asked(question)
    if question is None and as_json:
        raise click.UsageError("--json is for one question: give it, or pipe it in.")
    from rich.console import Console  # noqa: PLC0415

    from stream_aligner_lc.conversation.screen import CorrectionScreen, JsonScreen, PlainScreen  # noqa: PLC0415
    from stream_aligner_lc.conversation.talking import Conversation  # noqa: PLC0415

    screen = JsonScreen() if as_json else PlainScreen() if plain else CorrectionScreen(Console(highlight=False))
    with pairs.told_briefly(options["upstream"]):
        with Console(stderr=True).status("Loading the models"):
            chat = pairs.chat_of(options, granularity=options["granularity"])
        conversation = Conversation(chat, show=screen.show, on_record=screen.judged)
        if question is not None:
            screen.ended(conversation.ask(question))
            return
    _converse(lambda text: screen.ended(conversation.ask(text)), options["upstream"])


def _asked(question: str | None) -> str | None:
    """Return the one question, or None where somebody sits at a prompt."""
    if question is None:
        if sys.stdin.isatty():
            return None
        try:
            question = sys.stdin.read()
        except UnicodeDecodeError as fault:
            raise click.UsageError("The question on the standard input is not UTF-8.") from fault
    if not is_unicode(question):
        raise click.UsageError("The question is not UTF-8.")
    if not question.strip():
        raise click.UsageError("There is nothing to ask: the question is empty.")
    return question.strip()


def _converse(answer: Callable[[str], None], name: str) -> None:
    _edit_lines()
    click.echo("Ctrl-C stops a reply; Ctrl-D leaves.", err=True)
    if name == DEMO:
        from stream_aligner_lc.sums.problems import problems  # noqa: PLC0415

        click.echo(f"The bundled pair knows sums, such as: {problems(1, seed=0)[0].question}", err=True)
    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            click.echo()
            return
        if not question:
            continue
        if not is_unicode(question):
            click.echo("stream-aligner: The question is not UTF-8.", err=True)
            continue
        try:
            with pairs.told_briefly(name):
                answer(question)
        except KeyboardInterrupt:
            click.echo("\nstream-aligner: stopped.", err=True)
        except StreamAlignerError as error:
            tell(f"\nstream-aligner: {error}", err=True)


def _edit_lines() -> None:
    try:
        import readline  # noqa: F401, PLC0415  # `input` edits lines, and remembers them, where it is there
    except ImportError:
        return
