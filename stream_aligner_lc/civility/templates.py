"""The templates of rude sentences: what each says civilly, and the ways to say it rudely. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from stream_aligner_lc.civility.asking import ASKING
from stream_aligner_lc.civility.telling import TELLING


@dataclass(frozen=True, slots=True)
class Template:
    """A civil pattern and the ways to say the same rudely, with slots as in `slots`."""

    name: str
    civil: str
    ways: tuple[str, ...]


@cache
def templates() -> Mapping[str, Template]:
    """Return every template by its name."""
    return {template.name: template for template in _parsed(ASKING + TELLING)}


def _parsed(blocks: str) -> Iterator[Template]:
    for block in blocks.strip().split("\n\n"):
        head, *ways = block.strip().splitlines()
        name, _, civil = head.partition(" | ")
        yield Template(name, civil, tuple(ways))
