"""A tokenizer's chat template, taken apart: what it writes around the messages, and what it strips from them.

It is rendered with slots in place of the messages, bare and with whitespace around them: what is left of the whitespace
shows what the template strips. So a text need not go through the template, where it could be taken for markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.prompts import Part

_SLOT = "slot-4f1c9a-{}-"
_SLOTS = re.compile(_SLOT.format(r"(\d+)"))
# The newlines are outermost because some templates strip newlines alone.
_BEFORE, _AFTER = "\n \t", "\t \n"
_MOST_KNOWN = 32
_USUAL = [("user", "assistant", "user"), ("system", "user", "assistant", "user")]


class Turn(NamedTuple):
    """One message of a conversation: who says it, and what, in parts."""

    role: str
    parts: Sequence[Part]


class _Slot(NamedTuple):
    """A place of a chat template for a message, and what it strips from there, as `str.strip` takes it."""

    frame: str
    """What stands before the message."""
    number: int
    lstrip: str | None
    rstrip: str | None


class Frame:
    """The chat template of one tokenizer, or another one that stands in for it; false if there is none."""

    def __init__(self, tokenizer: Any, chat_template: str | None = None) -> None:
        self._tokenizer = tokenizer
        self.source = _chosen_template(tokenizer, chat_template)
        # The messages play no part in it, and most conversations are of few shapes.
        self._slots = lru_cache(_MOST_KNOWN)(self._find_slots)

    def __bool__(self) -> bool:
        return self.source is not None

    def parts(self, turns: Sequence[Turn], *, goes_on: bool = False) -> list[Part]:
        """Return a conversation in parts.

        It ends where the assistant's answer begins or, if it `goes_on`, with the last turn left open. Raises
        `ConfigurationError` with the template's own words if it refuses the conversation.
        """
        slots, end = self._slots(tuple(turn.role for turn in turns), goes_on=goes_on)
        missing = set(range(len(turns))) - {slot.number for slot in slots}
        if missing:
            raise ConfigurationError(
                f"The chat template leaves out the {turns[min(missing)].role!r} message, so its text cannot be put in. "
                "Use another role, or another `chat_template`."
            )
        return [*(part for slot in slots for part in _filled(slot, turns[slot.number].parts)), Part(end, is_ours=True)]

    @property
    def after_an_answer(self) -> str:
        """What the template writes after an assistant's answer, without whitespace before it."""
        said = [{"role": "user", "content": "."}, {"role": "assistant", "content": _SLOT}]
        try:
            return self._rendered(said, add_generation_prompt=False).partition(_SLOT)[2].lstrip() if self else ""
        except ConfigurationError:
            # It can still hold a prompt: some take no answers, some want a system message.
            return ""

    def marks(self) -> Iterator[str]:
        """Yield what the template writes around the turns of the usual conversations, line by line."""
        for roles in _USUAL if self else ():
            try:
                slots, end = self._slots(roles, goes_on=False)
            except ConfigurationError:
                # Not every template takes a system message.
                continue
            for frame in (*(slot.frame for slot in slots), end):
                yield from frame.splitlines()

    def _find_slots(self, roles: tuple[str, ...], *, goes_on: bool) -> tuple[list[_Slot], str]:
        """Return the chat template's places for turns of these roles, and what it writes after the last one."""
        bare, padded = (
            _SLOTS.split(
                self._rendered(
                    [{"role": role, "content": content.format(number)} for number, role in enumerate(roles)],
                    add_generation_prompt=not goes_on,
                )
            )
            for content in (_SLOT, _BEFORE + _SLOT + _AFTER)
        )
        frames, numbers = bare[::2], bare[1::2]
        kept = [_kept(*pair) for pair in zip(frames, padded[::2], strict=False)]
        slots = [
            _Slot(frame, int(number), _stripped_from_start(before), _stripped_from_end(after))
            for frame, number, (_, before), (after, _) in zip(frames, numbers, kept, kept[1:], strict=False)
        ]
        if not goes_on:
            return slots, frames[-1]
        last = max((at for at, slot in enumerate(slots) if slot.number == len(roles) - 1), default=0)
        return [*slots[:last], *(slot._replace(rstrip="") for slot in slots[last : last + 1])], ""

    def _rendered(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool) -> str:
        # What a template raises is Jinja's own class or the tokenizer's ValueError; both say it in words.
        from jinja2.exceptions import TemplateError  # noqa: PLC0415  # an extra

        try:
            rendered: str = self._tokenizer.apply_chat_template(
                list(messages),
                chat_template=self.source,
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


def _chosen_template(tokenizer: Any, chosen: str | None) -> str | None:
    if not (chosen or tokenizer.chat_template):
        return None
    try:
        # It may have several, with names.
        template: str = tokenizer.get_chat_template(chosen or None)
    except ValueError as fault:
        raise ConfigurationError(str(fault)) from fault
    return template


def _kept(bare: str, padded: str) -> tuple[str, str]:
    """Return what is left of the padding in a frame: of the message before it, and of the one after it."""
    afters = [_AFTER[:length] for length in range(len(_AFTER) + 1)]
    befores = [_BEFORE[start:] for start in range(len(_BEFORE) + 1)]
    pairs = ((after, before) for after in afters for before in befores)
    return next(((after, before) for after, before in pairs if after + bare + before == padded), (_AFTER, _BEFORE))


def _stripped_from_start(kept: str) -> str | None:
    return _BEFORE.removesuffix(kept) if kept else None


def _stripped_from_end(kept: str) -> str | None:
    return _AFTER.removeprefix(kept) if kept else None


def _filled(slot: _Slot, parts: Sequence[Part]) -> list[Part]:
    """Return what stands before a message and the message, stripped as the chat template would have."""
    frame, kept = slot.frame, list(parts)
    # A prompt's own words stay byte for byte.
    if kept and not kept[0].is_ours:
        kept[0] = kept[0]._replace(text=kept[0].text.lstrip(slot.lstrip))
    if kept and not kept[-1].is_ours:
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip(slot.rstrip))
    # Most tokenizers have the space before a word in the word's own token, and so has what the model writes.
    if kept and not kept[0].is_ours and kept[0].text and frame.endswith(" "):
        frame, kept[0] = frame[:-1], kept[0]._replace(text=" " + kept[0].text)
    return [Part(frame, is_ours=True), *kept]
