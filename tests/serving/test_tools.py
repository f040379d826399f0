"""Tools through the server: calls whole and in pieces, their results back in, and the text beside them."""

import json

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk

from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
from tests.limits.provider import Delta, FaultyProvider, Finish
from tests.serving.conftest import ASK

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def calls_of(provider_delta):
    return Delta({"tool_calls": [provider_delta]})


def pieces():
    """A call as providers stream it, at an index that is a content block's."""
    return [
        AIMessageChunk("", tool_call_chunks=[tool_call_chunk(name="weather", args="", id="c1", index=1)]),
        AIMessageChunk("", tool_call_chunks=[tool_call_chunk(args='{"city": ', index=1)]),
        AIMessageChunk("", tool_call_chunks=[tool_call_chunk(args='"Bern"}', index=1)]),
        AIMessageChunk("", tool_call_chunks=[tool_call_chunk(name="weather", args="{}", id="c2", index=2)]),
    ]


def test_a_whole_reply_holds_its_calls_and_the_aligned_text_before_them(serve):
    served = serve(ScriptedChatModel([["I look, bad boy.", *pieces()], pieces()]), ReplaceAligner({"bad": "good"}))
    choice = served.client().chat.completions.create(**ASK, tools=[TOOL]).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "I look, good boy."
    assert [
        (call.id, call.type, call.function.name, call.function.arguments) for call in choice.message.tool_calls
    ] == [
        ("c1", "function", "weather", '{"city": "Bern"}'),
        ("c2", "function", "weather", "{}"),
    ]


def test_a_reply_of_nothing_but_a_call_has_no_content(serve):
    choice = serve(ScriptedChatModel([pieces()])).client().chat.completions.create(**ASK, tools=[TOOL]).choices[0]
    assert choice.message.content is None
    assert len(choice.message.tool_calls) == 2


def test_streamed_calls_are_numbered_from_nought_and_name_themselves_once(serve):
    served = serve(ScriptedChatModel([["Well, I look.", *pieces()]]))
    *chunks, last = served.client().chat.completions.create(**ASK, tools=[TOOL], stream=True)
    found = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert [(call.index, call.id, call.function.name) for call in found] == [
        (0, "c1", "weather"),
        (0, None, None),
        (0, None, None),
        (1, "c2", "weather"),
    ]
    assert json.loads("".join(call.function.arguments for call in found if call.index == 0)) == {"city": "Bern"}
    assert last.choices[0].finish_reason == "tool_calls"


def test_the_clients_own_helper_adds_a_streamed_call_up(serve):
    served = serve(ScriptedChatModel([pieces()]))
    with served.client().chat.completions.stream(**ASK, tools=[TOOL]) as events:
        message = events.get_final_completion().choices[0].message
    assert message.tool_calls[0].function.arguments == '{"city": "Bern"}'


def test_calls_that_come_whole_and_without_a_place_stay_apart(serve):
    calls = [{"name": "weather", "args": {"city": city}, "id": city} for city in ("Bern", "Rom")]
    served = serve(ScriptedChatModel([AIMessage("", tool_calls=calls)] * 2))
    made = served.client().chat.completions.create(**ASK, tools=[TOOL]).choices[0].message.tool_calls
    assert [(call.id, json.loads(call.function.arguments)) for call in made] == [
        ("Bern", {"city": "Bern"}),
        ("Rom", {"city": "Rom"}),
    ]
    chunks = served.client().chat.completions.create(**ASK, tools=[TOOL], stream=True)
    found = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert [(call.index, call.id) for call in found] == [(0, "Bern"), (1, "Rom")]


def test_the_round_trip_of_a_tool(serve):
    upstream = ScriptedChatModel([pieces()[:3], "It is bad weather.", ""])
    served = serve(upstream, ReplaceAligner({"bad": "good"}))
    create = served.client().chat.completions.create
    called = create(**ASK, tools=[TOOL]).choices[0].message
    answered = [
        *ASK["messages"],
        called.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    said = create(model="m", messages=answered, tools=[TOOL]).choices[0].message.content
    assert said == "It is good weather."
    _, assistant, tool = upstream.prompts[1]
    assert [(call["id"], call["name"], call["args"]) for call in assistant.tool_calls] == [
        ("c1", "weather", {"city": "Bern"})
    ]
    assert (tool.type, tool.tool_call_id, tool.text) == ("tool", "c1", "rain")


def test_a_call_whose_arguments_are_no_json_may_stand_in_the_conversation(serve):
    upstream = ScriptedChatModel("Sorry.")
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{oops"}}
    messages = [*ASK["messages"], {"role": "assistant", "content": None, "tool_calls": [call]}]
    messages.append({"role": "tool", "tool_call_id": "c", "content": "no JSON"})
    serve(upstream).client().chat.completions.create(model="m", messages=messages)
    assert [(call["id"], call["args"]) for call in upstream.prompts[0][1].invalid_tool_calls] == [("c", "{oops")]


@pytest.mark.parametrize(
    ("choice", "bound"),
    [
        ("auto", None),
        ("required", "any"),
        ("none", "none"),
        ({"type": "function", "function": {"name": "weather"}}, "weather"),
    ],
)
def test_the_choice_of_a_tool_is_passed_on(serve, choice, bound):
    upstream = ScriptedChatModel("Yes.")
    serve(upstream).client().chat.completions.create(**ASK, tools=[TOOL], tool_choice=choice)
    assert upstream.calls[0].kwargs.get("tool_choice") == bound
    assert upstream.calls[0].kwargs["tools"] == [TOOL]


def test_through_a_real_provider_tools_stay_what_they_were(serve):
    call = {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Bern"}'},
    }
    script = ["I look. ", calls_of(call), Finish("tool_calls")]
    with FaultyProvider(script) as provider:
        served = serve(provider.chat(), continuation="prefill")
        choice = served.client().chat.completions.create(**ASK, tools=[TOOL], tool_choice="required").choices[0]
    assert choice.message.content.strip() == "I look."
    assert choice.message.tool_calls[0].function.arguments == '{"city": "Bern"}'
    assert choice.finish_reason == "tool_calls"
