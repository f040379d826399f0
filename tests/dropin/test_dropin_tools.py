"""Tool calls pass, text before them is aligned, and agents treat the wrapper as the model inside it."""

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from pydantic import BaseModel, Field

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.dropin.upstreams import VerbatimModel, WholeModel, call_deltas, ended, total
from tests.standard.tool_model import ToolModel

BLUE = ReplaceAligner(green="blue")
CALL = call_deltas("look", '{"at"', ': "the ', 'sky"}')
CALLED = [{"name": "look", "args": {"at": "the sky"}, "id": "call_1", "type": "tool_call"}]


def look(at: str) -> str:
    """Look at something."""
    return f"{at} is green"


def test_text_before_a_call_is_aligned_and_the_call_passes(ask):
    turn = ["The sky is red. It is green.", *CALL, ended("tool_calls")]
    message = ask(StreamAlignedChat(VerbatimModel([turn]), BLUE), "Go on.")
    assert message.text == "The sky is red. It is blue."
    assert message.tool_calls == CALLED
    assert not message.invalid_tool_calls
    assert message.response_metadata["finish_reason"] == "tool_calls"


def test_a_call_that_has_arrived_survives_the_replacement_of_a_sentence_before_it(ask):
    turn = AIMessage("It is green. So it is.", tool_calls=CALLED)
    model = WholeModel(turns=[turn])
    message = ask(StreamAlignedChat(model, BLUE), "Go on.")
    assert message.text.startswith("It is blue.")
    assert "green" not in message.text
    assert message.tool_calls == CALLED
    assert len(model.asked) == 1


def test_a_call_that_has_not_arrived_is_asked_for_again_with_the_tools(ask):
    filler = [f" Line {number}." for number in range(30)]
    turns = [
        ["It is green.", *filler, *CALL, ended("tool_calls")],
        [" Let me look.", *CALL, ended("tool_calls")],
    ]
    upstream = VerbatimModel(turns)
    model = StreamAlignedChat(upstream, BLUE, lookahead=0).bind_tools([look], tool_choice="look")
    message = ask(model, "Go on.")
    assert message.text == "It is blue. Let me look."
    assert message.tool_calls == CALLED
    assert [call.kwargs["tools"][0]["function"]["name"] for call in upstream.calls] == ["look", "look"]
    assert [call.kwargs["tool_choice"] for call in upstream.calls] == ["look", "look"]


def test_calls_of_a_restarted_reply_stay_apart(ask):
    turns = [
        ["It is green.", " More text follows here."],
        [" So.", *CALL, *call_deltas("find", "{}", id="call_2", index=1)],
    ]
    message = ask(StreamAlignedChat(VerbatimModel(turns), BLUE, lookahead=0), "Go on.")
    assert [call["name"] for call in message.tool_calls] == ["look", "find"]


@pytest.mark.parametrize("extras", [{"function_call": None}, {"tool_calls": []}])
def test_an_empty_mention_of_calls_is_no_call(ask, extras):
    turns = [[AIMessageChunk(content="It is green.", additional_kwargs=extras), " It rains."], [" It pours."]]
    assert ask(StreamAlignedChat(VerbatimModel(turns), BLUE), "Go on.").text == "It is blue. It pours."


def test_no_part_of_a_call_is_marked_as_the_last_chunk(collect):
    turn = ["Let me see.", *CALL, ended("tool_calls")]
    chunks = collect(StreamAlignedChat(VerbatimModel([turn]), AcceptAligner()), "Go on.")
    assert not [chunk for chunk in chunks if chunk.tool_call_chunks and chunk.chunk_position]
    assert len([chunk for chunk in chunks if chunk.tool_call_chunks]) == len(CALL)


async def test_version_3_events_make_no_invalid_calls():
    model = StreamAlignedChat(VerbatimModel([["Let me see.", *CALL, ended("tool_calls")]] * 2), BLUE)
    assert "invalid_tool_call" not in repr(list(model.stream_events("Go on.", version="v3")))
    stream = await model.astream_events("Go on.", version="v3")
    events = [event async for event in stream]
    assert "invalid_tool_call" not in repr(events)
    assert "call_1" in repr(events)


def test_tools_reach_the_upstream_as_it_formats_them(ask):
    upstream = ScriptedChatModel("It rains.")
    ask(
        StreamAlignedChat(upstream, AcceptAligner()).bind_tools([look], tool_choice="any", strict=True),
        "Go on.",
    )
    bare = ScriptedChatModel("It rains.")
    ask(bare.bind_tools([look], tool_choice="any", strict=True), "Go on.")
    assert upstream.calls[0].kwargs == bare.calls[0].kwargs


def test_tools_bound_inside_are_kept(ask):
    upstream = ScriptedChatModel("It is green. So.")
    ask(StreamAlignedChat(upstream.bind_tools([look]), BLUE), "Go on.")
    assert [len(call.kwargs["tools"]) for call in upstream.calls] == [1, 1]


def test_a_binding_inside_keeps_its_arguments_when_tools_are_bound(ask):
    upstream = ScriptedChatModel("It rains END and more.")
    model = StreamAlignedChat(upstream.bind(temperature=0.5, stop=["END"]), AcceptAligner()).bind_tools([look])
    assert ask(model, "Go on.").text.rstrip() == "It rains"
    assert upstream.calls[0].kwargs["temperature"] == 0.5
    assert upstream.calls[0].stop == ["END"]
    assert upstream.calls[0].kwargs["tools"]


def test_a_model_without_tools_refuses_them_as_it_does_bare():
    with pytest.raises(NotImplementedError):
        StreamAlignedChat(WholeModel(turns=[]), AcceptAligner()).bind_tools([look])


class Answer(BaseModel):
    """An answer."""

    text: str


class Recording(ToolModel):
    """Remember under which arguments tools were bound."""

    bound: list[dict[str, Any]] = Field(default_factory=list)

    def bind_tools(self, tools, **kwargs):
        self.bound.append(kwargs)
        return super().bind_tools(tools, **kwargs)


def strategy(model, recording):
    agent = create_agent(model, tools=[], response_format=Answer)
    state = agent.invoke({"messages": [("human", "Answer 'yes'.")]})
    assert state["structured_response"] == Answer(text="yes")
    return "response_format" in recording.bound[-1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"profile": {"structured_output": True}}, True), ({}, False), ({"model_name": "gpt-5"}, True)],
    ids=["by profile", "by tools", "by name"],
)
def test_an_agent_picks_the_strategy_that_it_picks_for_the_bare_model(options, expected):
    bare, inner = Recording(**options), Recording(**options)
    assert strategy(bare, bare) is expected
    assert strategy(StreamAlignedChat(inner, AcceptAligner()), inner) is expected


def test_the_profile_is_the_upstreams():
    profile = {"max_input_tokens": 1000, "structured_output": True}
    inner = ScriptedChatModel("", profile=profile)
    assert StreamAlignedChat(inner, AcceptAligner()).profile == profile
    assert StreamAlignedChat(inner.bind(stop=["x"]), AcceptAligner()).profile == profile


async def test_an_agent_runs_its_tools_and_ends_with_an_aligned_answer():
    model = StreamAlignedChat(ToolModel("The sky is green, so to say."), BLUE)
    agent = create_agent(model, tools=[look])
    asked = {"messages": [("human", "What is 'the sky' like?")]}
    for state in (agent.invoke(asked), await agent.ainvoke(asked)):
        assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
        assert state["messages"][2].content == "the sky is green"
        assert state["messages"][-1].text == "The sky is blue, so to say."


def test_a_tool_result_is_answered(ask):
    model = StreamAlignedChat(ToolModel("It is green."), BLUE).bind_tools([look])
    history = [("human", "Look."), AIMessage("", tool_calls=CALLED), ToolMessage("ok", tool_call_id="call_1")]
    assert ask(model, history).text == "It is blue."


def test_a_sentence_that_is_removed_before_a_call_leaves_the_call(ask):
    turn = ["Let me see.", *CALL, ended("tool_calls")]
    message = ask(StreamAlignedChat(VerbatimModel([turn]), ScriptedAligner([""])), "Go on.")
    assert message.text == ""
    assert message.tool_calls == CALLED


def test_streamed_deltas_of_a_call_add_up(collect):
    turn = ["It is green.", *CALL, ended("tool_calls")]
    assert total(collect(StreamAlignedChat(VerbatimModel([turn]), AcceptAligner()), "Go on.")).tool_calls == CALLED
