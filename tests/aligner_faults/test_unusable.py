"""Which answers cannot stand in for a draft, and which that look alike can."""

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import AlignerError, Correction, Draft
from stream_aligner_lc.answers import unusable
from stream_aligner_lc.corrections import decide
from stream_aligner_lc.prompts import DEFAULT_POLICY, TEMPLATES, parse_answer, render_instructions, render_request

DRAFT = "It rains today."
QUESTION = "How will the weather be today, and what should we wear?"
PREFIX = "Good morning, and thank you for the question. Here is the forecast."
LIST = "You can do this:\n" + "\n".join(f"- the thing that comes as number {number}" for number in range(12))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("x" * 1121, "it has 1121 characters where 1120 are the limit for a draft of 15"),
        ("No. " * 21, "it has 21 sentences where 20 are the limit for a draft of 1"),
        ("##Answer: It snows.", "it holds '##Answer:', which belongs to the aligner's prompt"),
        ("It snows. ##Question: What?", "'##Question:'"),
        ("##your_revision: It snows.", "'##your_revision:'"),
        ("correction:  [[It snows.]]", r"'correction:  [['"),
        ("It snows. EOS: [[TRUE]]", "'EOS: [['"),
        ("the last sentence as it should be", "'the last sentence as it should be'"),
        ("It \ufffd.", "U+FFFD"),
        ("It \udc80.", "U+DC80"),
        (f"{PREFIX} It snows.", "it begins with the whole reply so far"),
        (f"{QUESTION} {DRAFT}", "it repeats the question and the draft"),
        (f"Q: {QUESTION}\nA: {DRAFT} Really.", "it repeats the question and the draft"),
    ],
)
def test_an_answer_is_unusable_for_a_reason(answer, why):
    assert why in (unusable(DRAFT, answer, question=QUESTION, prefix=PREFIX) or "")


@pytest.mark.parametrize(
    ("draft", "answer", "question", "prefix"),
    [
        (DRAFT, "It snows.", QUESTION, PREFIX),
        ("No.", "I cannot tell you that, but " + "here is what may help you instead, " * 25, QUESTION, PREFIX),
        ("No.", LIST, QUESTION, PREFIX),
        ("The mark is ##Answer: here.", "The mark is ##Answer: there.", QUESTION, PREFIX),
        (DRAFT, "It is written ##Your_Revision: as such.", "What does ##Your_Revision: mean?", PREFIX),
        (DRAFT, "It is EOS: [[TRUE]] as above.", QUESTION, "Write EOS: [[TRUE]] at the end."),
        ("It is \ufffd today.", "It was \ufffd today.", QUESTION, PREFIX),
        (DRAFT, "It is \ufffd.", "Why do I see \ufffd?", PREFIX),
        (f"{PREFIX} {DRAFT}", f"{PREFIX} It snows.", QUESTION, PREFIX),
        (DRAFT, PREFIX, QUESTION, PREFIX),
        (DRAFT, "Good morning. It snows.", QUESTION, "Good morning."),
        (DRAFT, f"You asked: {QUESTION} It snows.", QUESTION, PREFIX),
        (DRAFT, "Yes. It rains today.", "Yes", ""),
        (DRAFT, "", QUESTION, PREFIX),
        (DRAFT, f"\n{DRAFT} ", QUESTION, PREFIX),
        ("a ## Question: b", "a ## Question: c", "", ""),
        (DRAFT, "It snows 😀 — naïve, 是。", "", ""),
    ],
)
def test_an_answer_that_only_looks_like_one_is_taken(draft, answer, question, prefix):
    assert unusable(draft, answer, question=question, prefix=prefix) is None


def test_a_whole_answer_may_be_corrected_to_one_as_long():
    draft, answer = ("It rains here. " * 60).strip(), ("It never snows there. " * 60).strip()
    assert unusable(draft, answer) is None


@pytest.mark.parametrize("name", [name for name, template in TEMPLATES.items() if name != "verdict"])
def test_every_template_is_known_where_it_is_said_again(name):
    fields = {"question": "Why?", "prefix": "Well.", "last": DRAFT}
    parts = TEMPLATES[name].render(fields)
    assert "which belongs to the aligner's prompt" in (unusable(DRAFT, "".join(part.text for part in parts)) or "")
    for part in parts:
        if part.is_ours and ":" in part.text:
            assert unusable(DRAFT, f"It snows. {part.text} It snows."), part.text


def test_every_part_of_the_protocol_is_known_where_it_is_said_again():
    request = render_request("Why?", "Well.", DRAFT)
    form = render_instructions(DEFAULT_POLICY).splitlines()[-2:]
    for line in (*request.split("\n\n"), *form):
        assert "which belongs to the aligner's prompt" in (unusable(DRAFT, f"It snows. {line}") or ""), line


def test_a_form_that_is_handed_back_unfilled_is_no_correction():
    form = render_instructions(DEFAULT_POLICY).splitlines()[-2:]
    assert parse_answer("\n".join(form)) is None
    correction = parse_answer(f"{form[0]}\nEOS: [[FALSE]]")
    draft = Draft([HumanMessage(QUESTION)], PREFIX, DRAFT)
    with pytest.raises(AlignerError, match="belongs to the aligner's prompt"):
        decide(draft, correction)


def test_an_answer_that_is_the_draft_is_taken_whatever_it_holds():
    text = "##Answer: \ufffd CORRECTION: [[x]] " + "No. " * 200
    draft = Draft([HumanMessage(QUESTION)], PREFIX, text.strip())
    assert decide(draft, Correction(text)).verdict == "accepted"
