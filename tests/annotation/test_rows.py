"""What stands in a row: what the loop saw and decided, to the letter."""

import random

import pytest

from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.prompts import parse_answer
from stream_aligner_lc.testing import ReplaceAligner
from tests.annotation.doubles import Editor, Upstream

QUESTION = "What is it?"
SAID = ("prefix", "last", "correction", "end", "verdict")


def short(rows):
    return [tuple(row[name] for name in SAID) for row in rows]


def test_a_row_has_what_was_asked_said_and_decided_and_where_it_is_from(place):
    place.ask(QUESTION)
    place.annotate()
    assert place.rows[0] == {
        "question": QUESTION,
        "prefix": "",
        "last": "It is bad.",
        "correction": "It is good.",
        "end": False,
        "verdict": "replaced",
        "kind": "prose",
        "id": "0",
        "index": 0,
        "upstream": "upstream",
        "teacher": "teacher",
        "policy": place.rows[0]["policy"],
        "source": "prompts.jsonl, line 1",
    }
    assert len(place.rows[0]["policy"]) == 12


def test_prefixes_are_the_corrected_text_with_its_own_whitespace_and_drafts_have_none(place):
    place.ask(QUESTION)
    place.annotate(Upstream({QUESTION: "It is bad.  So\nis that.\n\n- one bad\n- two\n\n\n  The end. "}))
    assert short(place.rows) == [
        ("", "It is bad.", "It is good.", False, "replaced"),
        ("It is good.", "So\nis that.", "So\nis that.", False, "accepted"),
        ("It is good.  So\nis that.", "- one bad", "- one good", False, "replaced"),
        ("It is good.  So\nis that.\n\n- one good", "- two", "- two", False, "accepted"),
        ("It is good.  So\nis that.\n\n- one good\n- two", "The end.", "The end.", False, "accepted"),
    ]
    assert [row["kind"] for row in place.rows] == ["prose", "prose", "item", "item", "item"]


def test_a_removed_sentence_is_a_row_and_no_part_of_later_prefixes(place):
    place.ask(QUESTION)
    place.annotate(Upstream({QUESTION: "One. Two. Three."}), Editor({"Two.": ""}))
    assert short(place.rows) == [
        ("", "One.", "One.", False, "accepted"),
        ("One.", "Two.", "", False, "removed"),
        ("One.", "Three.", "Three.", False, "accepted"),
    ]


def test_outer_whitespace_of_a_correction_is_not_part_of_it(place):
    place.ask(QUESTION)
    place.annotate(Upstream({QUESTION: "One. Two."}), Editor({"One.": "\n 1. ", "Two.": " Two. "}))
    assert short(place.rows) == [
        ("", "One.", "1.", False, "replaced"),
        ("1.", "Two.", "Two.", False, "accepted"),
    ]


def test_what_serving_passes_through_makes_no_row_but_stands_in_the_prefix(place):
    place.ask(QUESTION)
    place.annotate(Upstream({QUESTION: "See:\n\n```py\nbad = 1\n```\n\nDone."}))
    assert short(place.rows) == [
        ("", "See:", "See:", False, "accepted"),
        ("See:\n\n```py\nbad = 1\n```", "Done.", "Done.", False, "accepted"),
    ]
    assert [row["index"] for row in place.rows] == [0, 2]


def test_the_end_is_what_the_teacher_said_and_ends_a_reply_only_with_a_changed_sentence(place):
    place.ask("kept", "changed")
    upstream = Upstream({"kept": "One. Two.", "changed": "A bad one. Two."})
    place.annotate(upstream, Editor({}, ends=("One.", "A bad one.")))
    assert short(place.rows) == [
        ("", "One.", "One.", True, "accepted"),
        ("One.", "Two.", "Two.", False, "accepted"),
        ("", "A bad one.", "A good one.", True, "replaced"),
    ]


def test_the_question_of_a_conversation_is_the_one_that_an_aligner_is_shown(place):
    turns = [("user", "Who?"), ("assistant", "Me."), ("user", "  Why? \n")]
    messages = [{"role": role, "content": content} for role, content in turns]
    place.ask("", messages=messages)
    place.prompts.write_text(place.prompts.read_text().replace('"question": "", ', ""))
    upstream = Upstream({})
    place.annotate(upstream)
    asked = upstream.prompts[0]
    assert [(message.type, message.text) for message in asked] == [
        ("human", "Who?"),
        ("ai", "Me."),
        ("human", "  Why? \n"),
    ]
    assert {row["question"] for row in place.rows} == {Draft(asked, "", "").question}
    assert place.rows[0]["question"] == "User: Who?\n\nAssistant: Me.\n\nUser:   Why? \n"


def test_a_system_prompt_reaches_the_upstream_and_not_the_question(place):
    place.ask(QUESTION, system="Be brief.")
    upstream = Upstream({})
    place.annotate(upstream)
    assert [(message.type, message.text) for message in upstream.prompts[0]] == [
        ("system", "Be brief."),
        ("human", QUESTION),
    ]
    assert place.rows[0]["question"] == QUESTION


def test_brackets_and_line_separators_survive_the_protocol_and_the_file(place):
    text = "See [[this]] and ]] that\u2028bad. CORRECTION: [[x]]."
    place.ask("[[Why]]?")
    place.annotate(Upstream({"[[Why]]?": text}), granularity="response")
    (row,) = place.rows
    assert (row["question"], row["last"], row["correction"]) == ("[[Why]]?", text, text.replace("bad", "good"))


@pytest.mark.parametrize(
    "raw", ["I see nothing wrong.", "CORRECTION: [[It is good.]] and so on", "", {"raw": "x"}, "CORRECTION: It is."]
)
def test_an_answer_outside_the_protocol_is_asked_for_again_and_then_makes_no_row(place, raw):
    place.ask(QUESTION)
    teacher = Editor({"It is bad.": raw if isinstance(raw, dict) else {"raw": raw}})
    summary = place.annotate(teacher=teacher, attempts=3)
    assert short(place.rows) == [("It is bad.", "It is fine.", "It is fine.", False, "accepted")]
    assert (summary.unusable, summary.rows, summary.done) == (1, 1, 1)
    assert len(teacher.calls) == 4


def test_an_answer_that_keeps_to_the_protocol_late_is_used(place):
    place.ask(QUESTION)
    teacher = Editor({"It is bad.": [{"raw": "Hm."}, {"raw": "Well."}, "It is better."]})
    summary = place.annotate(teacher=teacher, attempts=3)
    assert place.rows[0]["correction"] == "It is better."
    assert summary.unusable == 0


def test_a_correction_that_runs_on_is_unusable(place):
    place.ask(QUESTION)
    summary = place.annotate(teacher=Editor({"It is bad.": "on and " * 1000}))
    assert short(place.rows) == [("It is bad.", "It is fine.", "It is fine.", False, "accepted")]
    assert summary.unusable == 1


def test_a_whole_response_can_be_the_unit(place):
    place.ask(QUESTION)
    place.annotate(granularity="response")
    assert short(place.rows) == [("", "It is bad. It is fine.", "It is good. It is fine.", False, "replaced")]


def test_a_reply_can_be_bounded(place):
    place.ask(QUESTION)
    place.annotate(Upstream({QUESTION: "One. Two. Three. Four."}), max_sentences=2)
    assert [row["last"] for row in place.rows] == ["One.", "Two."]


def test_an_empty_reply_makes_no_rows(place):
    place.ask(QUESTION)
    summary = place.annotate(Upstream({QUESTION: ""}))
    assert place.rows == []
    assert (summary.done, summary.written) == (1, True)


def test_rows_stand_in_the_order_of_the_prompts_whatever_takes_longer(place):
    rng = random.Random(1)
    questions = [f"Question {number}?" for number in range(20)]
    place.ask(*questions)
    replies = {each: f"About {each} " + "A sentence. " * rng.randint(0, 12) for each in questions}
    place.annotate(Upstream(replies, delay=0.0005), concurrency=7)
    together = place.out.read_bytes()
    place.annotate(Upstream(replies), concurrency=1, overwrite=True)
    assert place.out.read_bytes() == together
    asked = [row["question"] for row in place.rows]
    assert asked == sorted(asked, key=questions.index)
    assert set(asked) == set(questions)


def test_an_aligner_that_is_no_model_can_be_the_teacher(place):
    place.ask(QUESTION)
    summary = place.annotate(teacher=ReplaceAligner(bad="good"))
    assert short(place.rows)[0] == ("", "It is bad.", "It is good.", False, "replaced")
    assert (place.rows[0]["teacher"], place.rows[0]["policy"]) == ("replace", "")
    assert summary.teacher.input == 0


def test_tokens_are_those_that_are_reported_for_every_call(place):
    place.ask(QUESTION, "Again?")
    teacher = Editor({"It is bad.": [{"raw": "Hm."}, "It is good."]})
    upstream = Upstream({})
    summary = place.annotate(upstream, teacher, concurrency=1)
    written = sum(len(call.sent) for call in teacher.calls)
    assert len(teacher.calls) == 5
    assert (summary.teacher.output, summary.teacher.estimated) == (written, False)
    assert parse_answer("".join(teacher.calls[1].sent)).text == "It is good."
    assert summary.upstream.output >= sum(len(call.sent) for call in upstream.calls if call.is_finished)


def test_tokens_that_are_not_reported_are_estimated_and_said_to_be(place):
    place.ask(QUESTION)
    summary = place.annotate(Upstream({}, usage=False), Editor({}, usage=False))
    assert summary.teacher.estimated
    assert summary.teacher.input > 100
    assert summary.upstream.estimated
    assert "about" in str(summary.teacher)
