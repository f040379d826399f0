"""Read what a report is made of: the folder of an evaluation, or the log of a `JsonlRecorder`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.entry import Entry, Fault, RowError
from stream_aligner_lc.rows.reading import entries

_REPLIES, _RESULTS = "replies.jsonl", "results.json"
_NEEDED = ("verdict", "draft", "text")


@dataclass(frozen=True)
class Reported:
    """What a report shows."""

    title: str
    replies: Sequence[Mapping[str, Any]]
    """As in `replies.jsonl`; of a log without prompts and bare replies."""
    results: Mapping[str, Any] = field(default_factory=dict)
    """As in `results.json`; of a log empty."""

    @property
    def verdicts(self) -> dict[str, int]:
        """How many sentences have which verdict."""
        return dict(Counter(each["verdict"] for reply in self.replies for each in reply["aligned"]["sentences"]))


def read(source: str | os.PathLike[str]) -> Reported:
    """Read an evaluation's folder or a recorder's log.

    Raises `ConfigurationError`, or `RowError` that names the line, for anything else.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return _evaluation(path)
    if not path.exists():
        raise ConfigurationError(
            f"There is nothing at {str(path)!r}. Give the folder that `evaluate` wrote, or a log of `JsonlRecorder`."
        )
    return Reported(path.name, _replies(entries(path)))


def _evaluation(folder: Path) -> Reported:
    if not (folder / _REPLIES).is_file() or not (folder / _RESULTS).is_file():
        raise ConfigurationError(
            f"{str(folder)!r} holds no finished evaluation: there is no {_REPLIES} and {_RESULTS} in it. Let "
            "`stream-aligner evaluate` finish, or give a log of `JsonlRecorder`."
        )
    try:
        results = json.loads((folder / _RESULTS).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise ConfigurationError(_no_results(folder, f"is no JSON: {fault}")) from fault
    if not isinstance(results, dict):
        raise ConfigurationError(_no_results(folder, f"holds no object but a {type(results).__name__}"))
    return Reported(folder.name, [entry.fields for entry in entries(folder / _REPLIES)], results)


def _no_results(folder: Path, why: str) -> str:
    return f"{str(folder / _RESULTS)!r} {why}. The same call of `stream-aligner evaluate` writes it anew."


def _replies(records: Iterable[Entry]) -> list[dict[str, Any]]:
    """Put the sentences of a log together into replies, in the order in which they began."""
    replies: dict[str, list[dict[str, Any]]] = {}
    for fields, place in records:
        for name in _NEEDED:
            if not isinstance(fields.get(name), str):
                why = "is missing: this is no log of `JsonlRecorder`." if name not in fields else "must be a text."
                raise RowError(Fault(place, name, why))
        replies.setdefault(str(fields.get("reply", "")), []).append(fields)
    return [
        {"id": name, "aligned": {"text": _text(sentences), "sentences": sentences}}
        for name, sentences in replies.items()
    ]


def _text(sentences: Sequence[Mapping[str, Any]]) -> str:
    return "".join(f"{each.get('lead', ' ')}{each['text']}" for each in sentences if each["text"]).strip()
