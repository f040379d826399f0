"""Sets of prompts that come with the package, each a file of JSON lines with `id`, `question`, `kind`, `category`."""

from __future__ import annotations

from pathlib import Path

from stream_aligner_lc.errors import ConfigurationError

_FOLDER = Path(__file__).parent

SUITES = tuple(sorted(file.stem for file in _FOLDER.glob("*.jsonl")))


def suite(name: str) -> Path:
    """Return the file of a suite; raises `ConfigurationError` if there is none of that name."""
    if name not in SUITES:
        raise ConfigurationError(f"There is no suite {name!r}. There is {', '.join(map(repr, SUITES))}.")
    return _FOLDER / f"{name}.jsonl"
