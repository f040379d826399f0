"""The loop as a LangGraph state machine: upstream -> aligner -> (upstream | end)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Hashable, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Any, Literal, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig, ensure_config
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.nodes import AlignerNode, Run, UpstreamNode
from stream_aligner_lc.recipe import Recipe, recipe_of
from stream_aligner_lc.reviews import ReviewNode
from stream_aligner_lc.routing import Router
from stream_aligner_lc.state import NodeInput, ReplyInput, ReplyOutput, ReplyState

# Two steps a sentence, and LangChain's own default of 25 would end a reply after twelve. The bounds of a reply
# are `max_sentences`, `max_restarts` and the upstream's end, never this number.
RECURSION_LIMIT = 1_000_000_000
NAME = "stream_aligner"
_EDGES: dict[Hashable, str] = {"a draft waits": "aligner", "read on": "upstream", "over": "__end__"}


class AlignedGraph(CompiledStateGraph[ReplyState, Run, ReplyInput, ReplyOutput]):
    """The compiled loop, which owns the open upstream stream of each of its runs.

    However a graph is run, `stream` or `astream` is what runs it, so they open a run and close it: also when the
    reader walks away. Copies (`with_config`, a server that attaches its own checkpointer) keep the recipe.
    """

    def __init__(self, *, recipe: Recipe, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recipe = recipe

    def stream(
        self, input: Any, config: RunnableConfig | None = None, *, context: Any = None, **kwargs: Any
    ) -> Iterator[Any]:
        """Run the graph, and close the upstream with it."""
        run = self._run(config, context)
        steps = cast("Generator[Any]", super().stream(input, _unlimited(config), context=run, **kwargs))
        with closing(run.upstream), closing(steps):
            yield from steps

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, *, context: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Run the graph asynchronously, and close the upstream with it."""
        run = self._run(config, context)
        steps = cast("AsyncGenerator[Any]", super().astream(input, _unlimited(config), context=run, **kwargs))
        async with aclosing(run.upstream), aclosing(steps):
            async for step in steps:
                yield step

    def _run(self, config: RunnableConfig | None, context: Any) -> Run:
        # Only here is it known: a server or an outer graph may bring the checkpointer.
        if self.recipe.interrupt_on and not self._resolve_checkpointer(ensure_config(config)):
            raise ConfigurationError(
                f"interrupt_on={self.recipe.interrupt_on!r} needs a checkpointer, which keeps the reply while a person "
                "decides: pass build_graph(..., checkpointer=InMemorySaver()), or give one to the graph around it."
            )
        return context if isinstance(context, Run) else self.recipe.start()


def _unlimited(config: RunnableConfig | None) -> RunnableConfig:
    return {**(config or {}), "recursion_limit": RECURSION_LIMIT}


def build_graph(
    llm: Any,
    aligner: Any = None,
    *,
    continuation: str | Callable[..., Any] = "auto",
    observers: Sequence[BaseCallbackHandler] = (),
    checkpointer: BaseCheckpointSaver[Any] | bool | None = None,
    interrupt_on: Literal["replaced"] | None = None,
    name: str = NAME,
    **options: Any,
) -> AlignedGraph:
    """Compile the loop over `llm` and `aligner`, with the options of `StreamAlignedChat`.

    Its input and output are `{"messages": [...]}`: the conversation, and the same with the aligned reply appended.
    `stream_mode="messages"` streams the aligned sentences. Drafts show only under the state key `draft`. With a
    `checkpointer` a run that was killed goes on from the last released sentence. Raises `ConfigurationError` for
    a wrong option. `name` is what traces and servers call it. As a subgraph it streams its sentences to those who ask
    for `subgraphs=True`; the verdicts are custom events (`stream_aligner_verdict`) and stand in `stream_mode="custom"`.

    With `interrupt_on="replaced"`, which needs a checkpointer (its own, a server's, or that of a graph around it), the
    run stops at every correction until a person decides. The interrupt shows `draft`, `correction`, `prefix` and
    `index`; go on with `Command(resume="accept")`, `"reject"` (the draft is released, verdict `kept`) or
    `{"text": ...}` (that text is released). After anything else it asks again, and says so under `problem`.
    """
    recipe = recipe_of(
        llm, aligner, continuation=continuation, observers=observers, interrupt_on=interrupt_on, **options
    )
    return compile_graph(recipe, checkpointer=checkpointer, name=name)


def compile_graph(
    recipe: Recipe, *, checkpointer: BaseCheckpointSaver[Any] | bool | None = None, name: str = NAME
) -> AlignedGraph:
    """Compile the loop for a recipe."""
    graph = StateGraph(ReplyState, input_schema=ReplyInput, output_schema=ReplyOutput)
    graph.add_node("upstream", UpstreamNode(recipe.aligner), input_schema=NodeInput)
    graph.add_node("aligner", AlignerNode(recipe.aligner), input_schema=NodeInput)
    graph.add_edge(START, "upstream")
    edges = _EDGES
    if recipe.interrupt_on:
        graph.add_node("review", ReviewNode(), input_schema=NodeInput)
        edges = {**_EDGES, "a correction waits": "review"}
    for node in graph.nodes:
        graph.add_conditional_edges(node, Router(), edges)
    compiled = graph.compile(checkpointer=checkpointer, name=name)
    return AlignedGraph(recipe=recipe, **vars(compiled))
