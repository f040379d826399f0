"""A person's review of a correction: what is asked, how the answer is read, and the graph's node that waits for it.

A node of its own, because a resume runs an interrupted node again from its start: the aligner is not asked twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langgraph.runtime import get_runtime
from langgraph.types import interrupt

from stream_aligner_lc.corrections import Decision
from stream_aligner_lc.ledger import Ledger
from stream_aligner_lc.nodes import VERDICT_EVENT, Run, publish
from stream_aligner_lc.state import NodeInput

ANSWERS: dict[str, Any] = {
    "title": "Review",
    "description": "What becomes of the sentence.",
    "anyOf": [
        {
            "title": "Decision",
            "description": "accept: the correction. reject: the draft.",
            "enum": ["accept", "reject"],
        },
        {
            "title": "Edit",
            "type": "object",
            "properties": {"text": {"type": "string", "description": "The sentence to release; empty removes it."}},
            "required": ["text"],
            "additionalProperties": False,
        },
    ],
    "examples": ["accept", {"text": "43 - 35 = 8."}],
}
"""What a person may answer, as a JSON schema that clients can make a form of."""


def read_answer(answer: object, *, draft: str, correction: Decision) -> Decision | None:
    """Decide what becomes of a reviewed sentence, or return None for an answer that says nothing.

    "accept" releases the correction. "reject" releases the draft, which is `kept`. `{"text": ...}` releases that text:
    the draft's own is `kept`, an empty one is `removed`. If the correction was to end the reply, a text in its place
    does, too; a rejected one ends nothing.
    """
    if answer == "accept":
        return correction
    if answer == "reject":
        return Decision("kept", draft)
    text = answer.get("text") if isinstance(answer, Mapping) and set(answer) == {"text"} else None
    if not isinstance(text, str):
        return None
    text = text.strip()
    if text == draft:
        return Decision("kept", draft)
    return Decision("replaced" if text else "removed", text, correction.finish)


def problem_with(answer: object) -> str:
    """Say why an answer is asked for again."""
    return (
        f"The answer to a review is 'accept', 'reject' or {{'text': '...'}} with the text to release, got {answer!r}. "
        "Please answer again."
    )


class ReviewNode(Runnable[NodeInput, dict[str, Any]]):
    """Wait until a person accepts, edits or rejects the correction that waits, and release what was decided.

    A person is shown `draft`, `correction`, `prefix` and `index`, and after an answer that cannot be read the
    `problem` with it.
    """

    name = "review"

    def invoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Ask, release and report."""
        run: Run = get_runtime(Run).context
        config = ensure_config(config)
        update = _reviewed(run, input)
        for verdict in _verdicts(run, update):
            dispatch_custom_event(VERDICT_EVENT, verdict, config=config)
        return update

    async def ainvoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Ask, release and report."""
        run: Run = get_runtime(Run).context
        config = ensure_config(config)
        update = _reviewed(run, input)
        for verdict in _verdicts(run, update):
            await adispatch_custom_event(VERDICT_EVENT, verdict, config=config)
        return update


def _reviewed(run: Run, state: NodeInput) -> dict[str, Any]:
    ledger = run.ledger(state)
    ledger.review(_asked(ledger))
    ledger.settle()
    # What was left of the stream was closed, and accounted for, before anybody was asked.
    if ledger.is_over:
        ledger.account([])
    return publish(run, ledger)


def _asked(ledger: Ledger) -> Decision:
    draft, correction = ledger.proposed()
    shown = {
        "draft": draft,
        "correction": correction.text,
        "prefix": ledger.text,
        "index": ledger.progress["index"],
    }
    answer = interrupt(shown, response_schema=ANSWERS)
    while (decision := read_answer(answer, draft=draft, correction=correction)) is None:
        answer = interrupt({**shown, "problem": problem_with(answer)}, response_schema=ANSWERS)
    return decision


def _verdicts(run: Run, update: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not run.is_inner:
        yield from update["last_release"]["verdicts"]
