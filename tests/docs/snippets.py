"""What README and docs show in fences: blocks with their language, and what each Python block is said to print."""

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
# The experiments' page is made by a script, which a test of its own holds it to.
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if "experiments" not in page.parts)]

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block, and what a `text` fence right behind it says that it prints."""

    language: str
    text: str
    printed: str | None = None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(text))
    return [Block(one[1], one[2], _printed(text, one, after)) for one, after in pairwise([*found, None])]


def python_of(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.language == "python"]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _printed(text: str, one: re.Match[str], after: re.Match[str] | None) -> str | None:
    is_behind = after is not None and after[1] == "text" and not text[one.end() : after.start()].strip()
    return after[2] if is_behind else None
