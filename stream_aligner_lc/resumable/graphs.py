"""Run a graph for one prompt, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from stream_aligner_lc.accounts import totals
from stream_aligner_lc.graph import AlignedGraph
from stream_aligner_lc.resumable.outcomes import Outcome, Tokens
from stream_aligner_lc.resumable.prompts import Prompt
from stream_aligner_lc.resumable.running import after_fault, outcome_for


async def outcome_of(prompt: Prompt, graph: AlignedGraph) -> Outcome:
    """Run the graph for one prompt, and say what came of it.

    Raises `ConfigurationError` for what would come again with every prompt.
    """
    seen, made = _Seen(), outcome_for(prompt)
    try:
        async with aclosing(graph.astream(prompt.as_input(), stream_mode="updates")) as steps:  # type: ignore[type-var]
            async for step in steps:
                for update in step.values():
                    seen.take(update)
    except Exception as fault:  # noqa: BLE001  # an outcome of its own
        return replace(after_fault(made, fault), **seen.cost)
    return replace(made, **seen.cost, rows=seen.rows, unusable=seen.unusable)


class _Seen:
    """What the updates of one run said."""

    def __init__(self) -> None:
        self.rows: Sequence[Mapping[str, Any]] = ()
        self.unusable = 0
        self.cost: dict[str, Any] = {}

    def take(self, update: Mapping[str, Any]) -> None:
        """Take the update of one step."""
        self.rows = update.get("rows", self.rows)
        for judged in update.get("judged", ()):
            self.unusable += judged["verdict"] == "kept"
            self.cost["teacher"] = self.cost.get("teacher", Tokens()) + Tokens(**judged["tokens"])
        if "progress" in update:
            said = totals(update["progress"], {})["upstream_tokens"]
            self.cost["upstream"] = Tokens.of(said)
