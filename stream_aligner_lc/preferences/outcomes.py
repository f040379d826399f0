"""What came of all prompts: pairs, equal replies, and prompts that make none. Plain Python, no I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stream_aligner_lc.resumable import outcomes
from stream_aligner_lc.resumable.outcomes import Outcome


@dataclass(kw_only=True)
class Summary(outcomes.Summary):
    """What came of all prompts so far; the `teacher` is the aligner.

    `unusable` are the sentences for which the aligner gave no answer that can be used, and which stand as drafted.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    """Sentences of aligned replies by their verdict."""
    pairs: int = 0
    """Of replies that differ."""
    same: int = 0
    """Pairs of equal replies, which say nothing."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a prompt that was answered makes no pair, by place; in the order in which it happened."""

    @property
    def rows(self) -> int:
        """How many pairs there are."""
        return self.pairs

    def add(self, outcome: Outcome) -> None:
        """Count what came of one more prompt."""
        super().add(outcome)
        for row in outcome.rows:
            if "left_out" in row:
                self.left_out[outcome.place] = row["left_out"]
                continue
            self.verdicts.update(row["sentences"])
            self.same += row.get("same", False)
            self.pairs += not row.get("same", False)
