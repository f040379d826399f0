"""Test a chain and an agent of your own without a model: `python -m pytest examples/test_with_fakes.py`."""

import asyncio
from typing import Any

from langchain.agents import create_agent
from langchain.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain.tools import tool
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import ReplaceAligner, ScriptedAligner, ScriptedChatModel

POLITE = ReplaceAligner({"idiot": "friend"})


def my_chain(llm: Runnable[Any, Any]) -> Runnable[Any, str]:
    """Build what is tested; the model is an argument, so that a test can pass another."""
    return ChatPromptTemplate.from_template("Answer: {question}") | llm | StrOutputParser()


@tool
def clock() -> str:
    """Tell the time."""
    return "noon"


def test_the_reader_sees_the_corrected_sentence_and_nothing_raw() -> None:
    upstream = ScriptedChatModel("Hello, idiot. All is well.")
    shown = my_chain(StreamAlignedChat(upstream, POLITE)).stream("Hello?")
    assert [text for text in shown if text] == ["Hello, friend.", " All is well."]


def test_the_upstream_goes_on_from_the_corrected_text() -> None:
    # One turn for every call: the second is what it says after the corrected sentence.
    upstream = ScriptedChatModel(["Hello, idiot. You again?", " Good to see you."])
    assert my_chain(StreamAlignedChat(upstream, POLITE)).invoke("Hello?") == "Hello, friend. Good to see you."
    assert [message.text for message in upstream.prompts[1]] == ["Answer: Hello?", "Hello, friend."]


def test_a_failing_aligner_does_not_stop_the_reply() -> None:
    aligner = ScriptedAligner({1: ConnectionError("out of reach")})
    llm = StreamAlignedChat(ScriptedChatModel("One. Two. Three."), aligner, on_aligner_error="keep")
    assert my_chain(llm).invoke("Count.") == "One. Two. Three."
    assert [draft.text for draft in aligner.drafts] == ["One.", "Two.", "Three."]


async def collect_texts(agent: Runnable[Any, Any], question: str) -> list[str]:
    stream = agent.astream({"messages": [HumanMessage(question)]}, stream_mode="messages")
    return [message.text async for message, _ in stream if isinstance(message, AIMessageChunk) and message.text]


def test_an_agent_in_async_code_calls_its_tool_and_shows_nothing_raw() -> None:
    call = AIMessage("", tool_calls=[{"name": "clock", "args": {}, "id": "1"}])
    upstream = ScriptedChatModel([["Wait, idiot.", call], "It is noon."])
    agent = create_agent(StreamAlignedChat(upstream, POLITE), [clock])
    assert asyncio.run(collect_texts(agent, "What time is it?")) == ["Wait, friend.", "It is noon."]
