"""The loop with a teacher, and rows at its end: upstream -> aligner -> (upstream | rows)."""

from __future__ import annotations

import operator
from collections.abc import Hashable
from dataclasses import asdict
from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from pydantic import Field
from typing_extensions import TypedDict

from stream_aligner_lc.annotation.teacher import Notes, as_teacher, is_chat_model, noting
from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.fingerprints import fingerprint
from stream_aligner_lc.graph import AlignedGraph
from stream_aligner_lc.models import model_name_of, patient
from stream_aligner_lc.nodes import AlignerNode, UpstreamNode
from stream_aligner_lc.prompts import DEFAULT_POLICY
from stream_aligner_lc.recipe import recipe_of
from stream_aligner_lc.routing import Router
from stream_aligner_lc.state import Conversation, NodeInput, Progress, ReplyState

_EDGES: dict[Hashable, str] = {"a draft waits": "aligner", "read on": "upstream", "over": "rows"}
_IN_ROWS = {"accepted", "replaced", "removed"}


class Judged(TypedDict):
    """One sentence that the teacher was shown, and what became of it."""

    reply: str
    """Id of the reply that it stands in."""
    question: str
    prefix: str
    last: str
    correction: str
    end: bool
    verdict: str
    kind: str
    index: int
    tokens: dict[str, Any]
    """What the teacher's answers cost, the fields of `Tokens`."""


class AnnotationState(ReplyState, total=False):
    """The loop's state, and what is made of it."""

    id: str
    source: str
    judged: Annotated[list[Judged], operator.add]
    rows: list[dict[str, Any]]


class AnnotationInput(TypedDict, total=False):
    """What the graph is given: the conversation to answer; in a data set its id and place too."""

    messages: Conversation
    id: Annotated[str, Field(description="What the rows are to be known by; may be left out.", examples=["prompt-7"])]
    source: Annotated[str, Field(description="Where the prompt comes from; may be left out.", examples=["a.jsonl:7"])]


class AnnotationOutput(TypedDict, total=False):
    """What the graph answers: the conversation with the aligned reply appended, and the rows."""

    messages: Annotated[list[AnyMessage], add_messages]
    rows: list[dict[str, Any]]


class RowsInput(TypedDict, total=False):
    """What the last node reads of the state."""

    id: str
    source: str
    judged: list[Judged]
    progress: Progress


def annotation_graph(
    upstream: Any,
    teacher: Any,
    *,
    policy: str = DEFAULT_POLICY,
    attempts: int = 3,
    tries: int = 6,
    checkpointer: BaseCheckpointSaver[Any] | bool | None = None,
    **options: Any,
) -> AlignedGraph:
    """Compile the graph that answers one prompt under the eyes of a teacher and returns `rows`.

    `teacher` is a chat model, which is told the `policy`, or an aligner, which is not. An answer that does not keep to
    the protocol is asked for `attempts` times, then the draft stays and makes no row. A call of either model that
    fails is made `tries` times in all, if a later one may succeed; then the run raises. `options` are the loop's.

    A row's `end` is what the teacher said of the sentence. As in serving, it ends the reply only where the sentence
    was changed, so that a teacher who is too early with it does not cut untouched replies short.
    """
    aligner = as_teacher(teacher, policy=policy, attempts=attempts, tries=tries)
    recipe = recipe_of(patient(upstream, tries), aligner, **{**options, "on_aligner_error": "keep"})
    is_told = is_chat_model(teacher)
    named = {
        "upstream": model_name_of(upstream),
        "teacher": model_name_of(teacher) if is_told else aligner.name,
        "policy": policy_mark(policy) if is_told else "",
    }
    graph = StateGraph(AnnotationState, input_schema=AnnotationInput, output_schema=AnnotationOutput)
    graph.add_node("upstream", UpstreamNode(aligner), input_schema=NodeInput)
    graph.add_node("aligner", TeacherNode(aligner), input_schema=NodeInput)
    graph.add_node("rows", RowsNode(named), input_schema=RowsInput)
    graph.add_edge(START, "upstream")
    for node in ("upstream", "aligner"):
        graph.add_conditional_edges(node, Router(), _EDGES)
    graph.add_edge("rows", END)
    compiled = graph.compile(checkpointer=checkpointer, name="annotate")
    return AlignedGraph(recipe=recipe, **vars(compiled))


class TeacherNode(AlignerNode):
    """Have the waiting draft corrected, and note what the teacher made of it."""

    def invoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Correct and note; raises `AlignerError` if the teacher could not be asked."""
        with noting() as notes:
            update = super().invoke(input, config, **kwargs)
        return {**update, "judged": _judged(notes, update)}

    async def ainvoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Correct and note; raises `AlignerError` if the teacher could not be asked."""
        with noting() as notes:
            update = await super().ainvoke(input, config, **kwargs)
        return {**update, "judged": _judged(notes, update)}


class RowsNode(Runnable[RowsInput, dict[str, Any]]):
    """Make rows of what was judged; `named` is what made them."""

    name = "rows"

    def __init__(self, named: dict[str, str]) -> None:
        self._named = named

    def invoke(self, input: RowsInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Make the rows of the reply that has just ended; a thread in Studio may hold others."""
        reply = input["progress"]["reply_id"]
        judged = [each for each in input.get("judged", ()) if each["reply"] == reply and each["verdict"] in _IN_ROWS]
        given = {"id": input.get("id", ""), "source": input.get("source", "")}
        return {"rows": [_row(each, given, self._named) for each in judged]}

    async def ainvoke(self, input: RowsInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Make the rows, without a thread."""
        return self.invoke(input, config, **kwargs)


def policy_mark(policy: str) -> str:
    """Return the few characters by which rows name their policy."""
    return fingerprint(policy.strip())[:12]


def _row(judged: Judged, given: dict[str, str], named: dict[str, str]) -> dict[str, Any]:
    said = ("question", "prefix", "last", "correction", "end", "verdict", "kind")
    row: dict[str, Any] = {name: judged[name] for name in said}  # type: ignore[literal-required]
    return {**row, "id": given["id"], "index": judged["index"], **named, "source": given["source"]}


def _judged(notes: Notes, update: dict[str, Any]) -> list[Judged]:
    draft, answer = notes.draft, notes.answer
    if notes.fault is not None:
        # The loop would keep the draft and go on, as it does after an answer that cannot be used.
        index = draft.index if draft else 0
        raise AlignerError(f"The teacher failed on sentence {index}: {notes.fault!r}.") from notes.fault
    assert draft is not None, "a step of the aligner's node asks for one draft"
    verdict = next(each for each in update["last_release"]["verdicts"] if each["index"] == draft.index)["verdict"]
    # What is accepted may differ from the draft in the whitespace around it.
    correction = {"accepted": draft.text, "replaced": answer.text.strip() if answer else ""}.get(verdict, "")
    return [
        Judged(
            reply=update["progress"]["reply_id"],
            question=draft.question,
            prefix=draft.prefix,
            last=draft.text,
            correction=correction,
            end=bool(answer and answer.end),
            verdict=verdict,
            kind=draft.kind,
            index=draft.index,
            tokens=asdict(notes.tokens),
        )
    ]
