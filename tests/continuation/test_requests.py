"""What a request is made of: messages, roles and keyword arguments, without any provider."""

import copy
from itertools import pairwise

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI

from stream_aligner_lc.continuation import choose_continuation

CALL = AIMessage("Let me see.", tool_calls=[{"name": "look", "args": {}, "id": "1"}])
HISTORIES: dict[str, list[BaseMessage]] = {
    "a question": [HumanMessage("Why?")],
    "a system message": [SystemMessage("Be brief."), HumanMessage("Why?")],
    "a tool result": [HumanMessage("Why?"), CALL, ToolMessage("So.", tool_call_id="1")],
    "two tool results": [
        HumanMessage("Why?"),
        CALL,
        ToolMessage("a", tool_call_id="1"),
        ToolMessage("b", tool_call_id="2"),
    ],
    "an assistant message": [HumanMessage("Why?"), AIMessage("Well,")],
    "a second turn": [HumanMessage("Why?"), AIMessage("So."), HumanMessage("And?")],
}
NAMES = ["prefill", "vllm", "prefix-flag", "chat-template", "instruct"]
OPENAI = ChatOpenAI(model="m", api_key="k", base_url="http://127.0.0.1:1/v1")


def request(name, messages, prefix, **kwargs):
    llm = OPENAI if name == "vllm" else FakeListChatModel(responses=[])
    return choose_continuation(llm, name).request(messages, prefix, kwargs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("history", HISTORIES)
def test_the_history_stays_and_the_last_assistant_turn_ends_with_the_prefix(name, history):
    messages = HISTORIES[history]
    sent = request(name, messages, "It rains.").messages
    begun = history == "an assistant message"
    kept = messages[:-1] if begun else messages
    assert sent[: len(kept)] == kept
    assert sent[len(kept)].type == "ai"
    assert sent[len(kept)].text.endswith("It rains.")
    assert [message.type for message in sent[len(kept) + 1 :]] == ["human"] * (name == "instruct")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("history", HISTORIES)
def test_no_two_neighbours_are_both_assistant_or_both_user(name, history):
    types = [message.type for message in request(name, HISTORIES[history], "It rains.").messages]
    assert all(one != other or one == "tool" for one, other in pairwise(types))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("history", HISTORIES)
def test_neither_messages_nor_kwargs_of_the_caller_are_changed(name, history):
    messages, kwargs = copy.deepcopy(HISTORIES[history]), {"extra_body": {"a": 1}, "stop": ["x"]}
    sent = request(name, messages, "It rains.", **kwargs)
    sent.messages.clear()
    assert messages == HISTORIES[history]
    assert kwargs == {"extra_body": {"a": 1}, "stop": ["x"]}
    assert sent.kwargs["stop"] == ["x"]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_prefix_asks_as_the_bare_model_would(name):
    sent = request(name, HISTORIES["an assistant message"], "", extra_body={"a": 1})
    assert sent.messages == HISTORIES["an assistant message"]
    assert sent.kwargs == {"extra_body": {"a": 1}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Well,", "Well, it rains."),
        ([{"type": "text", "text": "Well,"}], [{"type": "text", "text": "Well, it rains."}]),
        (["Well,"], ["Well, it rains."]),
        (
            [{"type": "image", "url": "http://a"}],
            [{"type": "image", "url": "http://a"}, {"type": "text", "text": " it rains."}],
        ),
        ([], [{"type": "text", "text": " it rains."}]),
    ],
)
def test_a_begun_turn_keeps_the_shape_of_its_content(content, expected):
    begun = AIMessage(content, id="a", additional_kwargs={"kept": 1})
    (last,) = request("prefix-flag", [begun], " it rains.").messages
    assert (last.content, last.id) == (expected, "a")
    assert last.additional_kwargs == {"kept": 1, "prefix": True}


def test_an_instruction_puts_a_reply_after_a_finished_turn_in_a_paragraph_of_its_own():
    begun = [HumanMessage("Why?"), AIMessage("It is over.")]
    assert request("instruct", begun, "It rains.").messages[1].text == "It is over.\n\nIt rains."
    assert request("prefill", begun, "It rains.").messages[1].text == "It is over.It rains."


def test_an_empty_begun_turn_is_filled_without_a_gap():
    assert request("instruct", [HumanMessage("Why?"), AIMessage("")], "It rains.").messages[1].text == "It rains."


def test_a_turn_that_calls_tools_is_left_alone():
    sent = request("prefill", [HumanMessage("Why?"), CALL], "It rains.").messages
    assert sent[1:] == [CALL, AIMessage("It rains.")]


def test_a_local_template_is_told_to_stay_open():
    assert request("chat-template", [], "It rains.").kwargs == {"continue_final_message": True}


def test_equal_strategies_compare_equal_and_others_do_not():
    fake = FakeListChatModel(responses=[])
    chosen = [choose_continuation(fake, name) for name in NAMES]
    again = [choose_continuation(fake, name) for name in NAMES]
    assert chosen == again
    assert len(set(chosen)) == len(NAMES)
