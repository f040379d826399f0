"""Promise 8, the part that the loop keeps: faults in mid-reply are retried from the released text."""

import pytest

from stream_aligner_lc import StreamAlignedChat, UpstreamError
from stream_aligner_lc.faults import is_refusal, is_transient, status_of
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedChatModel


def text_of(chunks):
    return "".join(chunk.text for chunk in chunks)


class HTTPError(Exception):
    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status_code = status


def test_a_first_call_that_fails_raises_the_providers_own_error(collect):
    upstream = ScriptedChatModel([HTTPError(503)])
    with pytest.raises(HTTPError):
        collect(StreamAlignedChat(upstream, AcceptAligner()), "Go on.")
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("fault", [ConnectionError("gone"), HTTPError(503), HTTPError(429), TimeoutError("slow")])
def test_a_stream_that_breaks_goes_on_from_the_released_text(collect, fault):
    upstream = ScriptedChatModel([["One. Two. Thr", fault], " Three. Four."])
    chunks = collect(StreamAlignedChat(upstream, AcceptAligner()), "Go on.")
    assert text_of(chunks) == "One. Two. Three. Four."
    assert upstream.prompts[1][-1].text == "One. Two."


def test_a_stream_that_breaks_in_its_first_sentence_starts_anew(collect):
    upstream = ScriptedChatModel([["One is brok", ConnectionError("gone")], "One is fine. Two."])
    assert text_of(collect(StreamAlignedChat(upstream, AcceptAligner()), "Go on.")) == "One is fine. Two."


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("Look:\n\n```py\nx = 1\n", "\ny = 2\n```"),
        ("Look:\n\n```py\nx = 1\n", "y = 2\n```"),
        ("Look:\n\n```py\nx = 1\n", "\n```"),
        ("Look:\n\n```py\nx = 1\n", "```"),
        ("Look:\n\n```py\nx = 1\n```\n\n", ""),
        ("Look:\n\n$$\nx^2\n", "\n+ y\n$$"),
        ("Look:\n\n- so\n\n  ~~~\n  x\n", "\n  y\n  ~~~"),
        ("Look:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", "\n| 3 | 4 |"),
    ],
)
def test_what_follows_a_block_in_which_the_stream_broke_is_aligned(collect, said, rest):
    # A line is known to be whole when the next one has begun.
    upstream = ScriptedChatModel(
        [[f"{said}  br", ConnectionError("gone")], f"{rest}\n\nA bad one. Two.", " Two."], chunking=3
    )
    aligner = ReplaceAligner({"bad": "good"})
    text = text_of(collect(StreamAlignedChat(upstream, aligner), "Go on."))
    # What was held, where the rest brings no whitespace of its own.
    seam = "\n" if rest and rest == rest.lstrip() else ""
    assert text == f"{said.rstrip()}{seam}{rest}\n\nA good one. Two."
    assert {draft.text for draft in aligner.drafts} <= {"Look:", "- so", "A bad one.", "Two."}


def test_a_restart_that_fails_is_tried_again(collect):
    upstream = ScriptedChatModel(["Bad one. Two.", HTTPError(500), " Two again."])
    chunks = collect(StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"})), "Go on.")
    assert text_of(chunks) == "Good one. Two again."
    assert chunks[-1].response_metadata["stream_aligner"]["upstream_calls"] == 3


def test_faults_that_do_not_end_are_an_error_with_what_was_released(collect):
    upstream = ScriptedChatModel([["One. Two", ConnectionError("gone")], *[ConnectionError("gone")] * 5])
    chat = StreamAlignedChat(upstream, AcceptAligner(), upstream_retries=1)
    with pytest.raises(UpstreamError, match=r"gone.*upstream_retries") as caught:
        collect(chat, "Go on.")
    assert caught.value.released == "One."
    assert isinstance(caught.value.__cause__, ConnectionError)
    # The call that broke, and one more try.
    assert len(upstream.calls) == 2


def test_what_cannot_succeed_is_not_tried_again(collect):
    upstream = ScriptedChatModel([["One. Two", HTTPError(401)], " Two."])
    with pytest.raises(UpstreamError, match="401"):
        collect(StreamAlignedChat(upstream, AcceptAligner()), "Go on.")
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("fault", "status", "transient", "refusal"),
    [
        (HTTPError(503), 503, True, False),
        (HTTPError(429), 429, True, False),
        (HTTPError(400), 400, False, True),
        (HTTPError(401), 401, False, False),
        (ConnectionError(), None, True, False),
        (TimeoutError(), None, True, False),
        (ValueError("Last message must be a HumanMessage"), None, False, True),
        (TypeError(), None, False, False),
    ],
)
def test_an_exception_says_what_may_be_done_about_it(fault, status, transient, refusal):
    assert (status_of(fault), is_transient(fault), is_refusal(fault)) == (status, transient, refusal)
