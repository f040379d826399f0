"""What is no prose: reasoning, refusals, images, content blocks and logprobs, also across a restart."""

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner
from tests.dropin.upstreams import VerbatimModel, WholeModel, ended

BLUE = ReplaceAligner(green="blue")


def block(index, **fields):
    return AIMessageChunk(content=[{**fields, "index": index}])


def reasoning(text):
    return AIMessageChunk(content="", additional_kwargs={"reasoning_content": text})


def logged(text):
    return AIMessageChunk(content=text, response_metadata={"logprobs": {"content": [{"token": text}]}})


THINKING = {
    "thinking": block(0, type="thinking", thinking="Secret."),
    "redacted": block(0, type="redacted_thinking", data="Secret."),
    "reasoning": block(0, type="reasoning", reasoning="Secret."),
    "summary": block(0, type="reasoning", summary=[{"type": "summary_text", "text": "Secret.", "index": 0}]),
    "bedrock": block(0, type="reasoning_content", reasoning_content={"text": "Secret.", "type": "text"}),
    "beside": reasoning("Secret."),
    "openrouter": AIMessageChunk(
        content="", additional_kwargs={"reasoning_details": [{"type": "reasoning.text", "text": "Secret."}]}
    ),
}


@pytest.mark.parametrize("form", THINKING)
def test_reasoning_passes_unaligned_by_default(ask, form):
    turn = [THINKING[form], block(1, type="text", text="It is green."), ended()]
    message = ask(StreamAlignedChat(VerbatimModel([turn, []]), BLUE), "Go on.")
    assert "Secret." in repr(message)
    assert message.text == "It is blue."


@pytest.mark.parametrize("form", THINKING)
def test_reasoning_is_withheld_where_it_shall_be(ask, form):
    turn = [THINKING[form], block(1, type="text", text="It is red."), ended()]
    message = ask(StreamAlignedChat(VerbatimModel([turn]), BLUE, reasoning="drop"), "Go on.")
    assert "Secret" not in repr(message)
    assert message.text == "It is red."
    assert message.usage_metadata["output_tokens"] == 5


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_reasoning_is_withheld_in_both_output_versions(ask, version):
    turn = [reasoning("Secret."), "It is red.", ended()]
    for inner, outer in (({"output_version": version}, {}), ({}, {"output_version": version})):
        model = StreamAlignedChat(VerbatimModel([turn], **inner), BLUE, reasoning="drop", **outer)
        message = ask(model, "Go on.")
        assert "Secret" not in repr(message)
        assert message.text == "It is red."


@pytest.mark.parametrize("where", ["wrapper", "upstream"])
def test_blocks_of_version_1_are_aligned_as_text_is(ask, where):
    inner, outer = ({}, {"output_version": "v1"}) if where == "wrapper" else ({"output_version": "v1"}, {})
    turns = [["It is green.", " It rains.", ended()], [" It pours.", ended()]]
    message = ask(StreamAlignedChat(VerbatimModel(turns, **inner), BLUE, lookahead=0, **outer), "Go on.")
    assert message.text == "It is blue. It pours."
    assert [one["type"] for one in message.content_blocks] == ["text"]
    assert isinstance(message.content, list)


def test_the_environment_may_ask_for_version_1(ask, monkeypatch):
    monkeypatch.setenv("LC_OUTPUT_VERSION", "v1")
    turns = [["It is green.", " It rains.", ended()], [" It pours.", ended()]]
    message = ask(StreamAlignedChat(VerbatimModel(turns), BLUE, lookahead=0), "Go on.")
    assert message.text == "It is blue. It pours."
    assert "green" not in repr(message)


def test_text_of_a_continuation_goes_on_in_the_block_that_was_begun(ask):
    one = [block(0, type="text", text="It is green."), block(0, type="text", text=" It rains."), ended()]
    two = [block(0, type="text", text=" It pours."), ended()]
    message = ask(StreamAlignedChat(VerbatimModel([one, two]), BLUE, lookahead=0), "Go on.")
    assert message.content == [{"type": "text", "text": "It is blue. It pours.", "index": 0}]


def test_blocks_of_a_continuation_get_places_of_their_own(ask):
    one = [
        block(0, type="thinking", thinking="One."),
        block(1, type="text", text="It is green."),
        block(1, type="text", text=" It rains."),
    ]
    two = [
        block(0, type="thinking", thinking="Two."),
        block(1, type="text", text=" It pours."),
        AIMessageChunk(
            content=[{"type": "tool_use", "id": "1", "name": "look", "input": {}, "index": 2}],
            tool_call_chunks=[{"name": "look", "args": "{}", "id": "1", "index": 2, "type": "tool_call_chunk"}],
        ),
        ended(),
    ]
    message = ask(StreamAlignedChat(VerbatimModel([one, two]), BLUE, lookahead=0), "Go on.")
    kinds = [one["type"] for one in message.content]
    assert kinds.count("thinking") == 2
    assert kinds[-1] == "tool_use"
    assert [one["thinking"] for one in message.content if one["type"] == "thinking"] == ["One.", "Two."]
    assert message.text == "It is blue. It pours."
    assert [call["name"] for call in message.tool_calls] == ["look"]


@pytest.mark.parametrize("aligner", [AcceptAligner(), BLUE])
def test_blocks_keep_their_order_when_they_come_one_by_one(ask, aligner):
    turn = [
        block(0, type="reasoning", reasoning="Hm."),
        block(1, type="text", text="Look."),
        block(2, type="image", url="http://127.0.0.1/a.png"),
        block(3, type="text", text="Nice."),
        block(4, type="refusal", refusal="No."),
        ended(),
    ]
    message = ask(StreamAlignedChat(VerbatimModel([turn]), aligner), "Go on.")
    assert [one["type"] for one in message.content] == ["reasoning", "text", "image", "text", "refusal"]


def test_a_replaced_text_keeps_its_place_among_the_blocks_of_a_whole_message(invoke):
    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "It is green."}]
    model = StreamAlignedChat(WholeModel(turns=[AIMessage(content), ""]), BLUE)
    message = invoke(model, "Go on.")
    assert [one["type"] for one in message.content] == ["thinking", "text"]
    assert message.text == "It is blue."


def test_neighbouring_blocks_are_not_run_together(ask):
    turn = [block(0, type="text", text="It is green."), block(1, type="text", text="It rains."), ended()]
    message = ask(StreamAlignedChat(VerbatimModel([turn]), AcceptAligner()), "Go on.")
    assert [one["text"] for one in message.content] == ["It is green.", "It rains."]


def test_extras_before_blocks_leave_no_empty_text_behind(ask):
    turn = [
        AIMessageChunk(content=[{"type": "text", "text": "It rains.", "index": 0}], additional_kwargs={"extra": 1}),
        ended(),
    ]
    message = ask(StreamAlignedChat(VerbatimModel([turn]), AcceptAligner()), "Go on.")
    assert message.content == [{"type": "text", "text": "It rains.", "index": 0}]


def test_a_refusal_beside_the_text_passes(ask):
    turn = [AIMessageChunk(content="", additional_kwargs={"refusal": "I will not."}), ended()]
    assert ask(StreamAlignedChat(VerbatimModel([turn]), BLUE), "Go on.").additional_kwargs["refusal"] == "I will not."


def test_logprobs_of_replaced_text_are_dropped_and_of_accepted_text_kept(ask):
    one = [logged("It"), logged(" rains."), logged(" Leaves"), logged(" are"), logged(" green."), ended()]
    two = [logged(" So"), logged(" there."), ended()]
    message = ask(StreamAlignedChat(VerbatimModel([one, two]), BLUE), "Go on.")
    assert message.text == "It rains. Leaves are blue. So there."
    tokens = [entry["token"] for entry in message.response_metadata["logprobs"]["content"]]
    assert tokens == ["It", " rains.", " So", " there."]


def test_logprobs_reach_the_chunk_of_their_sentence(collect):
    turn = [logged("It"), logged(" rains."), logged(" So"), logged(" there."), ended()]
    chunks = collect(StreamAlignedChat(VerbatimModel([turn]), AcceptAligner()), "Go on.")
    found = [
        len(chunk.response_metadata["logprobs"]["content"]) for chunk in chunks if "logprobs" in chunk.response_metadata
    ]
    assert found == [2, 2]
