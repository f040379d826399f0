"""Whatever an aligner does wrong, `on_aligner_error` is kept to the letter."""

import asyncio
import threading

import pytest
import torch
from langchain_core.messages import AIMessage

from stream_aligner_lc import AlignerError, AlignerTimeout, Correction
from stream_aligner_lc.testing import AcceptAligner, ScriptedAligner, ScriptedChatModel

TEXT = "One is well. Two is well. Three is well."
FIFTY = " ".join(f"It is {number}." for number in range(50))


class OneAnswer(AcceptAligner):
    """Answer with the same in place of a list of corrections."""

    def __init__(self, answer):
        self.answer = answer

    def correct_many(self, drafts):
        return self.answer if drafts[0].index == 1 else [Correction(drafts[0].text)]


def second(answer):
    return ScriptedAligner({1: answer})


FAULTS = {
    "an exception": (lambda: second(RuntimeError("broken")), "failed on sentence 1 with RuntimeError"),
    "a full device": (lambda: second(torch.OutOfMemoryError("CUDA out of memory")), "OutOfMemoryError"),
    "a time-out of its own": (lambda: second(TimeoutError("slow")), "failed on sentence 1 with TimeoutError"),
    "a cancellation of its own": (lambda: second(asyncio.CancelledError()), "failed on sentence 1 with CancelledError"),
    "an error of ours": (lambda: second(AlignerError("no answer")), "no answer"),
    "nothing": (lambda: second(lambda draft: None), "got NoneType"),
    "a number": (lambda: second(5), "got int"),
    "a correction of nothing": (lambda: second(Correction(None)), "got Correction of NoneType"),
    "no list": (lambda: OneAnswer(None), "got a NoneType"),
    "an empty list": (lambda: OneAnswer([]), "got 0 answers"),
    "too many": (lambda: OneAnswer([Correction("a")] * 5), "got 5 answers"),
    "a list of numbers": (lambda: OneAnswer([5]), "got int"),
    "an answer without end": (lambda: second("well " * 1000), r"5000 characters where 1096"),
    "whitespace without end": (lambda: second("\n" * 5000), "5000 characters"),
    "fifty sentences": (lambda: second(FIFTY), "50 sentences where 20"),
    "the template": (lambda: second("Two. | ##Your_Revision: Two is good."), "'##Your_Revision:'"),
    "the protocol": (lambda: second("CORRECTION: [[Two is good.]]"), r"'CORRECTION: \[\['"),
    "half a character": (lambda: second("Two is \ufffd."), r"U\+FFFD"),
    "half a pair": (lambda: second("Two is \ud83d."), r"U\+D83D"),
    "what was cut off": (
        lambda: second(AIMessage("Two is", response_metadata={"finish_reason": "length"})),
        r"cut off by its provider \('length'\)",
    ),
    "what was filtered": (
        lambda: second(AIMessage("", response_metadata={"finish_reason": "content_filter"})),
        r"cut off by its provider \('content_filter'\)",
    ),
}
every_fault = pytest.mark.parametrize(("aligner", "message"), FAULTS.values(), ids=list(FAULTS))


@every_fault
def test_raise_raises_and_says_what_was_released_and_which_draft_it_was(reply, aligner, message):
    upstream = ScriptedChatModel(TEXT)
    with pytest.raises(AlignerError, match=message) as caught:
        reply(upstream, aligner())
    assert (caught.value.released, caught.value.draft) == ("One is well.", "Two is well.")
    assert "Two is well." not in str(caught.value)
    assert all(call.is_closed for call in upstream.calls)


@every_fault
def test_keep_shows_the_draft_and_goes_on(reply, aligner, message):
    records = []
    upstream = ScriptedChatModel(TEXT)
    message_of = reply(upstream, aligner(), on_aligner_error="keep", on_record=records.append)
    assert message_of.text == TEXT
    totals = message_of.response_metadata["stream_aligner"]
    assert totals["sentences"] == {"accepted": 2, "kept": 1}
    assert totals["aligner_faults"] == 1
    assert message_of.response_metadata["finish_reason"] == "stop"
    assert [record["error"] is not None for record in records] == [False, True, False]
    assert len(upstream.calls) == 1


@every_fault
def test_stop_ends_the_reply_before_the_sentence(reply, aligner, message):
    records = []
    upstream = ScriptedChatModel(TEXT)
    ended = reply(upstream, aligner(), on_aligner_error="stop", on_record=records.append)
    assert ended.text == "One is well."
    assert ended.response_metadata["finish_reason"] == "aligner_error"
    assert records[-1]["error"]
    assert records[-1]["text"] == ""
    assert len(upstream.calls) == 1


class NeverEnding(AcceptAligner):
    """Give no answer to the second draft until it is let go."""

    def __init__(self):
        self.let_go = threading.Event()

    def correct_many(self, drafts):
        if drafts[0].index == 1:
            self.let_go.wait(60)
        return [Correction(drafts[0].text)]


@pytest.mark.parametrize("policy", ["raise", "keep", "stop"])
@pytest.mark.usefixtures("only_the_second_is_late")
def test_an_aligner_that_never_ends_is_given_up_after_its_time(reply, policy):
    aligner = NeverEnding()
    # In async code the loop's executor waits for the thread when the loop is over.
    cancelled, aligner.cancel = [], lambda draft: (cancelled.append(draft.index), aligner.let_go.set())
    options = {"aligner_timeout": 0.1, "on_aligner_error": policy}
    if policy == "raise":
        with pytest.raises(AlignerTimeout, match=r"longer than aligner_timeout=0\.1 seconds for sentence 1") as caught:
            reply(ScriptedChatModel(TEXT), aligner, **options)
        assert (caught.value.released, caught.value.draft) == ("One is well.", "Two is well.")
    else:
        shown = {"keep": TEXT, "stop": "One is well."}[policy]
        assert reply(ScriptedChatModel(TEXT), aligner, **options).text == shown
    assert cancelled == [1]


@pytest.mark.parametrize("answer", ["", "  \n", Correction(""), AIMessage("")])
def test_an_empty_answer_is_no_fault_and_removes_the_sentence(reply, answer):
    message = reply(ScriptedChatModel(TEXT), second(answer))
    assert message.text == "One is well. Three is well."
    totals = message.response_metadata["stream_aligner"]
    assert totals["sentences"] == {"accepted": 2, "removed": 1}
    assert totals["aligner_faults"] == 0


@pytest.mark.parametrize("policy", ["raise", "keep"])
def test_a_fault_behind_an_accepted_draft_of_the_same_call_is_judged_by_itself(reply, policy):
    class Joint(AcceptAligner):
        def correct_many(self, drafts):
            return [Correction("\ufffd" if draft.index == 1 else draft.text) for draft in drafts]

    # One chunk, so that all drafts wait together.
    upstream = ScriptedChatModel([[AIMessage(TEXT)]])
    if policy == "raise":
        with pytest.raises(AlignerError, match="unusable") as caught:
            reply(upstream, Joint())
        assert (caught.value.released, caught.value.draft) == ("One is well.", "Two is well.")
        return
    message = reply(upstream, Joint(), on_aligner_error=policy)
    assert message.text == TEXT
    assert message.response_metadata["stream_aligner"]["sentences"] == {"accepted": 2, "kept": 1}


def test_an_aligner_that_quotes_its_draft_is_not_quoted_itself(reply):
    def fail(draft):
        raise ValueError(f"cannot correct {draft.text!r}")

    with pytest.raises(AlignerError, match="with ValueError") as caught:
        reply(ScriptedChatModel("The secret is out."), fail)
    assert "secret" not in str(caught.value)
    assert "secret" in str(caught.value.__cause__)
    assert caught.value.draft == "The secret is out."
