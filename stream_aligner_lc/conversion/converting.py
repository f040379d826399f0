"""Convert data files to a file of rows: read, convert, write, count."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stream_aligner_lc.conversion.formats import Converted, Converter, Format, Granularity
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.reading import Entry, Fault, RowError, Source, entries
from stream_aligner_lc.rows.writing import as_line, check_replaceable, whole_file

FIRST_FAULTS = 5
"""So many faults are kept to be shown; all are counted."""


@dataclass
class Summary:
    """What was converted."""

    objects: int = 0
    """Objects that could be used."""
    verdicts: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    """Beads by shape, of the answers that were aligned."""
    aligned: int = 0
    """Answers that were aligned sentence by sentence."""
    without_rows: int = 0
    """Objects in which there is nothing that an aligner would be asked about."""
    unusable: int = 0
    """Rows left out because the loop would refuse their correction as one that runs on."""
    skipped: int = 0
    """Objects left out because something is wrong with them."""
    faults: list[Fault] = field(default_factory=list)
    """What is wrong with the first of them."""

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return self.verdicts.total()

    def add(self, converted: Converted) -> None:
        """Count the rows of one object."""
        self.objects += 1
        self.verdicts.update(row["verdict"] for row in converted.rows)
        self.shapes += converted.shapes
        self.aligned += bool(converted.shapes)
        self.without_rows += not converted.rows and not converted.num_unusable
        self.unusable += converted.num_unusable

    def skip(self, fault: Fault) -> None:
        """Count an object that cannot be used."""
        self.skipped += 1
        if len(self.faults) < FIRST_FAULTS:
            self.faults.append(fault)


def convert(
    sources: Source | Sequence[Source],
    out: str | os.PathLike[str],
    *,
    format: Format = "auto",
    granularity: Granularity = "sentence",
    overwrite: bool = False,
    strict: bool = False,
    watch: Callable[[Iterable[Entry]], Iterable[Entry]] = iter,
) -> Summary:
    """Convert the objects of `sources` to rows in the file `out`, one JSON object a line, and count them.

    An object that cannot be used is skipped and counted; if `strict`, the first is an error. `watch` gets the objects
    to pass on, and may show how far it is. Raises `ConfigurationError`, and leaves no file, where nothing can be read
    or no row comes of it, and where `out` is there already unless it says `overwrite`.
    """
    sources = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    out = Path(out)
    _check_out(out, sources, overwrite=overwrite)
    converter = Converter(format=format, granularity=granularity)
    summary = Summary()
    found = entries(sources, on_fault=None if strict else summary.skip)
    with whole_file(out) as file:
        for entry in watch(found):
            try:
                converted = converter.rows(entry)
            except RowError as error:
                if strict:
                    raise
                summary.skip(error.fault)
                continue
            summary.add(converted)
            file.writelines(map(as_line, converted.rows))
        _check_rows(summary)
    return summary


def _check_out(out: Path, sources: Sequence[Source], *, overwrite: bool) -> None:
    if out.is_dir():
        raise ConfigurationError(f"{str(out)!r} is a folder. Name the file that the rows shall be written to.")
    check_replaceable(out)
    if out.resolve() in {Path(source).expanduser().resolve() for source in sources}:
        raise ConfigurationError(f"{str(out)!r} is read, so the rows cannot take its place. Name another file.")
    if out.exists() and not overwrite:
        raise ConfigurationError(f"{str(out)!r} is there already. Name another file, or say --overwrite to replace it.")


def _check_rows(summary: Summary) -> None:
    if summary.rows:
        return
    first = f" The first fault: {summary.faults[0]}" if summary.faults else ""
    raise ConfigurationError(
        f"No row came of it, so none was written: {summary.skipped} objects cannot be used, and "
        f"{summary.without_rows} hold no sentence to align.{first}"
    )
