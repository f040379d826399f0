"""Read data files of any kind as objects that know where they stand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.entry import Entry, Fault, RowError, Seen, checked_text, text_of
from stream_aligner_lc.rows.formats import csv_lines, json_items, json_lines, piped_lines
from stream_aligner_lc.rows.tables import dataset_rows, parquet_rows

__all__ = ["Entry", "Fault", "RowError", "Seen", "Source", "checked_text", "entries", "text_of"]

Source = str | os.PathLike[str]
PIPED = "-"
"""In place of a file's name: JSON lines on the standard input; a file of that name is `./-`."""
_Reader = Callable[[Path, str], Iterator[Entry | Fault]]

_READERS: dict[str, _Reader] = {
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_items,
    ".csv": csv_lines,
    ".tsv": partial(csv_lines, delimiter="\t"),
    ".parquet": parquet_rows,
}


class _Found(NamedTuple):
    """A source that is there, its name in places, and what reads it."""

    path: Path
    label: str
    read: _Reader


def entries(source: Source | Iterable[Source], *, on_fault: Callable[[Fault], object] | None = None) -> Iterator[Entry]:
    """Read the objects of one or several sources, in order.

    A source is a file of JSON lines, JSON, CSV or Parquet, a folder of the `datasets` library, of which `folder::split`
    names one split, or "-", JSON lines on the standard input. JSON lines and CSV are read as they are asked for. A
    broken object is handed to `on_fault` and passed over; without it `RowError` names the file, the line and the field.
    A source that is missing, of no known kind, or without a single object is always a `ConfigurationError`, the first
    two of them at once.
    """
    sources = [source] if isinstance(source, str | os.PathLike) else list(source)
    if not sources:
        raise ConfigurationError("There is nothing to read: no file was given.")
    found = [_found(each, label) for each, label in zip(sources, _labels(sources), strict=True)]
    return _entries(found, on_fault or _raise)


def _entries(sources: Sequence[_Found], on_fault: Callable[[Fault], object]) -> Iterator[Entry]:
    for path, label, read in sources:
        num_good, num_faults, first = 0, 0, ""
        try:
            for each in read(path, label):
                if isinstance(each, Fault):
                    num_faults, first = num_faults + 1, first or str(each)
                    on_fault(each)
                    continue
                num_good += 1
                yield each
        except OSError as fault:
            raise ConfigurationError(f"{str(path)!r} cannot be read: {fault.strerror or fault}.") from fault
        if not num_good:
            what = f"none of its {num_faults} objects is whole. The first: {first}" if num_faults else "it is empty."
            raise ConfigurationError(f"There is nothing to read in {str(path)!r}: {what}")


def _found(source: Source, label: str) -> _Found:
    if source == PIPED:
        return _Found(Path(PIPED), "standard input", piped_lines)
    path, split = _with_split(source)
    if path.is_dir():
        return _Found(path, label, partial(_dataset, split=split))
    if not path.exists():
        raise ConfigurationError(f"There is no file or folder {str(path)!r}.")
    if split is not None:
        raise ConfigurationError(f"{str(path)!r} is a file and has no splits: leave out '::{split}'.")
    read = _READERS.get(path.suffix.lower())
    if read is None:
        known = ", ".join(_READERS)
        raise ConfigurationError(f"{str(path)!r} is of no known kind. Its name must end in one of {known}.")
    return _Found(path, label, read)


def _with_split(source: Source) -> tuple[Path, str | None]:
    path = Path(source).expanduser()
    before, mark, split = str(path).rpartition("::")
    return (Path(before), split) if mark and not path.exists() else (path, None)


def _dataset(path: Path, label: str, *, split: str | None) -> Iterator[Entry]:
    return dataset_rows(path, label, split)


def _labels(sources: Sequence[Source]) -> list[str]:
    """Name each source by its last part, or by as many as tell it from the others."""
    parts = [Path(source).expanduser().resolve().parts for source in sources]
    for count in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(each[-count:]) for each in parts]
        if len(set(labels)) == len(labels):
            return labels
    doubled = next(source for source, each in zip(sources, parts, strict=True) if parts.count(each) > 1)
    raise ConfigurationError(f"{str(doubled)!r} is given twice.")


def _raise(fault: Fault) -> None:
    raise RowError(fault)
