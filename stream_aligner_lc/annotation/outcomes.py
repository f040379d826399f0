"""What came of all prompts: rows and their verdicts. Plain Python, no I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stream_aligner_lc.resumable import outcomes
from stream_aligner_lc.resumable.outcomes import Outcome


@dataclass(kw_only=True)
class Summary(outcomes.Summary):
    """What came of all prompts so far; `unusable` are the answers of the teacher that could not be used."""

    verdicts: Counter[str] = field(default_factory=Counter)
    """Rows by their verdict."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.verdicts.total()

    def add(self, outcome: Outcome) -> None:
        """Count what came of one more prompt."""
        super().add(outcome)
        self.verdicts.update(row["verdict"] for row in outcome.rows)
