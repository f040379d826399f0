"""The loop, and a pair at its end: upstream -> aligner -> (upstream | pair)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime
from typing_extensions import TypedDict

from stream_aligner_lc.annotation.graph import AnnotationInput, AnnotationOutput, AnnotationState, Judged, TeacherNode
from stream_aligner_lc.corrections import CHANGED
from stream_aligner_lc.graph import AlignedGraph
from stream_aligner_lc.models import model_name_of
from stream_aligner_lc.nodes import Run, UpstreamNode
from stream_aligner_lc.preferences.bare import Bare, Written, bare_reply, written_with
from stream_aligner_lc.preferences.pairs import pair_of, why_not_chosen, why_not_rejected
from stream_aligner_lc.recipe import Recipe
from stream_aligner_lc.routing import Router
from stream_aligner_lc.state import NodeInput, Progress

_EDGES: dict[Hashable, str] = {"a draft waits": "aligner", "read on": "upstream", "over": "pair"}


class PairInput(TypedDict, total=False):
    """What the last node reads of the state."""

    messages: list[AnyMessage]
    id: str
    source: str
    judged: list[Judged]
    progress: Progress


def preference_graph(recipe: Recipe, *, shared: bool) -> AlignedGraph:
    """Compile the graph that answers one prompt, aligned and bare, and returns `rows`: the pair, or why there is none.

    The recipe's aligner is a `Teacher`, whose answers are noted. It runs asynchronously only.
    """
    graph = StateGraph(AnnotationState, input_schema=AnnotationInput, output_schema=AnnotationOutput)
    graph.add_node("upstream", UpstreamNode(recipe.aligner), input_schema=NodeInput)
    graph.add_node("aligner", DraftingNode(recipe.aligner), input_schema=NodeInput)
    graph.add_node("pair", PairNode(recipe, shared=shared).ainvoke, input_schema=PairInput)
    graph.add_edge(START, "upstream")
    for node in ("upstream", "aligner"):
        graph.add_conditional_edges(node, Router(), _EDGES)
    graph.add_edge("pair", END)
    return AlignedGraph(recipe=recipe, **vars(graph.compile(name="preferences")))


class DraftingNode(TeacherNode):
    """Have the waiting draft corrected, and note where the upstream stands with it."""

    async def ainvoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Correct and note; raises `AlignerError` if the aligner could not be asked."""
        run: Run = get_runtime(Run).context
        piece = input["draft"][0]
        assert piece["type"] == "draft", "a draft waits"
        written = written_with(piece, run.ledger(input))
        update = await super().ainvoke(input, config, **kwargs)
        return {**update, "judged": [{**judged, **written} for judged in update["judged"]]}


class PairNode:
    """Get the bare reply, too, and make a pair of the two."""

    def __init__(self, recipe: Recipe, *, shared: bool) -> None:
        self._recipe = recipe
        self._shared = shared
        self._named = {"upstream": model_name_of(recipe.llm), "aligner": recipe.aligner.name}

    async def ainvoke(self, state: PairInput, config: RunnableConfig) -> dict[str, Any]:
        """Return the pair, or why there is none, and totals in which the bare reply's cost counts too."""
        *conversation, reply = state["messages"]
        assert isinstance(reply, AIMessage), "the loop ends with the reply"
        if why := why_not_chosen(reply):
            return {"rows": [{"left_out": why}]}
        start = _first_change(state.get("judged", ())) if self._shared else None
        is_own = self._shared and start is None
        bare = Bare(reply.text) if is_own else await bare_reply(self._recipe, conversation, start, config)
        update = {"progress": bare.added_to(state["progress"], self._recipe.counter)}
        if why := why_not_rejected(bare.said, bare.text):
            return {**update, "rows": [{"left_out": why}]}
        return {**update, "rows": [self._row(state, pair_of(conversation, reply.text, bare.text))]}

    def _row(self, state: PairInput, pair: dict[str, Any]) -> dict[str, Any]:
        verdicts = state["progress"]["verdicts"]
        row = {
            **pair,
            "id": state.get("id", ""),
            "source": state.get("source", ""),
            **self._named,
            "sentences": dict(verdicts),
            "replaced": verdicts.get("replaced", 0),
        }
        return {**row, "same": True} if pair["chosen"] == pair["rejected"] else row


def _first_change(judged: Sequence[Judged]) -> Written | None:
    """Return where the upstream stood with the first draft that did not stay."""
    return cast("Written | None", next((each for each in judged if each["verdict"] in CHANGED), None))
