"""From messages and prompt parts to token ids: the tokenizer's chat template around, every part by itself.

Rule: what comes from outside never becomes a control token, and a rendered turn that is left open ends exactly where
its text ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.prompts import Part

# Whitespace that no chat template writes: it shows whether a template strips what it is given.
_PADDING = " \t "
_SLOT = "slot-4f1c9a-{}-"


class Turn(NamedTuple):
    """One message of a conversation: who says it, and what, in parts."""

    role: str
    parts: Sequence[Part]


class Encoder:
    """Token ids of conversations and texts, for one tokenizer of `transformers`."""

    def __init__(self, tokenizer: Any, *, chat_template: str | None = None) -> None:
        self.tokenizer = tokenizer
        self.chat_template: str | None = chat_template or getattr(tokenizer, "chat_template", None)
        self._control = _control_tokens(tokenizer, str(self.chat_template))

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer knows how a conversation is written."""
        return bool(self.chat_template)

    def conversation(self, turns: Sequence[Turn], *, goes_on: bool = False) -> list[int]:
        """Return the ids of a conversation inside the tokenizer's chat template.

        It ends where the assistant's answer begins or, if it `goes_on`, with the last turn left open. Raises
        `ConfigurationError` with the template's own words if it refuses the conversation.
        """
        slots = [_SLOT.format(number) for number in range(len(turns))]
        messages = [
            {"role": turn.role, "content": _PADDING + slot + _PADDING} for turn, slot in zip(turns, slots, strict=True)
        ]
        text = self._rendered(messages, add_generation_prompt=not goes_on)
        ids: list[int] = []
        for turn, slot in zip(turns, slots, strict=True):
            frame, found, text = text.partition(slot)
            if not found:
                raise ConfigurationError(
                    f"The chat template leaves out the {turn.role!r} message, so its text cannot be put in. "
                    "Use another role, or another `chat_template`."
                )
            strips_start, strips_end = not frame.endswith(_PADDING), not text.startswith(_PADDING)
            text = text.removeprefix(_PADDING)
            is_open = goes_on and turn is turns[-1]
            ids += self.ours(frame.removesuffix(_PADDING))
            ids += self.parts(_stripped(turn.parts, start=strips_start, end=strips_end and not is_open))
            if is_open:
                return ids
        return ids + self.ours(text)

    @property
    def end_of_turn(self) -> int | None:
        """The token with which an assistant's turn ends: the chat template's, else the tokenizer's end of a text."""
        if self.has_chat_template and self._control is not None:
            said = [{"role": "user", "content": "."}, {"role": "assistant", "content": _SLOT}]
            after = self._rendered(said, add_generation_prompt=False).partition(_SLOT)[2]
            # Some templates end a turn with text, which an answer may hold as well.
            if self._control.match(after):
                return self.ours(after)[0]
        end: int | None = self.tokenizer.eos_token_id
        return end

    def plain(self, parts: Sequence[Part]) -> list[int]:
        """Return the ids of a prompt without a chat template, with the tokenizer's own start of a text."""
        start = self.tokenizer("")["input_ids"][:1]
        return [*(start if start == [self.tokenizer.bos_token_id] else []), *self.parts(parts)]

    def parts(self, parts: Sequence[Part]) -> list[int]:
        """Return the ids of the parts, each tokenised by itself."""
        return [token for part in parts for token in (self.ours if part.is_ours else self.text)(part.text)]

    def ours(self, text: str) -> list[int]:
        """Return the ids of text that may hold control tokens."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
        return ids

    def text(self, text: str) -> list[int]:
        """Return the ids of text from outside: what looks like a control token is spelled out."""
        inside = [] if self._control is None else [match.start() + 1 for match in self._control.finditer(text)]
        if not inside:
            return self.ours(text)
        # Cut in two, a control token's name is text like any other. A half may hold another one's name.
        bounds = pairwise([0, *inside, len(text)])
        return [token for start, end in bounds for token in self.text(text[start:end])]

    def _rendered(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool) -> str:
        # What a template raises is Jinja's own class or the tokenizer's ValueError; both say it in words.
        from jinja2.exceptions import TemplateError  # noqa: PLC0415  # comes with transformers

        try:
            rendered: str = self.tokenizer.apply_chat_template(
                list(messages),
                chat_template=self.chat_template,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
            )
        except (TemplateError, ValueError) as fault:
            roles = ", ".join(message["role"] for message in messages)
            raise ConfigurationError(
                f"The model's chat template refuses a conversation of the roles {roles}: {fault} "
                "Change the messages, or pass another `chat_template`."
            ) from fault
        return rendered


def _control_tokens(tokenizer: Any, template: str) -> re.Pattern[str] | None:
    names = {
        token.content
        for token in tokenizer.added_tokens_decoder.values()
        # Some tokenizers add runs of spaces or single letters as tokens: those are text.
        if len(token.content) > 1 and (token.special or (token.content.strip() and token.content in template))
    }
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if names else None


def _stripped(parts: Sequence[Part], *, start: bool, end: bool) -> list[Part]:
    """Strip a message's text as its template would have; a prompt's own words stay byte for byte."""
    kept = list(parts)
    if start and kept and not kept[0].is_ours:
        kept[0] = kept[0]._replace(text=kept[0].text.lstrip())
    if end and kept and not kept[-1].is_ours:
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip())
    return kept
