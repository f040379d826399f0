"""Graphs for the test server, over doubles whose drafts are marked: what the server loads by path."""

import os
from pathlib import Path

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langgraph.graph import START, MessagesState, StateGraph

from stream_aligner_lc import StreamAlignedChat, StreamAlignerMiddleware, build_graph
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ScriptedChatModel
from tests.leaks.places import look_up
from tests.leaks.probes import Babbler, acorrect

HEARTBEAT = "heartbeat"
"""Where `slow` notes each token that is taken from it, in the server's folder."""
SECONDS_A_TOKEN = 0.02


class Slow(ScriptedChatModel):
    """Write without end, and leave a trace of it."""

    async def _astream(self, *args, **kwargs):
        try:
            async for chunk in super()._astream(*args, **kwargs):
                self._note(".")
                yield chunk
        finally:
            self._note("closed")

    def _note(self, text):
        with Path(HEARTBEAT).open("a") as file:
            file.write(text)


def outer_of(graph):
    """Return a graph that has `graph` as its node."""
    return StateGraph(MessagesState).add_node("aligned", graph).add_edge(START, "aligned").compile(name="outer")


def around(model):
    """Return a graph with a node that calls `model`."""

    async def answer(state):
        return {"messages": [await model.ainvoke(state["messages"])]}

    return StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile(name="around")


aligned = build_graph(Babbler(delay=0.001), acorrect)
outer = outer_of(aligned)
as_model = around(StreamAlignedChat(Babbler(delay=0.001), acorrect))
reviewed = build_graph(Babbler(delay=0.001), acorrect, interrupt_on="replaced")
in_agent = create_agent(Babbler(delay=0.001), [look_up], middleware=[StreamAlignerMiddleware(acorrect)])
slow = build_graph(Slow("The horse runs fast. " * 1000, delay=SECONDS_A_TOKEN), acorrect)
openai = init_chat_model("openai:loopback", base_url=os.environ.get("LOOPBACK_URL"), api_key="none")
provider = build_graph(openai, acorrect, continuation="instruct", feedback=False)
pair_as_model = around(StreamAlignedChat(pair.upstream(), pair.aligner()))
