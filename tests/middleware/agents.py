"""Agents with the middleware, ways to ask them, and middleware of others beside it."""

import asyncio

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from stream_aligner_lc import StreamAlignerMiddleware
from stream_aligner_lc.testing import ReplaceAligner
from tests.leaks.places import QUESTION, Place, look_up
from tests.leaks.probes import Babbler

TEXT = "The sky is green. It rains."
ALIGNED = "The sky is blue. It rains."
BLUE = ReplaceAligner(green="blue")
ASKED = {"messages": [("user", QUESTION)]}


@tool
def weather_in(city: str) -> str:
    """Look up the weather."""
    return f"Rain in {city}."


def call(city, number=1):
    """Return a call of the tool."""
    return {"name": "weather_in", "args": {"city": city}, "id": f"call_{number}", "type": "tool_call"}


class Choosing(AgentMiddleware):
    """Change what is asked of the model: `changes` of the request, such as another model."""

    def __init__(self, **changes):
        super().__init__()
        self.changes = changes

    def wrap_model_call(self, request, handler):
        return handler(request.override(**self.changes))

    async def awrap_model_call(self, request, handler):
        return await handler(request.override(**self.changes))


def ask(agent, config=None, *, is_async=False):
    """Return the state after a run."""
    return asyncio.run(agent.ainvoke(ASKED, config)) if is_async else agent.invoke(ASKED, config)


def last(agent, config=None, *, is_async=False):
    """Return the text of the last message after a run."""
    return ask(agent, config, is_async=is_async)["messages"][-1].text


def aligned_agent(model, *more, aligner=BLUE, tools=(weather_in,), **options):
    """Return an agent with the middleware; `more` stand after it."""
    return create_agent(model, list(tools), middleware=[StreamAlignerMiddleware(aligner), *more], **options)


def alone(model, aligner):
    """Return an agent of one model and one middleware."""
    agent = aligned_agent(model, aligner=aligner, tools=[look_up], checkpointer=InMemorySaver())
    return _with_memory(agent)


def inside_another_graph(model, aligner):
    """Return a graph that has an agent as its node."""
    agent = aligned_agent(model, aligner=aligner, tools=[look_up])
    graph = StateGraph(MessagesState).add_node("agent", agent).add_edge(START, "agent")
    return _with_memory(graph.compile(checkpointer=InMemorySaver()))


def with_a_model_chosen_further_in(model, aligner):
    """Return an agent whose model is chosen by a middleware that stands after ours."""
    never = Babbler([AssertionError("the other model was chosen")])
    agent = aligned_agent(never, Choosing(model=model), aligner=aligner, tools=[look_up], checkpointer=InMemorySaver())
    return _with_memory(agent)


def _with_memory(graph):
    return Place(graph, ASKED, {"configurable": {"thread_id": "1"}})


both_colours = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
