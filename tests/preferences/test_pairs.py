"""Two replies, and the pair of them: what is joined, what is cut away, and what cannot be learned from."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from stream_aligner_lc.preferences.pairs import gone_on, pair_of, why_not_chosen, why_not_rejected


@pytest.mark.parametrize(
    ("held", "rest", "whole"),
    [
        (" ", " It goes on.", "It is bad. It goes on."),
        ("\n\n", "It goes on.", "It is bad.\n\nIt goes on."),
        ("", "It goes on.", "It is bad. It goes on."),
        (" ", "\n- It goes on.", "It is bad.\n- It goes on."),
        (" ", "", "It is bad."),
        (" ", "\n\n", "It is bad."),
    ],
)
def test_the_rest_is_joined_as_the_upstream_meant_it(held, rest, whole):
    assert gone_on("It is bad.", held, rest, exact=True) == whole


def test_what_an_upstream_repeats_of_the_draft_is_cut_away():
    written = "We were asked how it is. It is as bad as it can be."
    assert gone_on(written, " ", "It is as bad as it can be. Sorry.", exact=False) == f"{written} Sorry."
    assert gone_on(written, " ", f"{written} Sorry.", exact=True) == f"{written} Sorry."


def test_replies_lose_their_outer_whitespace_only():
    pair = pair_of([HumanMessage(" Well? ")], " One.\n\n Two. \n", "\nThree.")
    assert pair["prompt"] == [{"role": "user", "content": " Well? "}]
    assert pair["chosen"][0]["content"] == "One.\n\n Two."
    assert pair["rejected"][0]["content"] == "Three."


@pytest.mark.parametrize("key", ["finish_reason", "stop_reason", "done_reason"])
@pytest.mark.parametrize("reason", ["length", "max_tokens", "content_filter", "refusal"])
def test_a_reply_that_is_not_whole_cannot_be_chosen(key, reason):
    assert f"ended with {reason}" in why_not_chosen(AIMessage("A bit", response_metadata={key: reason}))


@pytest.mark.parametrize("reason", ["max_restarts", "removed", "aligner_error"])
def test_a_reply_that_the_loop_gave_up_cannot_be_chosen(reason):
    metadata = {"stop_reason": reason, "finish_reason": reason}
    assert f"ended with {reason}." in why_not_chosen(AIMessage("A bit", response_metadata=metadata))


@pytest.mark.parametrize("reason", ["stop", "end_turn", "STOP", None])
def test_a_whole_reply_can_be_chosen(reason):
    assert why_not_chosen(AIMessage("All.", response_metadata={"finish_reason": reason})) is None


def test_an_empty_reply_is_no_side_of_a_pair():
    assert "aligned reply is empty" in why_not_chosen(AIMessage(" \n"))
    assert "bare reply is empty" in why_not_rejected(AIMessage(""), "")


def test_a_reply_that_calls_a_tool_is_no_side_of_a_pair():
    call = {"name": "look", "args": {}, "id": "1", "type": "tool_call"}
    broken = {"name": "look", "args": "{", "id": "1", "error": None, "type": "invalid_tool_call"}
    assert "calls a tool" in why_not_chosen(AIMessage("I look.", tool_calls=[call]))
    assert "calls a tool" in why_not_rejected(AIMessage("I look.", invalid_tool_calls=[broken]), "I look.")
    assert why_not_rejected(None, "I look.") is None
