"""A sentence inside which the provider ended the reply: aligned, and left out where the aligner cannot judge it."""

import pytest

from stream_aligner_lc import AlignerError, Draft, UnusableAnswer
from stream_aligner_lc.corrections import Correction, decide
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel

TEXT = "One is fine. Two is cut off here and"
FRAGMENT = "Two is cut off"


class Strict(ReplaceAligner):
    """Knows whole sentences alone."""

    def invoke(self, input, config=None, **kwargs):
        if not input.text.endswith("."):
            raise UnusableAnswer("That is no sentence.")
        return super().invoke(input, config, **kwargs)

    async def ainvoke(self, input, config=None, **kwargs):
        return self.invoke(input, config, **kwargs)


class Broken(ReplaceAligner):
    """Fails as a program does."""

    def invoke(self, input, config=None, **kwargs):
        raise RuntimeError("gone")

    async def ainvoke(self, input, config=None, **kwargs):
        raise RuntimeError("gone")


def cut_off(text=TEXT, tokens=7):
    return ScriptedChatModel(text).bind(max_tokens=tokens)


def test_a_fragment_is_aligned_like_every_sentence(reply):
    message = reply(cut_off(), ReplaceAligner(cut="broken"))
    assert message.text == "One is fine. Two is broken off"
    assert message.response_metadata["finish_reason"] == "length"


@pytest.mark.parametrize("lookahead", [0, 2])
def test_a_fragment_that_the_aligner_cannot_judge_is_left_out(reply, lookahead):
    records = []
    message = reply(cut_off(), Strict(), on_record=records.append, lookahead=lookahead)
    assert message.text == "One is fine."
    assert message.response_metadata["finish_reason"] == "length"
    totals = message.response_metadata["stream_aligner"]
    assert (totals["sentences"], totals["aligner_faults"]) == ({"accepted": 1, "removed": 1}, 1)
    assert records[-1]["draft"] == FRAGMENT
    assert "That is no sentence." in records[-1]["error"]


def test_a_reply_that_is_a_fragment_alone_is_empty(reply):
    message = reply(cut_off("One two three four.", 2), Strict())
    assert message.text == ""
    assert message.response_metadata["finish_reason"] == "length"


def test_a_fragment_is_kept_or_ends_the_reply_where_that_is_asked_for(reply):
    assert reply(cut_off(), Strict(), on_aligner_error="keep").text == f"One is fine. {FRAGMENT}"
    message = reply(cut_off(), Strict(), on_aligner_error="stop")
    assert (message.text, message.response_metadata["finish_reason"]) == ("One is fine.", "aligner_error")


@pytest.mark.parametrize(
    ("upstream", "aligner"),
    [
        (ScriptedChatModel("One is fine. And this says no more"), Strict()),
        (cut_off("One is fine. Two is, too. Three", 6), ReplaceAligner({"Two is, too.": "No. " * 50})),
        (cut_off(), Broken()),
    ],
    ids=["its own end", "a whole sentence", "an aligner that fails"],
)
def test_everything_else_that_goes_wrong_is_raised(reply, upstream, aligner):
    with pytest.raises(AlignerError):
        reply(upstream, aligner)


def test_a_fragment_of_a_paragraph_or_of_the_whole_answer_is_raised(reply):
    with pytest.raises(UnusableAnswer):
        reply(cut_off(), Strict(), granularity="response")


def test_an_answer_that_runs_on_is_unusable_for_a_fragment_too():
    draft = Draft([], "One is fine.", FRAGMENT, index=1)
    assert decide(draft, Correction("No. " * 50), is_fragment=True).verdict == "removed"
    with pytest.raises(UnusableAnswer):
        decide(draft, Correction("No. " * 50))


@pytest.mark.parametrize("tokens", range(1, 22, 3))
def test_the_bundled_pair_answers_whatever_the_limit(reply, tokens):
    question = "Start with 18. Plus 25. Take away 35. What is the result?"
    message = reply(pair.upstream().bind(max_tokens=tokens), pair.aligner())
    assert message.response_metadata["finish_reason"] in ("length", "stop"), question
