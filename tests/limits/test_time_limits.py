"""`reply_timeout` and `upstream_timeout`: whoever is slow, the reader has what was released, and nothing raw."""

import threading
import time
from types import SimpleNamespace

import pytest

from stream_aligner_lc import AcceptAligner, StreamAlignedChat, UpstreamError, build_graph, pacing
from stream_aligner_lc.aligners import Aligner
from stream_aligner_lc.faults import StallError
from stream_aligner_lc.testing import ScriptedChatModel


class GoneError(Exception):
    """A provider that is not there."""

    status_code = 503


class Slow(Aligner):
    """Takes its time with the second sentence, until it is told to give up."""

    def __init__(self):
        self.cancelled = threading.Event()

    def invoke(self, input, config=None, **kwargs):
        if input.index:
            self.cancelled.wait(20)
        return input.text

    def cancel(self, draft):
        self.cancelled.set()


def text_of(chunks):
    return "".join(chunk.text for chunk in chunks)


def test_an_aligner_that_is_slow_is_told_to_give_up_when_the_replys_time_is_over(collect, left):
    aligner = Slow()
    chat = StreamAlignedChat(ScriptedChatModel("One. Two. Three."), aligner, reply_timeout=4)
    chunks = collect(chat, "Go on.")
    assert text_of(chunks) == "One."
    assert chunks[-1].response_metadata["finish_reason"] == "timeout"
    assert aligner.cancelled.is_set()
    assert left.threads() == []


def test_the_end_of_the_replys_time_is_no_fault_of_the_aligner(collect):
    options = {"reply_timeout": 4, "aligner_timeout": 15, "on_aligner_error": "keep"}
    chunks = collect(StreamAlignedChat(ScriptedChatModel("One. Two."), Slow(), **options), "Go on.")
    assert text_of(chunks) == "One."
    assert chunks[-1].response_metadata["finish_reason"] == "timeout"


def test_no_retry_waits_longer_than_the_reply_may(collect):
    upstream = ScriptedChatModel([["One. Two", GoneError()], *[GoneError()] * 50])
    chunks = collect(StreamAlignedChat(upstream, AcceptAligner(), upstream_retries=40, reply_timeout=4), "Go on.")
    assert text_of(chunks) == "One."
    assert chunks[-1].response_metadata["finish_reason"] == "timeout"


def test_a_reply_that_is_whole_in_time_ends_as_the_upstream_ends_it(collect):
    chat = StreamAlignedChat(ScriptedChatModel("One. Two."), AcceptAligner(), reply_timeout=100, upstream_timeout=100)
    chunks = collect(chat, "Go on.")
    assert text_of(chunks) == "One. Two."
    assert chunks[-1].response_metadata.get("finish_reason") != "timeout"


def test_a_reply_of_which_nothing_was_released_in_time_is_empty(collect):
    upstream = ScriptedChatModel("One. Two.", delay=5)
    chunks = collect(StreamAlignedChat(upstream, AcceptAligner(), reply_timeout=0.2), "Go on.")
    assert text_of(chunks) == ""
    assert chunks[-1].response_metadata["finish_reason"] == "timeout"


def test_a_graph_has_the_same_limits():
    graph = build_graph(ScriptedChatModel("One. Two.", delay=5), AcceptAligner(), reply_timeout=0.2)
    assert graph.invoke({"messages": [("user", "Go on.")]})["messages"][-1].response_metadata["finish_reason"] == (
        "timeout"
    )


def test_a_stall_before_the_first_chunk_is_asked_again(collect):
    class Late(ScriptedChatModel):
        def _chunks(self, call):
            self.delay = 8 if len(self.calls) == 1 else 0
            return super()._chunks(call)

    upstream = Late(["One.", "One. Two."])
    assert text_of(collect(StreamAlignedChat(upstream, AcceptAligner(), upstream_timeout=4), "Go on.")) == "One. Two."
    assert len(upstream.calls) == 2


def test_an_upstream_that_is_held_up_by_the_aligner_does_not_stall(collect, monkeypatch):
    now = 0.0
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: now, perf_counter=time.perf_counter))

    def take_long(draft):
        nonlocal now
        now += 100
        return draft.text

    upstream = ScriptedChatModel("One. Two. Three. Four.")
    chat = StreamAlignedChat(upstream, take_long, lookahead=0, upstream_timeout=50, upstream_retries=0)
    assert text_of(collect(chat, "Go on.")) == "One. Two. Three. Four."


def test_stalls_that_do_not_end_are_an_error_that_names_both_options(collect):
    upstream = ScriptedChatModel("One.", delay=5)
    with pytest.raises(UpstreamError, match=r"upstream_timeout=0\.1.*upstream_retries"):
        collect(StreamAlignedChat(upstream, AcceptAligner(), upstream_timeout=0.1, upstream_retries=1), "Go on.")
    assert len(upstream.calls) == 2


def test_patience_is_counted_from_the_last_sign_of_life(monkeypatch):
    now = 0.0
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: now))
    patience = pacing.Patience(5)
    now = 4.0
    assert patience.wait(None) == 1
    assert patience.wait(0.5) == 0.5
    patience.heard()
    now = 8.0
    assert patience.wait(None) == 1
    now = 9.0
    with pytest.raises(StallError, match="upstream_timeout=5"):
        patience.wait(None)
    assert pacing.Patience(None).wait(3) == 3
