"""What an agent does with tools and structured output, with the middleware in it."""

from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, ToolMessage
from pydantic import BaseModel

from stream_aligner_lc import StreamAlignerMiddleware
from stream_aligner_lc.testing import ScriptedChatModel
from tests.middleware.agents import (
    ALIGNED,
    ASKED,
    BLUE,
    TEXT,
    Choosing,
    aligned_agent,
    ask,
    both_colours,
    call,
    weather_in,
)


class Colour(BaseModel):
    """The colour of something."""

    name: str
    why: str


GREEN = {"name": "green", "why": "It is green. It is not blue."}


@both_colours
def test_text_before_a_tool_call_is_aligned_and_the_call_passes(is_async):
    asking = ["In green Oslo.", AIMessage("", tool_calls=[call("green")])]
    upstream = ScriptedChatModel([asking, TEXT, " It rains."])
    _, said, answer, reply = ask(aligned_agent(upstream), is_async=is_async)["messages"]
    assert said.text == "In blue Oslo."
    assert said.tool_calls == [call("green")]
    assert (answer.content, reply.text) == ("Rain in green.", ALIGNED)


@both_colours
def test_parallel_tool_calls_are_all_answered(is_async):
    calls = [call("Oslo", 1), call("Rome", 2), call("Bern", 3)]
    upstream = ScriptedChatModel([AIMessage("", tool_calls=calls), TEXT, " It rains."])
    messages = ask(aligned_agent(upstream), is_async=is_async)["messages"]
    answers = [message.content for message in messages if isinstance(message, ToolMessage)]
    assert answers == ["Rain in Oslo.", "Rain in Rome.", "Rain in Bern."]
    assert messages[-1].text == ALIGNED


@both_colours
def test_the_tools_their_choice_and_the_models_settings_reach_every_upstream_call(is_async):
    upstream = ScriptedChatModel(TEXT)
    settings = Choosing(tool_choice="weather_in", model_settings={"temperature": 0.5})
    agent = create_agent(upstream, [weather_in], middleware=[settings, StreamAlignerMiddleware(BLUE)])
    assert ask(agent, is_async=is_async)["messages"][-1].text == ALIGNED
    assert len(upstream.calls) == 2
    for made in upstream.calls:
        assert made.kwargs["tool_choice"] == "weather_in"
        assert made.kwargs["temperature"] == 0.5
        assert [tool["function"]["name"] for tool in made.kwargs["tools"]] == ["weather_in"]


@both_colours
def test_the_prompt_of_the_agent_and_its_name_are_as_they_are_without(is_async):
    upstream = ScriptedChatModel(TEXT)
    agent = aligned_agent(upstream, tools=(), system_prompt="Be short.", name="weatherman")
    reply = ask(agent, is_async=is_async)["messages"][-1]
    assert (reply.name, reply.text) == ("weatherman", ALIGNED)
    assert upstream.prompts[0][0].text == "Be short."


@both_colours
def test_structured_output_by_a_tool_passes_and_the_text_beside_it_is_aligned(is_async):
    made = {"name": "Colour", "args": GREEN, "id": "1", "type": "tool_call"}
    upstream = ScriptedChatModel([["I see green.", AIMessage("", tool_calls=[made])], ""])
    state = ask(aligned_agent(upstream, response_format=ToolStrategy(Colour)), is_async=is_async)
    assert state["structured_response"] == Colour(**GREEN)
    assert state["messages"][1].text == "I see blue."
    assert upstream.calls[0].kwargs["tool_choice"] == "any"


@both_colours
def test_structured_output_by_the_provider_is_neither_cut_nor_aligned(is_async):
    written = Colour(**GREEN).model_dump_json()
    upstream = ScriptedChatModel([written])
    state = ask(aligned_agent(upstream, response_format=ProviderStrategy(Colour)), is_async=is_async)
    assert state["structured_response"] == Colour(**GREEN)
    assert state["messages"][-1].text == written
    assert upstream.calls[0].kwargs["response_format"]["type"] == "json_schema"


def test_the_models_profile_decides_how_structured_output_is_asked_for():
    written = Colour(**GREEN).model_dump_json()
    upstream = ScriptedChatModel([written], profile={"structured_output": True})
    state = ask(aligned_agent(upstream, tools=(), response_format=Colour))
    assert state["structured_response"] == Colour(**GREEN)
    assert "response_format" in upstream.calls[0].kwargs


def test_a_tool_that_ends_the_run_ends_it():
    from langchain_core.tools import tool

    @tool(return_direct=True)
    def finish() -> str:
        """Finish."""
        return "Done."

    made = {"name": "finish", "args": {}, "id": "1", "type": "tool_call"}
    agent = aligned_agent(ScriptedChatModel([AIMessage("", tool_calls=[made])]), tools=[finish])
    assert agent.invoke(ASKED)["messages"][-1].content == "Done."
