"""A conversation on a terminal: with its corrections, plain, or as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
from langchain_core.messages import AIMessage
from rich.console import Console
from rich.text import Text

from stream_aligner_lc.conversation.sentences import Shown
from stream_aligner_lc.options import Record
from stream_aligner_lc.terminals import harmless, tell


class PlainScreen:
    """Shows the released text alone."""

    def show(self, piece: Shown) -> None:
        """Show a piece of a reply behind what stands there."""
        tell(piece.text, nl=False)

    def judged(self, record: Record) -> None:
        """Take the record of a sentence, when it has its verdict."""

    def ended(self, reply: AIMessage) -> None:
        """Take the whole reply."""
        click.echo()


class CorrectionScreen(PlainScreen):
    """Shows what was corrected beside what is released, and what a reply cost."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, piece: Shown) -> None:
        """Show a piece, a draft struck out."""
        if is_terminal := self._console.is_terminal:
            piece = piece._replace(text=harmless(piece.text), struck=harmless(piece.struck))
        text = as_text(piece, has_strike=is_terminal)
        self._console.print(text, end="", soft_wrap=True)

    def ended(self, reply: AIMessage) -> None:
        """Show the totals."""
        super().ended(reply)
        self._console.print(totals_line(reply.response_metadata["stream_aligner"]), soft_wrap=True)


class JsonScreen(PlainScreen):
    """Prints an object for each sentence, and one for the reply."""

    def show(self, piece: Shown) -> None:
        """Show nothing: the objects have it."""

    def judged(self, record: Record) -> None:
        """Print the record."""
        click.echo(json.dumps(dict(record)))

    def ended(self, reply: AIMessage) -> None:
        """Print the reply with its totals."""
        click.echo(json.dumps({"reply": reply.text, "totals": reply.response_metadata["stream_aligner"]}))


def as_text(piece: Shown, *, has_strike: bool) -> Text:
    """Return a piece as it is shown: what was replaced struck out, the correction beside it."""
    if not piece.struck:
        return Text(piece.text)
    struck = Text(piece.struck, "red strike") if has_strike else Text(f"~~{piece.struck}~~")
    if not piece.is_correction:
        return Text.assemble(" ", struck)
    return Text.assemble(struck, " ", (piece.text, "bold green"))


def totals_line(totals: Mapping[str, Any]) -> Text:
    """Return what a reply was and cost, in one line."""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in totals["sentences"].items())
    calls = totals["upstream_calls"]
    cost = f"{calls} upstream call{'s' if calls != 1 else ''}, {totals['seconds']:.1f} s"
    return Text(f"{verdicts or 'no sentences'}; {cost}, aligner {totals['aligner_seconds']:.2f} s", "dim")
