"""What comes out of a stream: aligned sentences, one chunk each, with ids, usage and metadata as of one model."""

import time

import pytest
from langchain_core.messages import AIMessageChunk

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.dropin.upstreams import VerbatimModel, ended, total

TEXT = "The sky is green. Grass is green too. It rains."
ALIGNED = "The sky is blue. Grass is blue too. It rains."


def pause():
    """Give the upstream time to finish."""
    time.sleep(0.05)


def aligned(text=TEXT, **options):
    return StreamAlignedChat(ScriptedChatModel(text), ReplaceAligner(green="blue"), **options)


def test_the_aligner_is_applied_in_every_way_of_asking(ask):
    assert ask(aligned(), "Go on.").text == ALIGNED


async def test_the_aligner_is_applied_to_batches():
    model = aligned()
    assert [message.text for message in model.batch(["a", "b", "c"])] == [ALIGNED] * 3
    assert [message.text for message in await model.abatch(["a", "b", "c"])] == [ALIGNED] * 3
    assert sorted(index for index, _ in model.batch_as_completed(["a", "b"])) == [0, 1]


async def test_a_sync_call_works_inside_a_running_event_loop():
    model = aligned()
    assert model.invoke("Go on.").text == ALIGNED
    assert "".join(chunk.text for chunk in model.stream("Go on.")) == ALIGNED


def test_raw_text_is_in_no_chunk(collect):
    assert not [chunk for chunk in collect(aligned(), "Go on.") if "green" in repr(chunk)]


def test_every_sentence_is_a_chunk_of_its_own(collect):
    texts = [chunk.text for chunk in collect(aligned(), "Go on.") if chunk.text]
    assert texts == ["The sky is blue.", " Grass is blue too.", " It rains."]


def test_all_chunks_of_a_reply_have_one_id_and_two_replies_have_two(collect):
    model = aligned()
    first, second = collect(model, "Go on."), collect(model, "Go on.")
    assert [len({chunk.id for chunk in reply}) for reply in (first, second)] == [1, 1]
    assert first[0].id
    assert first[0].id != second[0].id


def test_the_last_chunk_is_empty_and_the_only_one_that_is_marked(collect):
    chunks = collect(aligned(), "Go on.")
    assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]
    assert not chunks[-1].content


def test_usage_is_on_one_chunk_and_counts_every_call(collect):
    rest = [f" Line {number}." for number in range(9)]
    turns = [
        ["The sky is green.", *rest, ended(read=10, wrote=4)],
        [" Grass is green.", *rest, ended(read=20, wrote=6)],
        [" It rains.", ended(read=30, wrote=8)],
    ]
    chunks = collect(StreamAlignedChat(VerbatimModel(turns), ReplaceAligner(green="blue"), lookahead=0), "Go on.")
    (usage,) = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    # A call that was closed before it reported is estimated.
    assert usage["input_tokens"] > 30
    assert usage["output_tokens"] > 8
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_usage_of_calls_that_all_ended_by_themselves_is_exactly_their_sum(ask):
    details = {"input_token_details": {"cache_read": 2}, "output_token_details": {"reasoning": 1}}
    one = ended(read=10, wrote=4).model_copy(
        update={"usage_metadata": {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14, **details}}
    )
    two = ended(read=20, wrote=6).model_copy(
        update={"usage_metadata": {"input_tokens": 20, "output_tokens": 6, "total_tokens": 26, **details}}
    )
    turns = [["It rains. The sky is green", one], [" It pours.", two]]
    message = ask(StreamAlignedChat(VerbatimModel(turns), ReplaceAligner(green="blue.")), "Go on.")
    assert message.text == "It rains. The sky is blue. It pours."
    assert message.usage_metadata == {
        "input_tokens": 30,
        "output_tokens": 10,
        "total_tokens": 40,
        "input_token_details": {"cache_read": 4},
        "output_token_details": {"reasoning": 2},
    }


def test_usage_in_parts_is_summed_as_langchain_sums_it(ask):
    start = AIMessageChunk(content="", usage_metadata={"input_tokens": 7, "output_tokens": 0, "total_tokens": 7})
    turn = [start, "It rains.", ended(read=0, wrote=3)]
    bare = ask(VerbatimModel([turn]), "Go on.").usage_metadata
    assert ask(StreamAlignedChat(VerbatimModel([turn]), AcceptAligner()), "Go on.").usage_metadata == bare


def test_an_upstream_that_reports_no_usage_gets_none(ask):
    model = StreamAlignedChat(ScriptedChatModel(TEXT, usage=False), AcceptAligner())
    assert ask(model, "Go on.").usage_metadata is None


def test_what_a_provider_reported_of_a_reply_that_is_cut_short_is_not_lost(ask):
    start = AIMessageChunk(content="", usage_metadata={"input_tokens": 7, "output_tokens": 0, "total_tokens": 7})
    turn = [start, "It rains.", *(f" Line {number}." for number in range(20)), ended(read=0)]
    model = StreamAlignedChat(VerbatimModel([turn]), AcceptAligner(), max_sentences=1)
    usage = ask(model, "Go on.").usage_metadata
    assert usage is not None
    assert usage["input_tokens"] >= 7


def test_response_metadata_is_not_doubled_over_chunks_and_calls(ask):
    turns = [
        ["The sky is green.", ended(system_fingerprint="fp", service_tier="default")],
        [" It rains.", ended(system_fingerprint="fp", service_tier="default")],
    ]
    message = ask(StreamAlignedChat(VerbatimModel(turns), ReplaceAligner(green="blue")), "Go on.")
    metadata = message.response_metadata
    assert (metadata["finish_reason"], metadata["model_name"]) == ("stop", "m")
    assert (metadata["system_fingerprint"], metadata["service_tier"]) == ("fp", "default")


def test_the_model_is_named_even_if_the_upstream_does_not(ask):
    model = StreamAlignedChat(VerbatimModel([["It rains."]], model_name="named"), AcceptAligner())
    assert ask(model, "Go on.").response_metadata["model_name"] == "named"


def test_the_report_tells_what_happened(ask):
    report = ask(aligned(), "Go on.").response_metadata["stream_aligner"]
    assert report["sentences"] == {"replaced": 2, "accepted": 1}
    assert (report["upstream_calls"], report["restarts"]) == (3, 2)
    assert report["aligner"] == "replace"


@pytest.mark.parametrize("text", ["The sky is green. ", "The sky is green.\n", "It rains. The sky is green.\n\n"])
def test_the_whitespace_at_the_end_of_a_reply_is_not_doubled_by_a_restart(ask, text):
    reply = ask(aligned(text), "Go on.").text
    assert reply in (text.replace("green", "blue"), text.replace("green", "blue").rstrip())


@pytest.mark.parametrize("rest", [" ", "\n"])
def test_a_continuation_of_nothing_but_whitespace_adds_no_more_than_itself(ask, rest):
    upstream = VerbatimModel([["The sky is green.", rest, ended()], [rest, ended()]])
    model = StreamAlignedChat(upstream, ScriptedAligner([lambda draft: pause() or "The sky is blue."]))
    assert ask(model, "Go on.").text in ("The sky is blue.", "The sky is blue." + rest)


def test_without_streaming_the_reply_comes_in_one_chunk(collect):
    assert [chunk.text for chunk in collect(aligned(streaming=False), "Go on.")] == [ALIGNED]
    assert [chunk.text for chunk in collect(aligned(disable_streaming=True), "Go on.")] == [ALIGNED]


def test_a_removed_reply_is_an_empty_message(ask):
    model = StreamAlignedChat(ScriptedChatModel("It rains."), ScriptedAligner([""]))
    message = ask(model, "Go on.")
    assert message.text == ""
    assert message.response_metadata["stream_aligner"]["sentences"] == {"removed": 1}


def test_chunks_add_up_to_what_invoke_returns(collect):
    model = aligned()
    streamed, invoked = total(collect(model, "Go on.")), model.invoke("Go on.")
    assert streamed.content == invoked.content
    assert streamed.response_metadata.keys() == invoked.response_metadata.keys()
