"""An agent whose every sentence is aligned and whose tool calls pass untouched: `python examples/agent_with_a_tool.py`.

The aligner lets no price through but the tool's. It sees the conversation, so it knows what the tool answered.
"""

import re

from langchain.agents import create_agent
from langchain.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain.tools import tool

from stream_aligner_lc import Draft, StreamAlignerMiddleware
from stream_aligner_lc.testing import ScriptedChatModel

PRICE = re.compile(r"\d+ euros")


@tool
def price_of(article: str) -> int:
    """Look up what an article costs, in euros."""
    return {"kettle": 34, "toaster": 29}[article]


def only_the_tools_price(draft: Draft) -> str:
    """Return the sentence with the price that the tool named, or without any while there is none."""
    if not PRICE.search(draft.text):
        return draft.text
    prices = [message.text for message in draft.messages if isinstance(message, ToolMessage)]
    return PRICE.sub(f"{prices[-1]} euros", draft.text) if prices else "Let me look up the price."


def main() -> None:
    """Ask the agent, and print its stream: text, tool calls and what the tools answer."""
    call = {"name": "price_of", "args": {"article": "kettle"}, "id": "call_1"}
    # One turn for every call of the model; the last is where it goes on from the corrected sentence.
    upstream = ScriptedChatModel(
        [
            ["It should be 50 euros.", AIMessage("", tool_calls=[call])],
            "The kettle costs 43 euros. You can have it tomorrow.",
            " It is in stock.",
        ]
    )  # with a real model: ChatOpenAI(model="...")
    agent = create_agent(upstream, tools=[price_of], middleware=[StreamAlignerMiddleware(only_the_tools_price)])

    question = HumanMessage("What does the kettle cost?")
    for message, _ in agent.stream({"messages": [question]}, stream_mode="messages"):
        if isinstance(message, ToolMessage):
            print(f"\n[{message.name} answers {message.text}]")
        elif isinstance(message, AIMessageChunk):
            print(message.text, end="", flush=True)
            for part in message.tool_call_chunks:
                print(f"\n[call {part['name']}({part['args']})]", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
