"""What rows become of one object of a data set."""

import pytest
from hypothesis import given, settings

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.conversion import Converter
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.entry import Entry, RowError
from stream_aligner_lc.testing import ScriptedChatModel
from tests.conversion.examples import EXAMPLES, NAMES, corrected, is_judged, sentences

ONE = {"question": "Who?", "prefix": "It was me.", "last": "You fool.", "correction": "My friend."}
WHOLE = {"question": "Who?", "answer": "It was me. You fool. Bye.", "correction": "It was me.\n\nMy friend. Bye."}
PLACE = "data.json, item 3"


def rows(fields, **options):
    return Converter(**options).rows(Entry(fields, PLACE)).rows


def fault(fields, **options):
    with pytest.raises(RowError) as caught:
        rows(fields, **options)
    return str(caught.value)


def without_provenance(row):
    return {name: value for name, value in row.items() if name not in ("id", "source")}


def test_a_sentence_of_the_papers_data_is_a_row():
    (row,) = rows(ONE)
    assert without_provenance(row) == {**ONE, "end": False, "verdict": "replaced"}
    assert row["source"] == PLACE
    assert list(row)[:6] == ["question", "prefix", "last", "correction", "end", "verdict"]


@pytest.mark.parametrize(
    ("last", "correction", "verdict"),
    [
        ("Yes.", "Yes.", "accepted"),
        (" Yes.\n", "Yes. ", "accepted"),
        ("Yes.", "No.", "replaced"),
        ("Yes.", "yes.", "replaced"),
        ("Yes.", "", "removed"),
        ("Yes.", " \n", "removed"),
    ],
)
def test_the_verdict_follows_from_the_texts(last, correction, verdict):
    (row,) = rows({**ONE, "last": last, "correction": correction})
    assert row["verdict"] == verdict
    assert (row["last"], row["correction"]) == (last.strip(), correction.strip())


@pytest.mark.parametrize(
    ("prefix", "kept"),
    [
        ("", ""),
        (" ", ""),
        (" \n\t", ""),
        (None, ""),
        (" It was me.", " It was me."),
        ("A.  B.\n", "A.  B."),
        ("A.\n\n- b", "A.\n\n- b"),
    ],
)
def test_of_a_prefix_only_the_whitespace_behind_it_goes(prefix, kept):
    (row,) = rows({**ONE, "prefix": prefix})
    assert row["prefix"] == kept


def test_the_end_is_unknown_unless_the_data_say_it():
    assert [rows({**ONE, **said})[0]["end"] for said in ({}, {"end": True}, {"end": "yes"})] == [False, True, False]


def test_a_whole_answer_becomes_rows_with_the_corrected_text_before_them():
    made = [without_provenance(row) for row in rows(WHOLE)]
    assert made == [
        {"question": "Who?", "prefix": "", "last": "It was me.", "correction": "It was me.", "end": False,
         "verdict": "accepted", "index": 0},
        {"question": "Who?", "prefix": "It was me.", "last": "You fool.", "correction": "My friend.", "end": False,
         "verdict": "replaced", "index": 1},
        {"question": "Who?", "prefix": "It was me.\n\nMy friend.", "last": "Bye.", "correction": "Bye.", "end": True,
         "verdict": "accepted", "index": 2},
    ]  # fmt: skip


@given(corrected())
@settings(max_examples=150)
def test_rows_lead_step_by_step_through_the_corrected_text(texts):
    answer, correction = texts
    if not answer.strip() or not correction.strip():
        return
    converted = Converter().rows(Entry({"question": "?", "answer": answer, "correction": correction}, PLACE))
    if not converted.num_unusable:
        assert [row["last"] for row in converted.rows] == is_judged(answer.strip())
    for row in converted.rows:
        assert row["prefix"] == row["prefix"].strip()
        behind = correction.strip().removeprefix(row["prefix"]).lstrip()
        assert correction.strip().startswith(row["prefix"])
        assert behind.startswith(row["correction"])
        assert row["end"] == (not behind.removeprefix(row["correction"]).strip())


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_the_loop_asks_for_exactly_these_rows(example):
    """What it sees while it corrects the answer by these rows is what they say, and the correction comes out."""
    made = {(row["prefix"], row["last"]): row["correction"] for row in rows({**example, "question": "Well?"})}
    asked = []

    def correct(draft):
        # Code is passed through as it was written, so that behind it the prefix is another.
        prefix = draft.prefix.replace("rm -rf /", "du -sh *")
        asked.append((prefix, draft.text))
        return made[prefix, draft.text]

    chat = StreamAlignedChat(ScriptedChatModel(example["answer"]), correct, feedback=False)
    released = chat.invoke("Well?").text.replace("rm -rf /", "du -sh *")
    assert asked == list(made)
    assert released.split() == example["correction"].split()


def test_the_end_is_where_nothing_is_left_to_say():
    def ends(answer, correction):
        return [row["end"] for row in rows({"question": "?", "answer": answer, "correction": correction})]

    assert ends("One. Two. Three.", "One.") == [True, True, True]
    assert ends("One. Two. Three.", "One. Two. Three.") == [False, False, True]
    assert ends("One. Two. Three.", "Three.") == [False, False, True]
    assert ends("One.\n\n```\nx\n```", "One.\n\n```\nx\n```") == [False]


def test_the_index_counts_what_is_passed_through():
    text = "Look:\n\n```\nx\n```\n\nDone."
    assert [row["index"] for row in rows({"question": "?", "answer": text, "correction": text})] == [0, 2]


def test_an_answer_of_code_alone_makes_no_row():
    text = "```\nx = 1\n```"
    assert rows({"question": "?", "answer": text, "correction": "No."}) == []


def test_a_whole_answer_can_be_one_row():
    (row,) = rows({**WHOLE, "answer": f" {WHOLE['answer']}\n"}, granularity="response")
    assert without_provenance(row) == {
        "question": "Who?", "prefix": "", "last": WHOLE["answer"], "correction": WHOLE["correction"], "end": True,
        "verdict": "replaced", "index": 0,
    }  # fmt: skip


def test_a_single_sentence_cannot_become_a_whole_answer():
    with pytest.raises(ConfigurationError, match=r"item 3 holds one sentence.*granularity 'response'") as caught:
        rows(ONE, granularity="response")
    assert not isinstance(caught.value, RowError), "no other object can either"


def test_a_correction_that_the_loop_would_refuse_is_left_out():
    converted = Converter().rows(Entry({**WHOLE, "answer": "No.", "correction": "No! " * 400}, PLACE))
    assert (converted.rows, converted.num_unusable) == ([], 1)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({**ONE, "last": ""}, "item 3, field 'last': must not be empty"),
        ({**ONE, "last": " \n"}, "item 3, field 'last': must not be empty"),
        ({**ONE, "correction": ["My friend."]}, "item 3, field 'correction': must be a text"),
        ({**ONE, "correction": None}, "item 3, field 'correction': must be a text, got None"),
        ({**ONE, "prefix": 7}, "item 3, field 'prefix': must be a text, got 7"),
        ({**ONE, "question": ""}, "item 3, field 'question': must not be empty"),
        ({"last": "x", "correction": "y", "question": "z"}, "item 3, field 'prefix': there is no such field"),
        ({**WHOLE, "answer": ""}, "item 3, field 'answer': must not be empty"),
        ({**WHOLE, "correction": "  "}, "item 3, field 'correction': must not be empty"),
        ({**WHOLE, "correction": "half \ud83d"}, "item 3, field 'correction': holds half"),
        ({"question": "?", "answer": "x"}, "item 3, field 'correction': there is no such field"),
        ({"prompt": "?", "response": "x"}, "item 3: is of no known format.*'prompt', 'response'"),
        ({}, "item 3: is of no known format.*the fields are none"),
    ],
)
def test_a_broken_object_is_named_by_place_and_field(fields, told):
    with pytest.raises(RowError, match=told):
        rows(fields)


def test_a_named_format_says_what_it_misses():
    assert "field 'answer': there is no such field" in fault(ONE, format="aligner")
    assert "field 'prefix': there is no such field" in fault(WHOLE, format="stream-aligner")


def test_an_answer_that_is_too_long_to_align_is_named():
    answer, correction = (" ".join(sentences(1800, seed=seed)) for seed in (1, 2))
    told = fault({"question": "?", "answer": answer, "correction": correction})
    assert told.startswith(f"{PLACE}, field 'answer': 1800 sentences cannot be aligned")


def test_ids_are_kept_or_made_of_place_and_text():
    converter = Converter()
    objects = [WHOLE, WHOLE, {**WHOLE, "id": 17}]
    places = [Entry(fields, f"a.json, item {number}") for number, fields in enumerate(objects, start=1)]
    ids = [{row["id"] for row in converter.rows(entry).rows} for entry in places]
    assert [len(each) for each in ids] == [1, 1, 1], "all rows of an answer have its id"
    assert len(set.union(*ids)) == 3
    assert ids[2] == {"17"}
    assert ids[0] == {row["id"] for row in Converter().rows(places[0]).rows}, "the same in another run"


def test_two_answers_cannot_have_one_id():
    converter = Converter()
    converter.rows(Entry({**WHOLE, "id": "x"}, "a.json, item 1"))
    with pytest.raises(RowError, match=r"a.json, item 2, field 'id': 'x' stands at a.json, item 1"):
        converter.rows(Entry({**WHOLE, "id": "x"}, "a.json, item 2"))


def test_rows_of_one_reply_may_share_an_id():
    converter = Converter()
    made = [converter.rows(Entry({**ONE, "id": "x", "index": index}, PLACE)).rows[0] for index in (0, 1)]
    assert [(row["id"], row["index"]) for row in made] == [("x", 0), ("x", 1)]


@pytest.mark.parametrize("options", [{"format": "alpaca"}, {"granularity": "paragraph"}])
def test_an_unknown_option_is_told_with_those_that_there_are(options):
    ((name, value),) = options.items()
    with pytest.raises(ConfigurationError, match=f"`{name}` must be one of .*got '{value}'"):
        Converter(**options)
