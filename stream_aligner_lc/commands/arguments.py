"""What options of commands are made of: values that are checked, and help in sections."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from stream_aligner_lc.segmentation import GRANULARITIES

Made = TypeVar("Made", bound=Callable[..., Any])


class SectionedOption(click.Option):
    """An option that the help shows under the heading `section`."""

    def __init__(self, *given: Any, section: str = "Options", **options: Any) -> None:
        super().__init__(*given, **options)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help has its options in sections, in the order in which these appear."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            # Arguments are told by the usage and the text.
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                section = parameter.section if isinstance(parameter, SectionedOption) else "Options"
                sections.setdefault(section, []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)


class Place(click.Path):
    """Where an output goes. An empty text, such as a variable that is not set, would be the folder here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            self.fail("must not be empty", param, ctx)
        return super().convert(value, param, ctx)


sectioned_command = partial(click.command, cls=SectionedCommand)
option = partial(click.option, cls=SectionedOption)


def all_of(*parts: Callable[[Made], Made]) -> Callable[[Made], Made]:
    """Return one decorator that adds these arguments and options, in this order."""

    def add(made: Made) -> Made:
        for part in reversed(parts):
            made = part(made)
        return made

    return add


def granularity(what: str, **given: Any) -> Callable[[Made], Made]:
    """Return a decorator that adds how much is corrected at a time; `what` is the help."""
    return option("--granularity", type=click.Choice(GRANULARITIES), default=GRANULARITIES[0], help=what, **given)


def a_model(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a model: a folder, or `demo`."""
    bundled = [CompletionItem("demo", help="the bundled model")] if "demo".startswith(incomplete) else []
    return [*bundled, CompletionItem(incomplete, type="dir")]


def positive(text: str) -> int:
    """Take a whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise click.BadParameter(f"must be a whole number of at least 1, got {text!r}")
    return number


def not_negative(text: str) -> float:
    """Take a number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not (math.isfinite(number) and number >= 0):
        raise click.BadParameter(f"must be a number of at least 0, got {text!r}")
    return number


def text_or_file(text: str) -> str:
    """Take a text, or with `@` before it the name of the file that holds it."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as fault:
            raise click.BadParameter(f"the file {text[1:]!r} cannot be read: {fault}") from fault
    if not text.strip():
        raise click.BadParameter("must not be empty")
    if not is_unicode(text):
        raise click.BadParameter("is not UTF-8")
    return text


def is_unicode(text: str) -> bool:
    """Say whether a text can be sent to a model: Python keeps bytes of another encoding as lone surrogates."""
    return not any("\ud800" <= each <= "\udfff" for each in text)
