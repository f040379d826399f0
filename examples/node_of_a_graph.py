"""The loop as one node of a larger graph, with a checkpointer: `python examples/node_of_a_graph.py`.

A node before it makes the question, a node after it reads a number out of the answer, which is aligned by then.
"""

import re
from typing import Any

from langchain.messages import AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from stream_aligner_lc import build_graph
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel

EVEREST = "Everest is in Nepal. It is 8,488 metres high. It is cold."
GOES_ON = " Few have climbed it."  # said from the corrected sentence on
K2 = "K2 is in Pakistan. It is 8,611 metres high."


class State(MessagesState, total=False):
    """The conversation, the mountain that it is about, and the height that the last answer gives."""

    mountain: str
    metres: int | None


def ask(state: State) -> dict[str, Any]:
    """Make the question."""
    return {"messages": [HumanMessage(f"How high is {state['mountain']}?")]}


def read(state: State) -> dict[str, Any]:
    """Read the height out of the answer."""
    found = re.search(r"([\d,]+) metres", state["messages"][-1].text)
    return {"metres": int(found[1].replace(",", "")) if found else None}


def main() -> None:
    """Ask about two mountains in one conversation."""
    upstream = ScriptedChatModel([EVEREST, GOES_ON, K2])  # with a real model: ChatOpenAI(model="...")
    records: list[Any] = []  # one for each sentence, with its draft: for your log, not for your readers
    answer = build_graph(upstream, ReplaceAligner({"8,488": "8,849"}), on_record=records.append)
    graph = StateGraph(State)
    graph.add_sequence([ask, ("answer", answer), read])
    graph.add_edge(START, "ask")
    app = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    for mountain in ("Everest", "K2"):
        # The sentences stream from inside the node; without `subgraphs` there is but the whole answer.
        for _, (message, _) in app.stream({"mountain": mountain}, config, stream_mode="messages", subgraphs=True):
            if isinstance(message, AIMessageChunk):
                print(message.text, end="", flush=True)
        state = app.get_state(config).values
        print(f"\n[{state['metres']} metres; {len(state['messages'])} messages]")
    print([record["verdict"] for record in records])


if __name__ == "__main__":
    main()
