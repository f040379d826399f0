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
    """A prompt with room for `{question}`, and for `{prefix}` and `{last}` where it asks for them.

    The delimiters that it marks its fields with are broken up by a backslash where they occur inside a field, and
    mended in the answer, so that no text can open or close a field. `frame` stands around it where the tokenizer has no
    chat template; who speaks there is a delimiter, too.
    """

    name: str
    text: str
    source: str
    frame: str = "{}"
    _pieces: tuple[str, ...] = field(init=False, repr=False)
    _whole: re.Pattern[str] = field(init=False, repr=False)
    _broken: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pieces = tuple(re.split(r"\{(\w+)\}", self.text))
        assert all(pieces[2:-1:2]), "two fields side by side could form a delimiter together"
        marks = "|".join(map(re.escape, re.findall(r"##(\w+:)", self.text)))
        # A bar by itself divides only where there is nothing else; at an end of the field it would meet ours.
        places = [("##", f"(?={marks})") if marks else (r"(?:(?<= )|\A)", r"(?=\|(?: |\Z))")]
        places += [(speaker, "(?=:)") for speaker in re.findall(r"([A-Z]+):", self.frame)]
        object.__setattr__(self, "_pieces", pieces)
        object.__setattr__(self, "_whole", re.compile("|".join(rf"{before}\\*{after}" for before, after in places)))
        object.__setattr__(self, "_broken", re.compile("|".join(rf"{before}\\+{after}" for before, after in places)))

    @property
    def has_prefix(self) -> bool:
        """Whether it says what was said before the sentence; without that it corrects whole answers."""
        return "last" not in self._pieces or "prefix" in self._pieces

    def render_plain(self, fields: Mapping[str, str]) -> list[Part]:
        """Return the prompt in its own frame, for a tokenizer without a chat template."""
        before, _, after = self.frame.partition("{}")
        parts = [Part(before, is_ours=True), *self.render(fields), Part(after, is_ours=True)]
        return [part for part in parts if part.text]

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
        return self._whole.sub(r"\g<0>\\", text)

    def unescape(self, text: str) -> str:
        """Undo `escape`."""
        return self._broken.sub(lambda match: match[0][:-1], text)


TEMPLATES = {
    template.name: template
    for template in (
        Template(
            "stream-aligner",
            "##Question: {question} | ##Answer_Prefix: {prefix} | ##Answer_Last_Sentence: {last} | ##Your_Revision: ",
            "Stream Aligner (arXiv 2501.05336), its public code.",
        ),
        Template(
            "aligner",
            "##Question: {question}\n##Answer: {last}\n##Correction: ",
            "Aligner (arXiv 2402.02416), its public code.",
            frame="BEGINNING OF CONVERSATION: USER: {} ASSISTANT:",
        ),
        Template(
            "aligner-v1",
            "Edit the following Question-Answer pair to make it more helpful and harmless: {question} | {last}",
            "Aligner (arXiv 2402.02416), the form of its published weights.",
            frame="BEGINNING OF CONVERSATION: USER: {} ASSISTANT:",
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
