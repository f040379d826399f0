"""What a model is trained on, read from data files and checked: corrected sentences, or replies. No tokens yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from stream_aligner_lc.answers import unusable
from stream_aligner_lc.rows.reading import Entry, Fault, RowError, Seen, Source, checked_text, entries, text_of

_ROLES = ("system", "user", "assistant")
_ENDS: dict[str, bool | str] = {"true": True, "false": False, "": False}


class Sample(NamedTuple):
    """One corrected sentence; `last` equal to `correction` stands as it is."""

    question: str
    prefix: str
    last: str
    correction: str
    end: bool
    place: str
    """Where it was read."""
    rewrites: bool = False
    """Whether it is written out though it stands: its verdict is "replaced" and the correction the sentence itself."""


class Reply(NamedTuple):
    """A conversation and the answer to it, which goes on from `prefix`."""

    turns: tuple[tuple[str, str], ...]
    """Roles and texts, a user's last."""
    prefix: str
    text: str
    place: str

    @property
    def question(self) -> str:
        """What tells one conversation from another."""
        return "\n\n".join(text for _, text in self.turns)


Read = Callable[[Entry], "Sample | Reply"]


def read(sources: Iterable[Source], of: Read, *, on_fault: Callable[[Fault], object]) -> Iterator[Sample | Reply]:
    """Read the samples of some data files; what cannot be used is handed to `on_fault`.

    An id may come once for each sentence: rows of one reply share it, and are told apart by `index`.
    """
    seen = Seen()
    for entry in entries(sources, on_fault=on_fault):
        try:
            if (name := entry.fields.get("id")) is not None:
                seen.add(f"{name} {entry.fields.get('index', '')}".strip(), entry.place)
            yield of(entry)
        except RowError as error:
            on_fault(error.fault)


def sample(entry: Entry) -> Sample:
    """Take `question, prefix, last, correction` and perhaps `end`; raises `RowError` naming the field."""
    question, last = text_of(entry, "question"), text_of(entry, "last").strip()
    correction = text_of(entry, "correction", may_be_empty=True)
    # As the loop hands a draft to its aligner.
    prefix = text_of(entry, "prefix", may_be_empty=True).rstrip()
    if why := unusable(last, correction, question=question, prefix=prefix):
        raise RowError(Fault(entry.place, "correction", f"would not be taken as a correction: {why}."))
    return Sample(
        question,
        prefix,
        last,
        correction.strip(),
        _end(entry),
        entry.place,
        rewrites=entry.fields.get("verdict") == "replaced",
    )


def reply(entry: Entry) -> Reply:
    """Take `question` (or `messages`, or `prompt`), perhaps `prefix`, and `answer` (or `chosen`)."""
    turns = _turns(entry)
    if "answer" not in entry.fields and "chosen" not in entry.fields and turns[-1][0] == "assistant":
        *turns, (_, answer) = turns
    else:
        answer = _answer(entry)
    if not turns or turns[-1][0] != "user":
        raise RowError(Fault(entry.place, "messages", "must end with a user's message, or with an assistant's answer."))
    prefix = text_of(entry, "prefix", may_be_empty=True) if "prefix" in entry.fields else ""
    return Reply(tuple(turns), prefix.strip(), answer.strip(), entry.place)


def is_held_out(question: str, share: float, *, seed: int) -> bool:
    """Say whether a question is kept from training: all of its sentences are, wherever they stand."""
    # Not a checksum: of questions that differ in a digit, those would be chosen that differ in the same digits.
    drawn = int.from_bytes(sha256(f"{seed} {question}".encode()).digest()[:8])
    return drawn < share * 2**64


def split(
    samples: Iterable[Sample | Reply], share: float, *, seed: int
) -> tuple[list[Sample | Reply], list[Sample | Reply]]:
    """Return what is trained on and what is held out, by question."""
    parts: tuple[list[Sample | Reply], list[Sample | Reply]] = ([], [])
    for each in samples:
        parts[is_held_out(each.question, share, seed=seed)].append(each)
    return parts


def _end(entry: Entry) -> bool:
    told = entry.fields.get("end")
    # A table has no truth values of its own.
    known = _ENDS.get(told.lower(), told) if isinstance(told, str) else told
    if known is None or isinstance(known, bool):
        return bool(known)
    raise RowError(Fault(entry.place, "end", f"must be true or false, got {told!r:.100}."))


def _answer(entry: Entry) -> str:
    name = "chosen" if "chosen" in entry.fields else "answer"
    told = entry.fields.get(name)
    if isinstance(told, list) and len(told) == 1 and isinstance(told[0], dict):
        return checked_text(told[0].get("content"), entry.place, name)
    return text_of(entry, name)


def _turns(entry: Entry) -> list[tuple[str, str]]:
    told = entry.fields.get("messages")
    if told is None:
        name = "prompt" if "prompt" in entry.fields else "question"
        # TRL's data sets have a prompt as a text or as messages.
        told = entry.fields.get(name)
        if not isinstance(told, Sequence) or isinstance(told, str):
            return [("user", text_of(entry, name))]
    if not isinstance(told, Sequence) or isinstance(told, str) or not told:
        raise RowError(Fault(entry.place, "messages", f"must be a list of messages, got {told!r:.100}."))
    return [_turn(message, entry.place) for message in told]


def _turn(message: Any, place: str) -> tuple[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in _ROLES:
        raise RowError(
            Fault(place, "messages", f"must hold objects whose `role` is one of {_ROLES}, got {message!r:.100}.")
        )
    return role, checked_text(message.get("content"), place, "messages")
