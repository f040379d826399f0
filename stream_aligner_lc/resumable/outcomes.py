"""What came of prompts: of one, as a line of the journal holds it, and of all. Plain Python, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What calls of a model cost."""

    input: int = 0
    output: int = 0
    estimated: bool = False
    """Whether some of it is our own count, because the provider did not report it."""

    @classmethod
    def of(cls, totals: Mapping[str, Any]) -> Tokens:
        """Return what the totals of a reply say of its tokens."""
        return cls(totals["input"], totals["output"], totals["estimated"])

    def __add__(self, more: Tokens) -> Tokens:
        return Tokens(self.input + more.input, self.output + more.output, self.estimated or more.estimated)

    def __str__(self) -> str:
        return f"{'about ' * self.estimated}{self.input:,} read, {self.output:,} written"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one prompt: rows, or why there are none."""

    id: str
    digest: str
    """What the prompt's conversation is recognised by."""
    place: str
    status: Status
    why: str = ""
    """Why it was skipped, or what failed."""
    rows: Sequence[Mapping[str, Any]] = ()
    unusable: int = 0
    """Sentences for which the teacher gave no answer that can be used."""
    upstream: Tokens = Tokens()
    teacher: Tokens = Tokens()
    elapsed: float = 0.0
    """Seconds that the whole work had taken by then, earlier starts included."""

    def as_dict(self) -> dict[str, Any]:
        """Return what a line of the journal holds."""
        return asdict(self)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Outcome:
        """Take what a line of the journal holds."""
        tokens = {name: Tokens(**fields[name]) for name in ("upstream", "teacher")}
        return cls(**{**fields, **tokens})


@dataclass(kw_only=True)
class Summary:
    """What came of all prompts so far."""

    prompts: int
    """How many there are."""
    done: int = 0
    unusable: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    """Why, by place; in the order in which it happened."""
    failed: dict[str, str] = field(default_factory=dict)
    upstream: Tokens = Tokens()
    teacher: Tokens = Tokens()
    seconds: float = 0.0
    written: bool = False
    """Whether the rows are in their file. They are not if prompts failed, unless that was accepted."""

    @property
    def finished(self) -> int:
        """How many prompts need not be tried again."""
        return self.done + len(self.skipped)

    def add(self, outcome: Outcome) -> None:
        """Count what came of one more prompt."""
        self.done += outcome.status == "done"
        self.unusable += outcome.unusable
        if outcome.status == "skipped":
            self.skipped[outcome.place] = outcome.why
        if outcome.status == "failed":
            self.failed[outcome.place] = outcome.why
        self.upstream += outcome.upstream
        self.teacher += outcome.teacher
        self.seconds = max(self.seconds, outcome.elapsed)
