"""Ask a judge about one prompt's replies: two in both orders, or each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, convert_to_messages
from langchain_core.runnables import Runnable

from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.evaluation.judging import protocol
from stream_aligner_lc.resumable.costs import cost_of
from stream_aligner_lc.resumable.outcomes import Outcome, Tokens
from stream_aligner_lc.resumable.prompts import Prompt
from stream_aligner_lc.resumable.running import after_fault, outcome_for

T = TypeVar("T")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Judge:
    """A chat model that judges, asked again up to `attempts` times in all while its answer cannot be read."""

    llm: Runnable[Any, BaseMessage]
    attempts: int = 3

    async def compare(self, criterion: str, row: Row) -> tuple[dict[str, Any], Tokens]:
        """Have the two replies of a row compared in both orders. Equal ones are a tie without being asked."""
        bare, aligned, question = row["bare"]["text"], row["aligned"]["text"], question_of(row)
        if bare == aligned:
            return {"aligned_first": "tie", "aligned_second": "tie", "same": True}, Tokens()
        told = protocol.compare_instructions(criterion)
        orders = [protocol.pair_request(question, *each) for each in ((aligned, bare), (bare, aligned))]
        (first, cost), (second, more) = await asyncio.gather(
            *(self._asked(told, request, protocol.choice_in) for request in orders)
        )
        return {"aligned_first": first, "aligned_second": second}, cost + more

    async def grade(self, rubric: str, row: Row) -> tuple[dict[str, Any], Tokens]:
        """Have each reply of a row graded by a rubric. Equal ones are graded once."""
        replies = [row["bare"]["text"], row["aligned"]["text"]]
        told, question = protocol.grade_instructions(rubric), question_of(row)
        asked = [self._asked(told, protocol.single_request(question, each), protocol.grade_in) for each in set(replies)]
        graded = dict(zip(set(replies), await asyncio.gather(*asked), strict=True))
        cost = sum((cost for _, cost in graded.values()), Tokens())
        return {name: graded[reply][0] for name, reply in zip(("bare", "aligned"), replies, strict=True)}, cost

    async def _asked(self, told: str, request: str, read: Callable[[str], T | None]) -> tuple[T | None, Tokens]:
        prompt = [SystemMessage(told), HumanMessage(request)]
        cost, counter = Tokens(), TokenCounter(self.llm)
        await counter.aload()
        for _ in range(self.attempts):
            answer = await self.llm.ainvoke(prompt)
            cost += cost_of(prompt, answer, counter)
            if (said := read(answer.text)) is not None:
                return said, cost
        return None, cost


def judging(
    ask: Callable[[Row], Awaitable[tuple[dict[str, Any], Tokens]]], rows: Mapping[str, Row], *, of: str = "judge"
) -> Callable[[Prompt], Awaitable[Outcome]]:
    """Return what asks about the row of a prompt and says what came of it: one row, with what was said.

    A failure is `of` the judge, or of whoever else is asked.
    """

    async def answer(prompt: Prompt) -> Outcome:
        made = outcome_for(prompt)
        try:
            said, cost = await ask(rows[prompt.id])
        except Exception as fault:  # noqa: BLE001  # an outcome of its own
            return after_fault(made, fault, of=of)
        return replace(made, rows=[{"id": prompt.id, "said": said}], teacher=cost)

    return answer


def judged_prompt(row: Row) -> Prompt:
    """Return a prompt that is another one as soon as the conversation or a reply is."""
    replies = [{"role": "assistant", "content": row[name]["text"]} for name in ("bare", "aligned")]
    return Prompt(row["id"], [*row["messages"], *replies], row["source"])


def question_of(row: Row) -> str:
    """Return a row's conversation as one text."""
    return Draft(convert_to_messages(row["messages"]), "", "").question
