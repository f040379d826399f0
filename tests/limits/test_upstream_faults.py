"""Every fault of a real server, seen by a real client: the reader's text has no gap and no repetition."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import openai
import pytest

from stream_aligner_lc import AcceptAligner, StreamAlignedChat, UpstreamError
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
from tests.limits.provider import Delta, ErrorEvent, Fault, FaultyProvider, Finish, Status

BROKEN = ["One. ", "Two. ", "Thr"]
REST = [" Three.", " Four."]
WHOLE = "One. Two. Three. Four."


def aligned(provider, aligner=None, **options):
    options = {"continuation": "prefill", **options}
    return StreamAlignedChat(provider.chat(), aligner or AcceptAligner(), **options)


def text_of(chunks):
    return "".join(chunk.text for chunk in chunks)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.DROP,
        Fault.RESET,
        Fault.TORN,
        Fault.GARBLED,
        Fault.SILENT,
        ErrorEvent({"message": "overloaded", "type": "server_error"}),
        ErrorEvent({"message": "slow down", "type": "rate_limit_error", "code": 429}),
    ],
    ids=str,
)
def test_a_stream_that_breaks_goes_on_from_the_released_text(collect, fault):
    with FaultyProvider([*BROKEN, fault], REST) as provider:
        assert text_of(collect(aligned(provider), "Go on.")) == WHOLE
    assert len(provider.prompts) == 2
    assert provider.prompts[1][-1] == {"role": "assistant", "content": "One. Two."}


def test_a_stream_that_stalls_is_left_and_goes_on_from_the_released_text(collect):
    with FaultyProvider([*BROKEN, Fault.STALL], REST) as provider:
        assert text_of(collect(aligned(provider, upstream_timeout=3), "Go on.")) == WHOLE
    assert provider.prompts[1][-1]["content"] == "One. Two."


def test_a_client_that_cancels_its_own_call_has_broken_off(collect):
    upstream = ScriptedChatModel([["One. Two. Thr", asyncio.CancelledError()], " Three. Four."])
    assert text_of(collect(StreamAlignedChat(upstream, AcceptAligner()), "Go on.")) == WHOLE
    assert upstream.prompts[1][-1].text == "One. Two."


def test_a_client_that_cancels_its_first_call_is_an_error_that_says_so(collect):
    with pytest.raises(ConnectionAbortedError, match="cancelled its own call"):
        collect(StreamAlignedChat(ScriptedChatModel([asyncio.CancelledError()]), AcceptAligner()), "Go on.")


def test_an_upstream_that_never_begins_is_asked_again_and_then_an_error(collect):
    with (
        FaultyProvider([Fault.STALL]) as provider,
        pytest.raises(UpstreamError, match=r"upstream_timeout=0\.3.*Tried 2 times") as caught,
    ):
        collect(aligned(provider, upstream_timeout=0.3, upstream_retries=1), "Go on.")
    assert caught.value.released == ""
    assert isinstance(caught.value.__cause__, TimeoutError)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
def test_a_restart_that_is_refused_for_now_is_asked_again(collect, status):
    with FaultyProvider([*BROKEN, Fault.DROP], [Status(status)], REST) as provider:
        assert text_of(collect(aligned(provider), "Go on.")) == WHOLE
    assert len(provider.prompts) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_provider_is_given_the_time_it_asks_for(collect, form):
    until = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    date = format_datetime(until, usegmt=True)
    asked = {"Retry-After": "2" if form == "seconds" else date}
    with FaultyProvider(["Bad. ", "Two."], [Status(429, asked)], [" Two."]) as provider:
        assert text_of(collect(aligned(provider, ReplaceAligner({"Bad": "Good"})), "Go on.")) == "Good. Two."
    pause = provider.times[2] - provider.times[1]
    assert pause >= timedelta(seconds=2) if form == "seconds" else provider.times[2] >= until


def test_a_provider_that_asks_for_too_long_a_pause_is_an_error_at_once(collect):
    with (
        FaultyProvider([*BROKEN, Fault.DROP], [Status(429, {"Retry-After": "3600"})]) as provider,
        pytest.raises(UpstreamError, match=r"pause of 3600 seconds.*60 at most") as caught,
    ):
        collect(aligned(provider), "Go on.")
    assert caught.value.released == "One. Two."
    assert len(provider.prompts) == 2


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (Status(401), "would not mend it"),
        (Status(403), "would not mend it"),
        (Status(400), "set `continuation`"),
        (Status(422), "set `continuation`"),
        (Status(429, error={"code": "insufficient_quota"}), "would not mend it"),
    ],
    ids=str,
)
def test_what_cannot_succeed_is_not_asked_again(collect, refusal, message):
    with (
        FaultyProvider([*BROKEN, Fault.DROP], [refusal]) as provider,
        pytest.raises(UpstreamError, match=message) as caught,
    ):
        collect(aligned(provider), "Go on.")
    assert caught.value.released == "One. Two."
    assert isinstance(caught.value.__cause__, openai.APIError)
    assert len(provider.prompts) == 2


def test_an_error_in_the_stream_that_is_final_is_not_asked_again(collect):
    fault = ErrorEvent({"message": "no", "type": "invalid_request_error", "code": "context_length_exceeded"})
    with (
        FaultyProvider([*BROKEN, fault]) as provider,
        pytest.raises(UpstreamError) as caught,
    ):
        collect(aligned(provider), "Go on.")
    assert caught.value.released == "One. Two."
    assert len(provider.prompts) == 1


def test_faults_that_do_not_end_are_an_error_with_what_was_released(collect):
    with (
        FaultyProvider([*BROKEN, Fault.DROP], [Status(503)]) as provider,
        pytest.raises(UpstreamError, match="Tried 3 times") as caught,
    ):
        collect(aligned(provider), "Go on.")
    assert caught.value.released == "One. Two."
    assert len(provider.prompts) == 3


@pytest.mark.parametrize(("status", "error"), [(503, openai.InternalServerError), (429, openai.RateLimitError)])
def test_a_first_call_that_is_refused_raises_the_clients_own_error(collect, status, error):
    with FaultyProvider([Status(status)]) as provider, pytest.raises(error):
        collect(aligned(provider), "Go on.")
    assert len(provider.prompts) == 1


def test_the_clients_own_retries_of_a_first_call_are_its_own(collect):
    with FaultyProvider([Status(503)], ["One. ", "Two."]) as provider:
        chat = StreamAlignedChat(provider.chat(max_retries=1), AcceptAligner(), continuation="prefill")
        assert text_of(collect(chat, "Go on.")) == "One. Two."


def test_an_empty_continuation_is_a_fault_and_not_the_end(collect):
    with FaultyProvider([*BROKEN, Fault.DROP], [Fault.SILENT], REST) as provider:
        assert text_of(collect(aligned(provider), "Go on.")) == WHOLE
    assert len(provider.prompts) == 3


def test_a_continuation_that_has_nothing_to_add_ends_the_reply(collect):
    with FaultyProvider([*BROKEN, Fault.DROP], [""]) as provider:
        chunks = collect(aligned(provider), "Go on.")
    assert text_of(chunks) == "One. Two."
    assert chunks[-1].response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("again", [["One. ", "Two. ", "Three. Four."], ["One. Two. Three.", " Four."]])
@pytest.mark.parametrize("continuation", ["prefill", "instruct"])
def test_a_continuation_that_repeats_the_prefix_is_cut(collect, again, continuation):
    said = "The first sentence is here. "
    with FaultyProvider([said, *BROKEN, Fault.DROP], [said, *again]) as provider:
        assert text_of(collect(aligned(provider, continuation=continuation), "Go on.")) == said + WHOLE


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_reply_that_the_provider_cuts_off_ends_with_its_reason(collect, reason):
    with FaultyProvider(["One. ", "Two is bad and", Finish(reason)]) as provider:
        chunks = collect(aligned(provider, ReplaceAligner({"bad": "good"})), "Go on.")
    assert text_of(chunks) == "One. Two is good and"
    assert chunks[-1].response_metadata["finish_reason"] == reason
    assert len(provider.prompts) == 1


def test_a_tool_call_that_breaks_off_is_not_made_twice(collect):
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a"'}}
    with (
        FaultyProvider(["One. ", Delta({"tool_calls": [call]}), Fault.DROP]) as provider,
        pytest.raises(UpstreamError, match="begun to call a tool") as caught,
    ):
        collect(aligned(provider), "Go on.")
    assert caught.value.released == "One."
    assert len(provider.prompts) == 1


def test_a_provider_that_never_says_why_it_ends_is_an_error_that_names_the_way_out(collect):
    with FaultyProvider(["One. ", Fault.SILENT], *[[f" More {n}.", Fault.SILENT] for n in range(9)]) as provider:
        with pytest.raises(UpstreamError, match="upstream_retries=0"):
            collect(aligned(provider), "Go on.")
        assert len(provider.prompts) == 3
        assert text_of(collect(aligned(provider, upstream_retries=0), "Go on.")) == " More 2."
