"""Promise 9: whatever never ends is ended, with a named reason, through the chat model and the graph."""

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from stream_aligner_lc import Correction, StreamAlignedChat, UpstreamError
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedChatModel


class EndlessModel(ScriptedChatModel):
    """Say the script over and over, whatever it was told of limits."""

    def _chunks(self, call):
        self.turn(call.messages)
        while True:
            for token in self._cut(self.script):
                call.sent.append(token)
                yield ChatGenerationChunk(message=AIMessageChunk(content=token))


def totals(message):
    return message.response_metadata["stream_aligner"]


def test_an_upstream_that_never_ends_stops_at_max_sentences(reply):
    upstream = EndlessModel("Again and again. ")
    message = reply(upstream, AcceptAligner(), max_sentences=5)
    assert message.text == " ".join(["Again and again."] * 5)
    assert message.response_metadata["finish_reason"] == "length"
    assert totals(message)["sentences"] == {"accepted": 5}
    assert all(call.is_closed for call in upstream.calls)
    # Read no further than the lead and what a chunk or two bring.
    assert len(upstream.calls[0].sent) < 60


def test_an_upstream_that_never_ends_and_ignores_max_tokens_stops_there(reply):
    upstream = EndlessModel(" word.")
    message = reply(upstream, AcceptAligner(), max_tokens=12)
    assert len(message.text.split()) == 12
    assert message.response_metadata["finish_reason"] == "length"
    assert len(upstream.calls) == 1
    assert all(call.is_closed for call in upstream.calls)


class Joint(AcceptAligner):
    """Answer all drafts that wait, at once."""

    def correct_many(self, drafts):
        return [Correction(draft.text) for draft in drafts]


def test_an_aligner_of_all_that_waits_is_given_no_more_than_max_sentences(reply):
    message = reply(
        ScriptedChatModel("One is here. Two is here. Three is here.", chunking=400), Joint(), max_sentences=2
    )
    assert message.text == "One is here. Two is here."
    assert message.response_metadata["finish_reason"] == "length"


def test_text_without_a_full_stop_is_cut_and_released_piece_by_piece(reply):
    seen = []
    upstream = EndlessModel("and so on ")
    message = reply(upstream, AcceptAligner(), max_sentences=4, on_record=seen.append)
    assert message.response_metadata["finish_reason"] == "length"
    assert len(seen) == 4
    assert ("and so on " * 1000).startswith(message.text)
    longest = max(len(record["draft"]) for record in seen)
    assert 100 < longest < 3000
    assert message.text == "".join(record["lead"] + record["text"] for record in seen)
    assert all(call.is_closed for call in upstream.calls)


def test_a_word_without_end_is_cut_as_well(reply):
    message = reply(EndlessModel("a" * 50), AcceptAligner(), max_sentences=3)
    assert set(message.text) == {"a"}
    assert message.response_metadata["finish_reason"] == "length"
    assert totals(message)["sentences"] == {"accepted": 3}


def test_an_upstream_of_which_nothing_may_be_shown_is_ended(reply):
    upstream = EndlessModel("Remove me. ")
    message = reply(upstream, ReplaceAligner({"Remove me.": ""}))
    assert message.text == ""
    assert message.response_metadata["finish_reason"] == "removed"
    assert totals(message)["sentences"] == {"removed": 8}
    assert all(call.is_closed for call in upstream.calls)


def test_removed_sentences_with_others_in_between_end_nothing(reply):
    text = " ".join(["Remove me.", "Keep it."] * 12)
    message = reply(ScriptedChatModel(text), ReplaceAligner({"Remove me.": ""}))
    assert message.text == " ".join(["Keep it."] * 12)
    assert message.response_metadata["finish_reason"] == "stop"


class StoryModel(ScriptedChatModel):
    """Go on from every prefix with the next bad sentence, for ever."""

    def turn(self, messages, **kwargs):
        return f"{' ' if self.calls[1:] else ''}Bad {len(self.calls)}. Bad rest."


@pytest.mark.parametrize("most", [0, 1, 5])
def test_a_reply_that_is_replaced_for_ever_ends_after_max_restarts(reply, most):
    upstream = StoryModel("x")
    message = reply(upstream, ReplaceAligner({"Bad": "Good"}), max_restarts=most)
    assert message.text == " ".join(f"Good {number}." for number in range(1, most + 2))
    assert message.response_metadata["finish_reason"] == "max_restarts"
    assert len(upstream.calls) == 1 + most
    assert totals(message)["restarts"] == most


def test_max_sentences_bounds_a_reply_that_is_replaced_for_ever(reply):
    message = reply(StoryModel("x"), ReplaceAligner({"Bad": "Good"}), max_sentences=3)
    assert message.text == "Good 1. Good 2. Good 3."
    assert message.response_metadata["finish_reason"] == "length"


@pytest.mark.parametrize("space", ["", " "], ids=["flush left", "behind a space"])
def test_an_upstream_that_brings_the_replaced_draft_again_is_an_error_soon(reply, space):
    upstream = ScriptedChatModel(["Bad one. Two.", *[f"{space}Bad one. Two."] * 20])
    with pytest.raises(UpstreamError, match=r"ignores the prefix.*`continuation`.*feedback=False") as caught:
        reply(upstream, ReplaceAligner({"Bad": "Good"}))
    assert caught.value.released.startswith("Good one.")
    assert len(upstream.calls) <= 10
    assert all(call.is_closed for call in upstream.calls)


def test_an_aligner_that_replaces_for_ever_is_bounded_at_the_end_of_the_text(reply):
    upstream = StoryModel("x")
    reply(upstream, lambda draft: f"{draft.text} More.", max_restarts=3)
    assert len(upstream.calls) == 4


def test_an_empty_stop_sequence_stops_nothing(collect):
    chat = StreamAlignedChat(ScriptedChatModel("One. Two."), AcceptAligner(), stop=[""])
    assert "".join(chunk.text for chunk in collect(chat, "Go on.", stop=["", "nowhere"])) == "One. Two."
