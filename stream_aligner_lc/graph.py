"""The loop as a LangGraph state machine: upstream -> aligner -> (upstream | end)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from stream_aligner_lc.accounts import Terms
from stream_aligner_lc.aligners import Aligner, as_aligner
from stream_aligner_lc.continuation import Continuation, choose_continuation
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.models import as_upstream, max_tokens_of, model_name_of, retry_of, stop_of
from stream_aligner_lc.nodes import AlignerNode, Run, UpstreamNode
from stream_aligner_lc.options import LoopOptions
from stream_aligner_lc.state import NodeInput, ReplyInput, ReplyOutput, ReplyState, route
from stream_aligner_lc.upstream import Upstream, UpstreamModel

# Two steps a sentence, and LangChain's own default of 25 would end a reply after twelve. The bounds of a reply
# are `max_sentences`, `max_restarts` and the upstream's end, never this number.
RECURSION_LIMIT = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What every run of one graph is made of."""

    llm: UpstreamModel
    aligner: Aligner
    continuation: Continuation
    options: LoopOptions
    observers: Sequence[BaseCallbackHandler] = ()
    stop: Sequence[str] | None = None
    kwargs: Mapping[str, Any]

    def start(
        self,
        messages: Sequence[BaseMessage] | None = None,
        *,
        stop: Sequence[str] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> Run:
        """Return what one run shares: a stream that is not open yet, and the terms of this reply."""
        kwargs = {**self.kwargs, **(kwargs or {})}
        stop = stop if stop is not None else self.stop
        max_tokens = kwargs.pop("max_tokens", None)
        upstream = Upstream(
            self.llm,
            self.continuation,
            self.options,
            stop=stop,
            max_tokens=max_tokens,
            kwargs=kwargs,
            observers=self.observers,
            retry=retry_of(self.llm),
        )
        terms = Terms(
            options=self.options,
            stop=tuple(stop or stop_of(self.llm)),
            max_tokens=max_tokens if max_tokens is not None else max_tokens_of(self.llm),
            exact=self.continuation.exact,
            names={"aligner": self.aligner.name, "continuation": self.continuation.name},
            model_name=model_name_of(self.llm),
        )
        return Run(upstream, terms, messages)


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
        run = context if isinstance(context, Run) else self.recipe.start()
        steps = cast("Generator[Any]", super().stream(input, _unlimited(config), context=run, **kwargs))
        with closing(run.upstream), closing(steps):
            yield from steps

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, *, context: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Run the graph asynchronously, and close the upstream with it."""
        run = context if isinstance(context, Run) else self.recipe.start()
        steps = cast("AsyncGenerator[Any]", super().astream(input, _unlimited(config), context=run, **kwargs))
        async with aclosing(run.upstream), aclosing(steps):
            async for step in steps:
                yield step


def _unlimited(config: RunnableConfig | None) -> RunnableConfig:
    return {**(config or {}), "recursion_limit": RECURSION_LIMIT}


def build_graph(
    llm: Any,
    aligner: Any = None,
    *,
    continuation: str | Callable[..., Any] = "auto",
    observers: Sequence[BaseCallbackHandler] = (),
    checkpointer: BaseCheckpointSaver[Any] | bool | None = None,
    **options: Any,
) -> AlignedGraph:
    """Compile the loop over `llm` and `aligner`, with the options of `StreamAlignedChat`.

    Its input and output are `{"messages": [...]}`: the conversation, and the same with the aligned reply appended.
    `stream_mode="messages"` streams the aligned sentences. Drafts show only under the state key `draft`. With a
    `checkpointer` a run that was killed goes on from the last released sentence. Raises `ConfigurationError` for
    a wrong option.
    """
    recipe = recipe_of(llm, aligner, continuation=continuation, observers=observers, **options)
    return compile_graph(recipe, checkpointer=checkpointer)


def recipe_of(
    llm: Any,
    aligner: Any,
    *,
    continuation: str | Callable[..., Any] = "auto",
    observers: Sequence[BaseCallbackHandler] = (),
    stop: Sequence[str] | None = None,
    forward: Mapping[str, Any] | None = None,
    **options: Any,
) -> Recipe:
    """Check the parts and options of a loop; `forward` goes with every upstream call."""
    if unknown := set(options) - LoopOptions.names():
        known = ", ".join(sorted(LoopOptions.names() | {"continuation", "observers"}))
        raise ConfigurationError(f"Unknown option {', '.join(map(repr, sorted(unknown)))}. The options are: {known}.")
    upstream = as_upstream(llm)
    return Recipe(
        llm=upstream,
        aligner=as_aligner(aligner, upstream),
        continuation=choose_continuation(upstream, continuation),
        options=LoopOptions(**options),
        observers=_checked(observers),
        stop=stop,
        kwargs=dict(forward or {}),
    )


def as_stop(stop: Any) -> list[str] | None:
    """Return stop sequences as a list; one string is one sequence.

    Raises `ConfigurationError` for anything else.
    """
    if stop is None:
        return None
    sequences = [stop] if isinstance(stop, str) else stop
    if not isinstance(sequences, list | tuple) or not all(isinstance(each, str) for each in sequences):
        raise ConfigurationError(f"`stop` must be a string or a list of strings, got {stop!r}.")
    return list(sequences)


def _checked(observers: Any) -> tuple[BaseCallbackHandler, ...]:
    handlers = observers if isinstance(observers, list | tuple) else None
    if handlers is None or not all(isinstance(each, BaseCallbackHandler) for each in handlers):
        raise ConfigurationError(f"`observers` must be a list of LangChain callback handlers, got {observers!r}.")
    return tuple(handlers)


def compile_graph(recipe: Recipe, *, checkpointer: BaseCheckpointSaver[Any] | bool | None = None) -> AlignedGraph:
    """Compile the loop for a recipe."""
    options = recipe.options
    graph = StateGraph(ReplyState, input_schema=ReplyInput, output_schema=ReplyOutput)
    graph.add_node("upstream", UpstreamNode(recipe.aligner), input_schema=NodeInput)
    graph.add_node(
        "aligner",
        AlignerNode(recipe.aligner, aligner_timeout=options.aligner_timeout, observers=recipe.observers),
        input_schema=NodeInput,
    )
    graph.add_edge(START, "upstream")
    for node in ("upstream", "aligner"):
        graph.add_conditional_edges(node, route, ["upstream", "aligner", "__end__"])
    compiled = graph.compile(checkpointer=checkpointer, name="stream_aligner")
    return AlignedGraph(recipe=recipe, **vars(compiled))
