"""With an aligner that accepts everything a reply is the bare model's in every field, over many scripted turns."""

import pytest
from langchain_core.language_models import (
    FakeListChatModel,
    FakeMessagesListChatModel,
    GenericFakeChatModel,
    ParrotFakeChatModel,
)
from langchain_core.messages import AIMessage, AIMessageChunk

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedChatModel
from tests.dropin.upstreams import VerbatimModel, WholeModel, call_deltas, ended, invoke_sync, without_report


def text_block(text, index=0, **more):
    return AIMessageChunk(content=[{"type": "text", "text": text, "index": index, **more}])


def block(index=0, **fields):
    return AIMessageChunk(content=[{**fields, "index": index}])


def extra(**fields):
    return AIMessageChunk(content="", additional_kwargs=fields)


def logged(text, token=None, **more):
    entry = {"content": [{"token": token or text, "logprob": -0.1}], **more}
    return AIMessageChunk(content=text, response_metadata={"logprobs": entry})


CALL = call_deltas("look", '{"at": ', '"the sky"}')
TURNS = {
    "prose": ["It rains. ", "It po", "urs.\n\n", "- one\n- two\n", ended()],
    "nothing": [ended()],
    "whitespace": ["\n", " ", ended()],
    "only a call": [*CALL, ended("tool_calls")],
    "text and a call": ["Let me ", "see. One moment.", *CALL, ended("tool_calls")],
    "text after a call": ["See.", *CALL, " Then this.", ended("tool_calls")],
    "two calls": [*CALL, *call_deltas("find", "{}", id="call_2", index=1), ended("tool_calls")],
    "reasoning beside the text": [
        extra(reasoning_content="Hm. "),
        extra(reasoning_content="So."),
        "It rains.",
        ended(),
    ],
    "a refusal beside the text": [extra(refusal="I can"), extra(refusal="not."), ended()],
    "thinking blocks": [
        block(type="thinking", thinking="Hm. "),
        block(type="thinking", thinking="So."),
        block(type="thinking", signature="abc="),
        text_block("It rains. ", 1),
        text_block("It pours.", 1),
        AIMessageChunk(
            content=[{"type": "tool_use", "id": "call_1", "name": "look", "input": {}, "index": 2}],
            tool_call_chunks=CALL[0].tool_call_chunks,
        ),
        AIMessageChunk(
            content=[{"type": "input_json_delta", "partial_json": '{"at": 1}', "index": 2}],
            tool_call_chunks=[{"name": None, "args": '{"at": 1}', "id": None, "index": 0, "type": "tool_call_chunk"}],
        ),
        ended("tool_use"),
    ],
    "an image between texts": [
        text_block("Look. Here", 0),
        block(1, type="image", url="http://127.0.0.1/a.png"),
        text_block("Nice. Is it?", 2),
        ended(),
    ],
    "citations": [
        text_block("It rains. ", 0),
        text_block("", 0, citations=[{"cited_text": "rain"}]),
        text_block("It pours.", 0),
        ended(),
    ],
    "two text blocks": [text_block("It rains.", 0), text_block("It pours. And so.", 1), ended()],
    "logprobs": [logged("It"), logged(" rains."), logged(" So."), ended()],
    "logprobs as OpenAI sends them": [logged("It", refusal=None), logged(" rains.", refusal=None), ended()],
    "logprobs of a token without text": [logged("It"), logged("", "half"), logged(" rains."), ended()],
    "a provider in every chunk": [
        AIMessageChunk(content="It rains. ", response_metadata={"model_provider": "openai"}),
        AIMessageChunk(content="It pours.", response_metadata={"model_provider": "openai"}),
        ended(),
    ],
    "a cut-off reply": ["It rains. It po", ended("length")],
    "a filtered reply": ["It rains.", ended("content_filter", prompt_filter_results=[{"hate": "low"}])],
    "a call that does not parse": [*call_deltas("look", '{"at": "the'), ended("length")],
}
WHOLE = {
    "prose": AIMessage("It rains. It pours.", response_metadata={"finish_reason": "stop"}),
    "text and a call": AIMessage("Let me see.", tool_calls=[{"name": "look", "args": {"at": 1}, "id": "1"}]),
    "reasoning": AIMessage("It rains. So.", additional_kwargs={"reasoning_content": "Hm. So."}),
    "one text block": AIMessage([{"type": "text", "text": "It rains. It pours."}]),
    "thinking, text, call": AIMessage(
        [
            {"type": "thinking", "thinking": "Hm.", "signature": "abc="},
            {"type": "text", "text": "It rains."},
            {"type": "tool_use", "id": "1", "name": "look", "input": {"at": 1}},
        ],
        tool_calls=[{"name": "look", "args": {"at": 1}, "id": "1"}],
    ),
    "text, image, text": AIMessage(
        [
            {"type": "text", "text": "It rains."},
            {"type": "image", "url": "http://127.0.0.1/a.png"},
            {"type": "text", "text": "It pours."},
        ]
    ),
}


def unnumbered(blocks):
    """Return blocks without their places in a stream, which `invoke` has or has not depending on the model."""
    if isinstance(blocks, dict):
        return {key: unnumbered(value) for key, value in blocks.items() if key != "index"}
    return [unnumbered(block) for block in blocks] if isinstance(blocks, list) else blocks


def check(aligned, bare):
    assert type(aligned) is type(bare)
    assert aligned.content == bare.content
    assert aligned.tool_calls == bare.tool_calls
    assert aligned.invalid_tool_calls == bare.invalid_tool_calls
    assert aligned.additional_kwargs == bare.additional_kwargs
    assert aligned.usage_metadata == bare.usage_metadata
    metadata = without_report(aligned.response_metadata)
    if "model_name" not in bare.response_metadata:
        del metadata["model_name"]
    assert metadata == bare.response_metadata


@pytest.mark.parametrize("turn", TURNS)
def test_an_accepted_message_is_the_bare_models(ask, turn):
    model = VerbatimModel([TURNS[turn]])
    check(ask(StreamAlignedChat(model, AcceptAligner()), "Go on."), ask(VerbatimModel([TURNS[turn]]), "Go on."))
    assert len(model.calls) == 1


@pytest.mark.parametrize("turn", [turn for turn in TURNS if turn != "thinking blocks"])
@pytest.mark.parametrize("where", ["wrapper", "upstream"])
def test_content_blocks_of_version_1_are_the_bare_models(ask, turn, where):
    bare = [way(VerbatimModel([TURNS[turn]], output_version="v1"), "Go on.") for way in (ask, invoke_sync)]
    version = {"output_version": "v1"}
    inner, outer = ({}, version) if where == "wrapper" else (version, {})
    aligned = ask(StreamAlignedChat(VerbatimModel([TURNS[turn]], **inner), AcceptAligner(), **outer), "Go on.")
    # LangChain itself runs a streamed text and a streamed call together; `invoke` does not, but moves text that
    # follows a call before it. Both forms are fine, and so is the order in which the upstream said it.
    in_order = sorted(unnumbered(bare[1].content_blocks), key=lambda block: block.get("type") != "text")
    blocks = unnumbered(aligned.content_blocks)
    said = [{"type": "text", "text": aligned.text}, *(block for block in blocks if block["type"] != "text")]
    assert blocks in [unnumbered(each.content_blocks) for each in bare] or said == in_order
    assert aligned.text == bare[0].text
    assert aligned.tool_calls == bare[0].tool_calls
    assert aligned.usage_metadata == bare[0].usage_metadata


@pytest.mark.parametrize("turn", WHOLE)
def test_an_accepted_message_of_a_model_without_streaming_is_the_bare_models(invoke, turn):
    bare = invoke(WholeModel(turns=[WHOLE[turn]]), "Go on.")
    check(invoke(StreamAlignedChat(WholeModel(turns=[WHOLE[turn]]), AcceptAligner()), "Go on."), bare)


@pytest.mark.parametrize("aligner", [AcceptAligner(), ReplaceAligner(rains="pours")])
def test_a_call_that_a_provider_could_not_parse_never_becomes_one_that_runs(invoke, aligner):
    broken = {"name": "look", "args": '{"at": ', "id": "1", "error": None}
    model = WholeModel(turns=[AIMessage("It rains.", invalid_tool_calls=[broken])])
    message = invoke(StreamAlignedChat(model, aligner), "Go on.")
    assert message.tool_calls == []
    assert [call["name"] for call in message.invalid_tool_calls] == ["look"]


@pytest.mark.parametrize("turn", ["prose", "text and a call", "thinking blocks", "an image between texts"])
def test_an_upstream_told_not_to_stream_keeps_the_order_of_its_content(invoke, turn):
    bare = invoke(VerbatimModel([TURNS[turn]], disable_streaming=True), "Go on.")
    model = StreamAlignedChat(VerbatimModel([TURNS[turn]], disable_streaming=True), AcceptAligner())
    check(invoke(model, "Go on."), bare)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GenericFakeChatModel(messages=iter(["It rains. It pours."])),
        lambda: FakeListChatModel(responses=["It rains. It pours."]),
        lambda: FakeMessagesListChatModel(responses=[AIMessage("It rains. It pours.")]),
        lambda: ScriptedChatModel("It rains. It pours.", chunking=3),
    ],
    ids=["generic", "list", "messages", "scripted"],
)
def test_langchains_fakes_are_upstreams(ask, make):
    bare = ask(make(), "Go on.")
    aligned = ask(StreamAlignedChat(make(), AcceptAligner()), "Go on.")
    assert aligned.content == bare.content
    assert aligned.usage_metadata == bare.usage_metadata


def test_a_parrot_is_an_upstream(invoke):
    assert invoke(StreamAlignedChat(ParrotFakeChatModel(), AcceptAligner()), "It rains. So.").text == "It rains. So."


def test_a_generic_fake_that_calls_functions_passes_them(ask):
    message = AIMessage("Let me see.", additional_kwargs={"function_call": {"name": "look", "arguments": '{"at":1}'}})
    bare = ask(GenericFakeChatModel(messages=iter([message])), "Go on.")
    aligned = ask(StreamAlignedChat(GenericFakeChatModel(messages=iter([message])), AcceptAligner()), "Go on.")
    assert aligned.additional_kwargs == bare.additional_kwargs


def test_a_model_around_another_aligned_model_accepts_alike(ask):
    inner = StreamAlignedChat(ScriptedChatModel("It rains. It pours."), AcceptAligner())
    outer = StreamAlignedChat(inner, AcceptAligner(), continuation="prefill")
    assert ask(outer, "Go on.").text == "It rains. It pours."
