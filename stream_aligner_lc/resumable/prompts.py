"""What is asked: a conversation, its id, and the place where it stands. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stream_aligner_lc.fingerprints import fingerprint
from stream_aligner_lc.rows.entry import Entry, Fault, RowError, Seen, checked_text, text_of

_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "ai": "assistant", "system": "system"}
_QUESTIONS = ("question", "prompt", "messages")
_READ = {*_QUESTIONS, "system", "id"}
_REFERENCES = ("reference", "solution", "answer")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One conversation to answer."""

    id: str
    messages: Sequence[dict[str, str]]
    place: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What else the object holds."""

    @property
    def digest(self) -> str:
        """What the conversation is recognised by."""
        return fingerprint(json.dumps(self.messages))

    def as_input(self) -> dict[str, Any]:
        """Return the input of the annotation graph."""
        return {"messages": list(self.messages), "id": self.id, "source": self.place}


def prompts_of(entries: Iterable[Entry]) -> Iterator[Prompt]:
    """Take the objects of a data file as prompts.

    The field is `question`, else `prompt`, a text or a list of messages, else `messages`; each message has a `role` and
    a `content`. Optional are `system` and `id`; without an id it is derived from the place and the conversation.
    Raises `RowError` for whatever cannot be asked, and for an id that comes twice.
    """
    seen = Seen()
    for entry in entries:
        messages = [*_system(entry), *_conversation(entry)]
        others = {name: value for name, value in entry.fields.items() if name not in _READ}
        prompt = Prompt(_id(entry, messages), messages, entry.place, others)
        seen.add(prompt.id, prompt.place)
        yield prompt


def reference_of(fields: Mapping[str, Any]) -> str | None:
    """Return the right answer that a prompt's fields hold, the first of `reference`, `solution` and `answer`."""
    return next((str(fields[name]) for name in _REFERENCES if fields.get(name) not in (None, "")), None)


def _conversation(entry: Entry) -> list[dict[str, str]]:
    name = next((name for name in _QUESTIONS if entry.fields.get(name) is not None), "question")
    value = entry.fields.get(name)
    if name == "messages" or isinstance(value, list):
        return _messages(value, entry.place, name)
    return [{"role": "user", "content": text_of(entry, name)}]


def _messages(value: Any, place: str, name: str) -> list[dict[str, str]]:
    if not isinstance(value, list) or not value:
        raise RowError(
            Fault(place, name, f"must be a list of messages, each with `role` and `content`, got {value!r}.")
        )
    messages = [_message(each, place, f"{name}[{number}]") for number, each in enumerate(value)]
    if messages[-1]["role"] != "user":
        why = f"the last message must be the user's, got one of the role {messages[-1]['role']!r}. Leave out the reply."
        raise RowError(Fault(place, name, why))
    return messages


def _message(value: Any, place: str, name: str) -> dict[str, str]:
    role = value.get("role") if isinstance(value, dict) else None
    if not isinstance(role, str) or role not in _ROLES:
        why = f"must be an object with a `role` out of {', '.join(map(repr, _ROLES))}, got {value!r}."
        raise RowError(Fault(place, name, why))
    content = checked_text(value.get("content"), place, f"{name}.content", may_be_empty=role != "user")
    return {"role": _ROLES[role], "content": content}


def _system(entry: Entry) -> list[dict[str, str]]:
    if entry.fields.get("system") in (None, ""):
        return []
    return [{"role": "system", "content": text_of(entry, "system")}]


def _id(entry: Entry, messages: Sequence[dict[str, str]]) -> str:
    given = entry.fields.get("id")
    if given in (None, ""):
        return fingerprint(json.dumps([entry.place, messages]))[:16]
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return text_of(entry, "id")
