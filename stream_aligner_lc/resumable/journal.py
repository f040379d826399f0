"""What is finished while data is made, kept through every end of the process: a file that only grows.

Its first line says what the work is, each other line what came of one prompt. A line counts once it is whole, with
its line break: a process that is killed while it writes leaves a torn last line, which the next one cuts off. The file
is locked as long as a process works on it.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.resumable.outcomes import Outcome
from stream_aligner_lc.rows.writing import as_line, sync_folder, writing

_KIND = {"journal": "stream-aligner annotate", "version": 1}


def journal_of(out: Path) -> Path:
    """Return where the journal of the file `out` stands."""
    return out.with_name(f"{out.name}.part")


class Journal:
    """The outcomes so far; use `open_journal`."""

    def __init__(self, path: Path, handle: int, terms: Mapping[str, Any], *, restart: bool = False) -> None:
        self.path = path
        self.finished: dict[str, str] = {}
        """The digest of each prompt that need not be tried again, by its id."""
        self.writes_new_file = False
        """The rows were about to be written to a file that was not there before."""
        self._handle = handle
        self._starts: list[int] = []
        self._start_of: dict[str, int] = {}
        self._size = 0
        self._load(terms, restart=restart)

    def append(self, outcome: Outcome) -> None:
        """Keep an outcome, through the end of this process and of the machine's power."""
        start = self._size
        self._write(outcome.as_dict())
        self._note(outcome, start)

    def outcomes(self) -> Iterator[Outcome]:
        """Read all outcomes, also of prompts that were tried again later, the oldest first."""
        return map(self._outcome, self._starts)

    def rows(self, id: str) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a prompt, none if nothing came of it."""
        return self._outcome(self._start_of[id]).rows if id in self._start_of else ()

    def note_writing(self, *, is_new: bool) -> None:
        """Keep that the rows are about to be written, to a file that `is_new` or in place of another."""
        self._write({"writing": "new file" if is_new else "other file"})

    @property
    def is_empty(self) -> bool:
        """Whether nothing was kept."""
        return not self._starts

    def remove(self) -> None:
        """Have the file removed: the rows are where they belong."""
        self.path.unlink()

    def _load(self, terms: Mapping[str, Any], *, restart: bool) -> None:
        with self.path.open("rb") as file:
            first = file.readline()
            if not first or _is_torn_header(first):
                self._begin(terms)
                return
            before = _terms_in(first, self.path)
            if restart:
                self._begin(terms)
                return
            self._size = len(first)
            for number, line in enumerate(file, start=2):
                if not self._take(line) and file.read(1):
                    raise _is_broken(self.path, number)
        self._cut(self._size)
        if before != terms:
            if self.finished:
                raise _is_other(self.path, before, terms)
            self._begin(terms)

    def _begin(self, terms: Mapping[str, Any]) -> None:
        self._cut(0)
        self._starts.clear()
        self._start_of.clear()
        self._write({**_KIND, "terms": dict(terms)})

    def _take(self, line: bytes) -> bool:
        fields = _parsed(line) or {}
        if "writing" in fields:
            self.writes_new_file = fields["writing"] == "new file"
        else:
            try:
                self._note(Outcome.of(fields), self._size)
            except (TypeError, KeyError):
                return False
        self._size += len(line)
        return True

    def _note(self, outcome: Outcome, start: int) -> None:
        self.writes_new_file = False
        self._starts.append(start)
        self._start_of[outcome.id] = start
        if outcome.status != "failed":
            self.finished[outcome.id] = outcome.digest

    def _outcome(self, start: int) -> Outcome:
        # Opened anew: what a reader has buffered may have been cut off and written over since.
        with self.path.open("rb") as file:
            file.seek(start)
            return Outcome.of(json.loads(file.readline()))

    def _write(self, fields: Mapping[str, Any]) -> None:
        data = as_line(fields).encode()
        try:
            with writing(self.path, kept="What is finished is kept, and the same command goes on from there."):
                written = 0
                while written < len(data):
                    written += os.write(self._handle, data[written:])
                os.fsync(self._handle)
        except BaseException:
            # What follows a torn line could not be read.
            with suppress(OSError):
                self._cut(self._size)
            raise
        self._size += len(data)

    def _cut(self, size: int) -> None:
        self._size = size
        os.ftruncate(self._handle, size)


@contextmanager
def open_journal(path: Path, terms: Mapping[str, Any], *, restart: bool = False) -> Iterator[Journal]:
    """Provide the journal in the file `path`, and keep every other process from it.

    `terms` say what the work is, as plain values by name. Raises `ConfigurationError` for a journal of other work,
    unless it may `restart`, and while another process has it. A journal in which nothing was kept is removed.
    """
    with writing(path, kept="Nothing was done yet."):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _is_no_journal(path)
        _lock(handle, path)
        sync_folder(path.parent)
        journal = Journal(path, handle, terms, restart=restart)
        try:
            yield journal
        finally:
            if journal.is_empty:
                path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    if sys.platform == "win32":
        # There a file that is open cannot be removed or replaced by another process, at least.
        return
    import fcntl  # noqa: PLC0415  # not on every platform

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        if fault.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
            # A file system without locks.
            return
        raise _is_taken(path) from fault
    # Between opening and locking the other process may have finished and removed the file.
    if not path.exists() or not os.path.samestat(path.stat(), os.fstat(handle)):
        raise _is_taken(path)


def _is_taken(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"Another process is at work on {str(path)!r}. Wait until it has ended, or write to another file."
    )


def _is_torn_header(line: bytes) -> bool:
    start = as_line(_KIND).encode().rstrip(b"}\n")
    return not line.endswith(b"\n") and (line.startswith(start) or start.startswith(line))


def _terms_in(line: bytes, path: Path) -> dict[str, Any]:
    header = _parsed(line)
    if header is None or {name: header.get(name) for name in _KIND} != _KIND:
        raise _is_no_journal(path)
    terms: dict[str, Any] = header["terms"]
    return terms


def _is_no_journal(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{str(path)!r} is no journal of this command. Move it away, or write to another file.")


def _is_broken(path: Path, line: int) -> ConfigurationError:
    return ConfigurationError(
        f"Line {line} of {str(path)!r} is broken, and lines follow it. Remove that line to have its prompt answered "
        "again, or start anew with --restart (restart=True)."
    )


def _is_other(path: Path, before: Mapping[str, Any], terms: Mapping[str, Any]) -> ConfigurationError:
    names = [name for name in {**before, **terms} if before.get(name) != terms.get(name)]
    differences = "; ".join(f"{name} was {before.get(name)!r} and is {terms.get(name)!r}" for name in names)
    return ConfigurationError(
        f"{str(path)!r} keeps what is finished of other work: {differences}. Give the same command to go on with it, "
        "write to another file, or start anew with --restart (restart=True), which discards it."
    )


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return what a whole line holds, None of one that is torn."""
    if not line.endswith(b"\n"):
        return None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None
