"""What an aligner is asked and what becomes of its answer."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from stream_aligner_lc import AlignerError, Correction, Draft
from stream_aligner_lc.corrections import Decision, decide

RAIN = Draft([HumanMessage("How is the weather?")], "", "It rains.")


@pytest.mark.parametrize(
    ("answer", "options", "decision"),
    [
        (Correction("It rains."), {}, Decision("accepted", "It rains.")),
        (Correction(" It rains.\n"), {}, Decision("accepted", "It rains.")),
        (Correction("It snows."), {}, Decision("replaced", "It snows.")),
        (Correction("  It snows. "), {}, Decision("replaced", "It snows.")),
        (Correction(""), {}, Decision("removed", "")),
        (Correction(" \n"), {}, Decision("removed", "")),
        (Correction("It snows.", end=True), {}, Decision("replaced", "It snows.", "stop")),
        (Correction("", end=True), {}, Decision("removed", "", "stop")),
        (Correction("It rains.", end=True), {}, Decision("accepted", "It rains.")),
        (Correction("It rains.", end=True), {"end_on_accept": True}, Decision("accepted", "It rains.", "stop")),
        (RuntimeError("x"), {"on_aligner_error": "keep"}, Decision("kept", "It rains.")),
        (RuntimeError("x"), {"on_aligner_error": "stop"}, Decision("removed", "", "aligner_error")),
        (Correction("spam " * 1000), {"on_aligner_error": "keep"}, Decision("kept", "It rains.")),
        (Correction("I cannot help with that, but here is what you could do instead."), {},
         Decision("replaced", "I cannot help with that, but here is what you could do instead.")),
    ],
)  # fmt: skip
def test_the_verdict_follows_from_the_draft_and_the_answer(answer, options, decision):
    decided = decide(RAIN, answer, **options)
    assert decided[:3] == decision[:3]
    assert (decided.error is not None) == (options.get("on_aligner_error") is not None)


def test_a_failure_is_raised_where_the_policy_says_so():
    with pytest.raises(RuntimeError, match="out of memory"):
        decide(RAIN, RuntimeError("out of memory"))


def test_an_answer_that_runs_on_is_an_error_that_names_the_way_out():
    with pytest.raises(AlignerError, match=r"5000 characters.*on_aligner_error='keep'"):
        decide(RAIN, Correction("spam " * 1000))


@pytest.mark.parametrize(
    ("answer", "correction"),
    [
        ("text", Correction("text")),
        (AIMessage("text"), Correction("text")),
        (AIMessage([{"type": "text", "text": "text"}]), Correction("text")),
        (Correction("text", end=True), Correction("text", end=True)),
    ],
)
def test_text_messages_and_corrections_are_answers(answer, correction):
    assert Correction.of(answer) == correction


@pytest.mark.parametrize("answer", [5, None, ["text"], b"text"])
def test_anything_else_is_an_error_that_names_its_type_and_quotes_nothing(answer):
    with pytest.raises(AlignerError, match="must answer with a str") as caught:
        Correction.of(answer)
    assert f"got {type(answer).__name__}." in str(caught.value)


def test_a_single_question_is_its_own_text():
    assert Draft([SystemMessage("Be kind."), HumanMessage("Why?")], "", "x").question == "Why?"


def test_a_conversation_names_its_speakers():
    messages = [
        HumanMessage("Weather?"),
        AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}]),
        ToolMessage("rain", tool_call_id="1"),
        AIMessage("It rains."),
        HumanMessage("And tomorrow?"),
    ]
    assert Draft(messages, "", "x").question == (
        "User: Weather?\n\nTool: rain\n\nAssistant: It rains.\n\nUser: And tomorrow?"
    )


def test_a_draft_as_a_dict_fills_a_prompt_template():
    draft = Draft([HumanMessage("Why?")], "So far.", "Because.", "prose", 1)
    assert draft.as_dict() == {
        "messages": [HumanMessage("Why?")],
        "question": "Why?",
        "prefix": "So far.",
        "text": "Because.",
        "kind": "prose",
        "index": 1,
    }
