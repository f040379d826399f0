"""Where records of sentences go: `JsonlRecorder` appends them to a file."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class JsonlRecorder:
    """Append one JSON object per sentence to a file: pass it as `on_record`.

    A line is written and flushed as a whole, so that several replies, threads and processes may share a file and
    a killed process loses nothing. The folder must exist; raises `OSError` if the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Write one record."""
        # Lone surrogates can stand in a draft; escaped, they are still valid JSON and valid UTF-8.
        line = json.dumps(dict(record), default=str) + "\n"
        with self._lock, self.path.open("ab") as file:
            file.write(line.encode())
