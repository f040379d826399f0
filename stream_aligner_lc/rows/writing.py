"""Write a file as a whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from stream_aligner_lc.errors import ConfigurationError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BROKEN = {errno.EIO, errno.EROFS}
# Those that JSON leaves as they are, and `str.splitlines` does not.
_LINE_BREAKS = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}


class WriteError(ConfigurationError):
    """A file cannot be written; the message says what is kept, and how to go on."""


@contextmanager
def whole_file(path: str | os.PathLike[str], *, kept: str = "") -> Iterator[TextIO]:
    """Provide a text file that takes the name `path` once it is written without an error.

    Until then it stands beside it under a name that ends in ".part"; with an exception it goes, and what had the name
    `path` keeps it. Raises `WriteError` where the disk is full or the folder cannot be written, which says what is
    `kept` besides.
    """
    path = Path(path)
    check_replaceable(path)
    # Of this process, so that two that write the same file do not mix their lines.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with writing(path, kept=f"What had this name before still has it. {kept}".rstrip()):
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
    sync_folder(path.parent)


def check_replaceable(path: Path) -> None:
    """Raise `WriteError` for what is there and can't be replaced by a file: a folder, a device, a pipe."""
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device or a pipe"
        raise WriteError(f"{str(path)!r} is {kind}, and no file may take its place. Name a file to write.")


@contextmanager
def writing(path: Path, *, kept: str) -> Iterator[None]:
    """Turn what the disk says while `path` is written into a `WriteError`; `kept` says what is not lost."""
    try:
        yield
    except OSError as fault:
        is_of_path = str(fault.filename or "").startswith(str(path))
        if not is_of_path and fault.errno not in _FULL | _BROKEN:
            # Of something else that happened meanwhile.
            raise
        way_out = "Make room" if fault.errno in _FULL else "See who may write there, or choose another place,"
        raise WriteError(
            f"{str(path)!r} cannot be written: {fault.strerror}. {kept} {way_out} and start again."
        ) from fault


def as_line(fields: Mapping[str, Any]) -> str:
    """Return an object as one line of JSON, its line break included, to whoever counts whatever as a line break."""
    line = json.dumps(fields, ensure_ascii=False).translate(_LINE_BREAKS)
    try:
        line.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair is valid JSON as an escape only.
        line = json.dumps(fields)
    return line + "\n"


def sync_folder(folder: Path) -> None:
    """Have the names of new files in a folder outlive a power cut, where its file system lets it be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
