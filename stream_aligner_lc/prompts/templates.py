"""The templates of trained aligners, byte for byte, in one place for training and serving. Plain Python, no I/O.

A rendered template is a list of parts: each is tokenised by itself, so that no token ever spans the seam between the
template and what comes from outside, and no special token comes from a question, a prefix or a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stream_aligner_lc.errors import ConfigurationError


class Part(NamedTuple):
    """A piece of a prompt."""

    text: str
    is_ours: bool
    """Whether the project (or the tokenizer's chat template) wrote it; everything else is untrusted."""


@dataclass(frozen=True)
class Template:
    """A prompt with room for `{question}` and, unless the reply follows it, for `{prefix}` and `{last}`.

    The delimiters that it marks its fields with are broken up by a backslash where they occur inside a field, and
    mended in the answer, so that no text can open or close a field.
    """

    name: str
    text: str
    source: str
    _pieces: tuple[str, ...] = field(init=False, repr=False)
    _whole: re.Pattern[str] = field(init=False, repr=False)
    _broken: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Without any, there is nothing to break up: "(?!)" stands nowhere.
        marks = "|".join(map(re.escape, re.findall(r"##(\w+:)", self.text))) or "(?!)"
        pieces = tuple(re.split(r"\{(\w+)\}", self.text))
        assert all(pieces[2:-1:2]), "two fields side by side could form a delimiter together"
        object.__setattr__(self, "_pieces", pieces)
        object.__setattr__(self, "_whole", re.compile(rf"##(\\*)(?={marks})"))
        object.__setattr__(self, "_broken", re.compile(rf"##\\(\\*)(?={marks})"))

    def render(self, fields: Mapping[str, str]) -> list[Part]:
        """Return the prompt in parts, in order; empty parts are left out.

        >>> template = TEMPLATES["stream-aligner"]
        >>> "".join(part.text for part in template.render({"question": "Why?", "prefix": "", "last": "So."}))
        '##Question: Why? | ##Answer_Prefix:  | ##Answer_Last_Sentence: So. | ##Your_Revision: '
        """
        parts = [
            Part(self.escape(fields[piece]), is_ours=False) if number % 2 else Part(piece, is_ours=True)
            for number, piece in enumerate(self._pieces)
        ]
        return [part for part in parts if part.text]

    def escape(self, text: str) -> str:
        """Break up the template's delimiters inside `text`, reversibly."""
        return self._whole.sub(r"##\\\1", text)

    def unescape(self, text: str) -> str:
        """Undo `escape`."""
        return self._broken.sub(r"##\1", text)


TEMPLATES = {
    template.name: template
    for template in (
        Template(
            "stream-aligner",
            "##Question: {question} | ##Answer_Prefix: {prefix} | ##Answer_Last_Sentence: {last} | ##Your_Revision: ",
            "Stream Aligner (arXiv 2501.05336), its public code.",
        ),
        # In a chat frame there is nothing of ours: the question is the user's turn, the answer the assistant's.
        Template("verdict", "##Question: {question} | ##Answer: ", "This project's own."),
    )
}
"""Every template that a trained aligner may have been trained in, by name."""


def template_named(name: str) -> Template:
    """Return the template of that name; raises `ConfigurationError` that lists them."""
    if name not in TEMPLATES:
        known = ", ".join(map(repr, TEMPLATES))
        raise ConfigurationError(f"`template` must be one of {known}, got {name!r}.")
    return TEMPLATES[name]
