"""Where a chat model may stand, and the channels through which somebody reads there."""

import asyncio
import inspect
from dataclasses import dataclass
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph

QUESTION = "What does it do?"
MODES = ["values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"]


@tool
def look_up(what: Annotated[str, "the word"]) -> str:
    """Look a word up."""
    return f"A {what} is an animal."


@dataclass
class Place:
    """A runnable with a chat model in it, its input, and the config that every call needs."""

    runnable: Any
    input: Any
    config: dict[str, Any]


def bare(model):
    return Place(model, QUESTION, {})


def chain(model):
    prompt = ChatPromptTemplate.from_messages([("system", "Be short."), ("user", "{question}")])
    return Place(prompt | model | StrOutputParser(), {"question": QUESTION}, {})


def _graph(call, acall):
    graph = StateGraph(MessagesState).add_node("answer", RunnableLambda(call, acall)).add_edge(START, "answer")
    return _with_memory(graph.compile(checkpointer=InMemorySaver()))


def _with_memory(graph):
    return Place(graph, {"messages": [("user", QUESTION)]}, {"configurable": {"thread_id": "1"}})


def node_that_invokes(model):
    def call(state):
        return {"messages": [model.invoke(state["messages"])]}

    async def acall(state):
        return {"messages": [await model.ainvoke(state["messages"])]}

    return _graph(call, acall)


def node_that_streams(model):
    """Also write every chunk to the custom stream, as programs do that show progress."""

    def call(state):
        write, whole = get_stream_writer(), None
        for chunk in model.stream(state["messages"]):
            write({"chunk": chunk.text})
            whole = chunk if whole is None else whole + chunk
        return {"messages": [whole]}

    async def acall(state):
        write, whole = get_stream_writer(), None
        async for chunk in model.astream(state["messages"]):
            write({"chunk": chunk.text})
            whole = chunk if whole is None else whole + chunk
        return {"messages": [whole]}

    return _graph(call, acall)


def node_of_a_subgraph(model):
    inner = node_that_invokes(model).runnable
    inner.checkpointer = None
    graph = StateGraph(MessagesState).add_node("inner", inner).add_edge(START, "inner")
    return _with_memory(graph.compile(checkpointer=InMemorySaver()))


def agent(model):
    return _with_memory(create_agent(model, [look_up], checkpointer=InMemorySaver()))


PLACES = {
    place.__name__: place for place in (bare, chain, node_that_invokes, node_that_streams, node_of_a_subgraph, agent)
}
GRAPHS = {"node_that_invokes", "node_that_streams", "node_of_a_subgraph", "agent"}


@dataclass(frozen=True)
class Channel:
    """A way to read: `read(place, config)` or, where it is a coroutine function, `await read(place, config)`."""

    name: str
    read: Any
    graphs_only: bool = False

    @property
    def is_async(self):
        return inspect.iscoroutinefunction(self.read)

    def received(self, place, config):
        """Return everything that was received."""
        config = {**place.config, **config}
        if self.is_async:
            return asyncio.run(self.read(place, config))
        return self.read(place, config)

    def carries_text_in(self, place_name):
        """Say whether a text is expected here at all: only one place writes custom data."""
        return self.graphs_only is False or "custom" not in self.name or place_name == "node_that_streams"


async def _all(stream):
    return [item async for item in stream]


def _basic():
    yield Channel("invoke", lambda place, config: place.runnable.invoke(place.input, config))
    yield Channel("stream", lambda place, config: list(place.runnable.stream(place.input, config)))
    yield Channel("batch", lambda place, config: place.runnable.batch([place.input], config))

    async def ainvoke(place, config):
        return await place.runnable.ainvoke(place.input, config)

    async def astream(place, config):
        return await _all(place.runnable.astream(place.input, config))

    async def abatch(place, config):
        return await place.runnable.abatch([place.input], config)

    async def astream_log(place, config):
        return await _all(place.runnable.astream_log(place.input, config))

    for read in (ainvoke, astream, abatch, astream_log):
        yield Channel(read.__name__, read)
    for version in ("v1", "v2"):

        async def astream_events(place, config, version=version):
            return await _all(place.runnable.astream_events(place.input, config, version=version))

        yield Channel(f"astream_events-{version}", astream_events)


def _events_v3():
    # Raw events, which are what leaks where the projections look clean.
    def stream_events(place, config):
        stream = place.runnable.stream_events(place.input, config, version="v3")
        return [*stream, stream.output]

    async def astream_events(place, config):
        stream = await place.runnable.astream_events(place.input, config, version="v3")
        events = await _all(stream)
        output = stream.output
        output = await (output() if callable(output) else output)
        await asyncio.sleep(0.01)  # a model's handlers hear of its end a moment after its reader does
        return [*events, output]

    yield Channel("stream_events-v3", stream_events)
    yield Channel("astream_events-v3", astream_events)


def _graph_modes():
    for mode in [*MODES, MODES]:
        for subgraphs in (False, True):
            name = f"stream_mode-{mode if isinstance(mode, str) else 'all'}{'-subgraphs' * subgraphs}"

            def stream(place, config, mode=mode, subgraphs=subgraphs):
                return list(place.runnable.stream(place.input, config, stream_mode=mode, subgraphs=subgraphs))

            async def astream(place, config, mode=mode, subgraphs=subgraphs):
                steps = place.runnable.astream(place.input, config, stream_mode=mode, subgraphs=subgraphs)
                return await _all(steps)

            yield Channel(name, stream, graphs_only=True)
            yield Channel(f"a{name}", astream, graphs_only=True)


BASIC = list(_basic())
EVENTS_V3 = list(_events_v3())
GRAPH_MODES = list(_graph_modes())
SINGLE_MODES = {channel.name for channel in GRAPH_MODES if "mode-all" not in channel.name}


def channels_of(place_name):
    """Return every channel through which one can read in a place."""
    if place_name == "chain":
        return BASIC  # the third version of events is for models and graphs
    return [*BASIC, *EVENTS_V3, *(GRAPH_MODES if place_name in GRAPHS else ())]


CASES = [(place_name, channel) for place_name in PLACES for channel in channels_of(place_name)]
IDS = [f"{place_name}-{channel.name}" for place_name, channel in CASES]
