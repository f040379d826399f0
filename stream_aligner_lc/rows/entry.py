"""One object of a data file and the place where it stands, and what is checked of it. Plain Python, no I/O."""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_aligner_lc.errors import ConfigurationError


class Entry(NamedTuple):
    """One object of a data file."""

    fields: dict[str, Any]
    place: str
    """Where it stands, for people: "prompts.jsonl, line 3", "x.json, item 4", "folder, row 12"."""


class Fault(NamedTuple):
    """What is wrong with one object of a data file."""

    place: str
    field: str
    """The field that it is about, "" if it is about the whole object."""
    why: str

    def __str__(self) -> str:
        return f"{self.place}, field {self.field!r}: {self.why}" if self.field else f"{self.place}: {self.why}"


class RowError(ConfigurationError):
    """An object of a data file cannot be used; `fault` says which one, and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault

    def __reduce__(self) -> tuple[type[RowError], tuple[Fault]]:
        return type(self), (self.fault,)


def text_of(entry: Entry, name: str, *, may_be_empty: bool = False) -> str:
    """Return the text in the field `name`.

    Raises `RowError` if there is no such field, if it holds no text, or only whitespace unless it `may_be_empty`.
    """
    if name not in entry.fields:
        there = ", ".join(map(repr, entry.fields)) or "none"
        raise RowError(Fault(entry.place, name, f"there is no such field; the fields are {there}."))
    return checked_text(entry.fields[name], entry.place, name, may_be_empty=may_be_empty)


def checked_text(value: Any, place: str, name: str, *, may_be_empty: bool = False) -> str:
    """Return `value` if it is a text that can be worked with; raises `RowError` if it is not."""
    if not isinstance(value, str):
        raise RowError(Fault(place, name, f"must be a text, got {_brief(value)}."))
    if not may_be_empty and not value.strip():
        raise RowError(Fault(place, name, f"must not be empty, got {value!r}."))
    if not _is_unicode(value):
        raise RowError(Fault(place, name, "holds half of a surrogate pair, which is no character. Repair the escape."))
    return value


class Seen:
    """The ids so far, each of which may come once."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def add(self, id: str, place: str, *, name: str = "id") -> None:
        """Note an id; raises `RowError` that names both places if it was there before."""
        if id in self._places:
            why = f"{_brief(id)} stands at {self._places[id]} already. Give each object an id of its own."
            raise RowError(Fault(place, name, why))
        self._places[id] = place


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _brief(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:100]}..."
