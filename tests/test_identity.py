"""Promise 2: with an aligner that accepts everything the reply is the bare model's, from one upstream call."""

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ScriptedChatModel
from tests.texts import chunked

GRANULARITIES = st.sampled_from(["sentence", "paragraph", "response"])


def chunks_of(texts):
    return [AIMessageChunk(content=text) for text in texts]


@seed(20261121)
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=chunked(), lookahead=st.integers(0, 3), granularity=GRANULARITIES)
def test_an_accepted_reply_is_byte_identical_and_takes_one_call(collect, case, lookahead, granularity):
    text, chunks = case
    upstream = ScriptedChatModel([chunks_of(chunks)])
    chat = StreamAlignedChat(upstream, AcceptAligner(), lookahead=lookahead, granularity=granularity)
    assert "".join(chunk.text for chunk in collect(chat, "Go on.")) == text
    assert len(upstream.calls) == 1


@seed(20261122)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    case=chunked(),
    skip=st.sets(st.sampled_from(["code", "math", "table", "rule", "heading", "item", "prose"])),
)
def test_what_is_skipped_does_not_change_an_accepted_reply(collect, case, skip):
    text, chunks = case
    chat = StreamAlignedChat(ScriptedChatModel([chunks_of(chunks)]), AcceptAligner(), skip=skip)
    assert "".join(chunk.text for chunk in collect(chat, "Go on.")) == text


@seed(20261123)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=chunked())
def test_content_blocks_stay_content_blocks(collect, case):
    text, chunks = case
    script = [AIMessageChunk(content=[{"type": "text", "text": chunk, "index": 0}]) for chunk in chunks]
    chat = StreamAlignedChat(ScriptedChatModel([script]), AcceptAligner())
    received = collect(chat, "Go on.")
    message = received[0]
    for chunk in received[1:]:
        message += chunk
    assert message.content == [{"type": "text", "text": text, "index": 0}]


@pytest.mark.parametrize("text", ["No stop at all", " ", "\n\n", "One.", "One. ", "\n One.\n\n", "```\ncode"])
def test_small_replies_are_identical(collect, text):
    chat = StreamAlignedChat(ScriptedChatModel([chunks_of([text])]), AcceptAligner())
    assert "".join(chunk.text for chunk in collect(chat, "Go on.")) == text
