"""Which checkpoints of a stage are whole: those whose mark names every file with its size. No torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from stream_aligner_lc.rows.writing import whole_file

MARK = "whole.json"
"""The file that says that everything of a checkpoint is written."""


def mark(checkpoint: Path) -> None:
    """Say that a checkpoint is whole as it is now."""
    with whole_file(checkpoint / MARK) as file:
        json.dump(_sizes(checkpoint), file)


def is_whole(checkpoint: Path) -> bool:
    """Say whether a checkpoint has all of the files that it was marked with, none of them cut off since."""
    try:
        marked = json.loads((checkpoint / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(marked, dict) and marked.items() <= _sizes(checkpoint).items()


def last_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint that is whole; those that are not are removed."""
    found: Path | None = None
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=lambda each: int(each.name.rpartition("-")[2])):
        if is_whole(checkpoint):
            found = checkpoint
        else:
            shutil.rmtree(checkpoint)
    return found


def _sizes(checkpoint: Path) -> dict[str, int]:
    files = (file for file in checkpoint.rglob("*") if file.is_file() and not file.name.startswith(MARK))
    return {file.relative_to(checkpoint).as_posix(): file.stat().st_size for file in files}
