"""Read JSON lines, JSON and CSV: each object with its place, or what is wrong with it.

Rule: a reader yields a fault and goes on. It raises only where nothing after the fault can be read either.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.entry import Entry, Fault, RowError

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_NOT_UTF8 = "is not UTF-8. Save the file as UTF-8."


def json_lines(path: Path, label: str) -> Iterator[Entry | Fault]:
    """Read one object a line; blank lines are passed over."""
    with path.open("rb") as file:
        _check_encoding(path, file.peek(2))
        yield from _lines(file, label)


def piped_lines(_path: Path, label: str) -> Iterator[Entry | Fault]:
    """Read one object a line from the standard input."""
    yield from _lines(sys.stdin.buffer, label)


def _lines(file: Iterable[bytes], label: str) -> Iterator[Entry | Fault]:
    for number, line in enumerate(file, start=1):
        raw = line.removeprefix(_BOM) if number == 1 else line
        if raw.strip():
            yield _line(raw, f"{label}, line {number}")


def json_items(path: Path, label: str) -> Iterator[Entry | Fault]:
    """Read a list of objects, or the one list that an object holds; or JSON lines under another name.

    Raises `RowError` that names the line if the file is no JSON.
    """
    raw = path.read_bytes()
    _check_encoding(path, raw)
    text = _decoded(raw.removeprefix(_BOM), label)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as fault:
        if fault.msg == "Extra data":
            yield from json_lines(path, label)
            return
        raise RowError(Fault(f"{label}, line {fault.lineno}", "", _no_json(fault))) from fault
    except (ValueError, RecursionError) as fault:
        raise RowError(Fault(label, "", _no_json(fault))) from fault
    for number, item in enumerate(_items(content, label), start=1):
        yield _entry(item, f"{label}, item {number}")


def csv_lines(path: Path, label: str, *, delimiter: str = ",") -> Iterator[Entry | Fault]:
    """Read a table whose first line names the columns; a field may hold line breaks."""
    with path.open("rb") as file:
        _check_encoding(path, file.peek(2))
    # What is no UTF-8 becomes lone surrogates, so that it is one row's fault and the next row can be read.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        names: list[str] | None = None
        while True:
            place = f"{label}, line {reader.line_num + 1}"
            try:
                values = next(reader, None)
            except csv.Error as fault:
                if names is None:
                    raise RowError(Fault(place, "", f"the names of the columns cannot be read: {fault}.")) from fault
                yield Fault(place, "", f"is no line of a CSV file: {fault}. Is a quote left open?")
                continue
            if values is None:
                return
            if not values:
                continue
            if names is None:
                names = _columns(values, place)
                continue
            yield _record(names, values, place)


def _line(raw: bytes, place: str) -> Entry | Fault:
    try:
        return _entry(json.loads(raw.decode().rstrip()), place)
    except UnicodeDecodeError:
        return Fault(place, "", _NOT_UTF8)
    except (ValueError, RecursionError) as fault:
        return Fault(place, "", _no_json(fault))


def _entry(value: Any, place: str) -> Entry | Fault:
    if isinstance(value, dict):
        return Entry(value, place)
    return Fault(place, "", f"must be a JSON object, got {_kind(value)}.")


def _items(content: Any, label: str) -> Sequence[Any]:
    if isinstance(content, list):
        return content
    lists = [value for value in content.values() if isinstance(value, list)] if isinstance(content, dict) else []
    if len(lists) != 1:
        held = f"an object that holds {len(lists)} lists" if isinstance(content, dict) else _kind(content)
        why = f"must be a list of objects, or an object that holds one list, got {held}."
        raise RowError(Fault(label, "", why))
    return lists[0]


def _columns(names: list[str], place: str) -> list[str]:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise RowError(Fault(place, doubled[0], "two columns have this name. Rename one of them."))
    if any(map(_has_surrogates, names)):
        raise RowError(Fault(place, "", _NOT_UTF8))
    return names


def _record(names: Sequence[str], values: Sequence[str], place: str) -> Entry | Fault:
    if len(values) != len(names):
        why = f"has {len(values)} columns where the first line names {len(names)}. Is a field with a comma not quoted?"
        return Fault(place, "", why)
    broken = next((name for name, value in zip(names, values, strict=True) if _has_surrogates(value)), None)
    if broken is not None:
        return Fault(place, broken, _NOT_UTF8)
    return Entry(dict(zip(names, values, strict=True)), place)


def _has_surrogates(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


def _check_encoding(path: Path, start: bytes) -> None:
    if start.startswith(_WIDE_BOMS):
        raise ConfigurationError(f"{str(path)!r} is UTF-16. Save the file as UTF-8.")


def _decoded(raw: bytes, label: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise RowError(Fault(f"{label}, line {line}", "", _NOT_UTF8)) from fault


def _no_json(fault: Exception) -> str:
    if isinstance(fault, json.JSONDecodeError):
        return f"is no JSON: {fault.msg} (column {fault.colno})."
    return f"is no JSON: {fault}."


def _kind(value: Any) -> str:
    names = {str: "a text", list: "a list", dict: "an object", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
