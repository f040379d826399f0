"""Read Parquet files and folders of the `datasets` library, local files only. Each reader imports what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.entry import Entry

_SAVED = ("dataset_info.json", "dataset_dict.json")
"""One of these stands in a folder that `save_to_disk` wrote."""
_PREFERRED_SPLIT = "train"


def parquet_rows(path: Path, label: str) -> Iterator[Entry]:
    """Read a Parquet file, a batch at a time."""
    parquet = _needed("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            batches = (batch.to_pylist() for batch in file.iter_batches(batch_size=1000))
            for number, fields in enumerate(chain.from_iterable(batches), start=1):
                yield Entry(fields, f"{label}, row {number}")
    except (ValueError, OSError) as fault:
        raise ConfigurationError(f"{str(path)!r} cannot be read as Parquet: {fault}") from fault


def dataset_rows(folder: Path, label: str, split: str | None) -> Iterator[Entry]:
    """Read a folder that `save_to_disk` wrote, or one of data files as on the hub.

    Of several splits `split` says which, else it is "train". Raises `ConfigurationError` where there is no data, or no
    such split. Nothing is fetched and no code of the folder is run.
    """
    datasets = _needed("datasets")
    is_saved = any((folder / name).is_file() for name in _SAVED)
    try:
        # Streamed: data files are read where they are, not copied into a cache.
        found = datasets.load_from_disk(folder) if is_saved else datasets.load_dataset(str(folder), streaming=True)
    except Exception as fault:
        # What is wrong with a folder shows in exceptions of many libraries.
        said = str(fault).rstrip(".")
        raise ConfigurationError(
            f"There is no data to read in the folder {str(folder)!r}: {said}. Give a folder of JSON lines, CSV or "
            "Parquet files, or one written by `save_to_disk`."
        ) from fault
    yield from _numbered(_split_of(found, folder, split), folder, label)


def _numbered(rows: Iterable[Any], folder: Path, label: str) -> Iterator[Entry]:
    number = 0
    try:
        for number, fields in enumerate(rows, start=1):
            yield Entry(dict(fields), f"{label}, row {number}")
    except Exception as fault:
        if isinstance(fault, ConfigurationError):
            raise
        raise ConfigurationError(
            f"The folder {str(folder)!r} cannot be read after row {number}: {fault.__cause__ or fault}"
        ) from fault


def _split_of(found: Any, folder: Path, split: str | None) -> Iterable[Any]:
    if not isinstance(found, Mapping):
        if split is not None:
            raise ConfigurationError(f"The folder {str(folder)!r} has no splits: leave out '::{split}'.")
        return found  # type: ignore[no-any-return]  # a data set
    name = split or (next(iter(found)) if len(found) == 1 else _PREFERRED_SPLIT)
    if name not in found:
        raise ConfigurationError(
            f"The folder {str(folder)!r} has no split {name!r}. Name one of {', '.join(map(repr, found))}, "
            f"such as '{folder}::{next(iter(found))}'."
        )
    return found[name]  # type: ignore[no-any-return]  # a data set


def _needed(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as fault:
        raise ConfigurationError(
            f"Parquet files and folders need a package that is not installed ({fault}): "
            "pip install 'stream-aligner-lc[train]'."
        ) from fault
