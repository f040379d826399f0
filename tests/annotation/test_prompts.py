"""Which objects of a data file can be asked."""

import pytest

from stream_aligner_lc.resumable.prompts import prompts_of
from stream_aligner_lc.rows.reading import Entry, RowError

PLACE = "a.jsonl, line 1"
USER = {"role": "user", "content": "Why?"}


def prompt(**fields):
    (only,) = prompts_of([Entry(fields, PLACE)])
    return only


@pytest.mark.parametrize(
    "fields",
    [
        {"question": "Why?"},
        {"prompt": "Why?"},
        {"prompt": [USER]},
        {"messages": [USER]},
        {"messages": [{"role": "human", "content": "Why?", "name": "x"}]},
        {"question": "Why?", "prompt": "no", "messages": [USER, {"role": "assistant", "content": "Because."}]},
        {"question": None, "prompt": "Why?", "answer": "no"},
        {"question": "Why?", "system": None, "id": None},
        {"question": "Why?", "system": "", "id": ""},
    ],
)
def test_a_question_stands_in_one_of_three_fields(fields):
    assert prompt(**fields).messages == [USER]


def test_a_system_prompt_stands_before_the_conversation():
    assert prompt(question="Why?", system="Be brief.").messages == [{"role": "system", "content": "Be brief."}, USER]


@pytest.mark.parametrize(("given", "id"), [("a-1", "a-1"), (7, "7"), (0, "0")])
def test_an_id_is_kept(given, id):
    assert prompt(question="Why?", id=given).id == id


def test_an_id_that_is_missing_is_derived_from_place_and_conversation():
    entries = [
        Entry({"question": "Why?"}, PLACE),
        Entry({"question": "Why?"}, "a.jsonl, line 2"),
        Entry({"question": "How?"}, "b.jsonl, line 1"),
    ]
    first = [each.id for each in prompts_of(entries)]
    assert first == [each.id for each in prompts_of(entries)]
    assert len(set(first)) == 3
    assert prompt(question="Why?", unrelated=1).id == first[0]
    assert prompt(question="Who?").id != first[0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "question"),
        ({"answer": "x"}, "question"),
        ({"question": " "}, "question"),
        ({"question": 3}, "question"),
        ({"question": "\ud800"}, "question"),
        ({"prompt": {"x": 1}}, "prompt"),
        ({"messages": []}, "messages"),
        ({"messages": "[]"}, "messages"),
        ({"messages": ["Why?"]}, "messages[0]"),
        ({"messages": [{"content": "Why?"}]}, "messages[0]"),
        ({"messages": [{"role": ["user"], "content": "Why?"}]}, "messages[0]"),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages[1]"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "messages[0].content"),
        ({"messages": [USER, {"role": "assistant", "content": "Because."}]}, "messages"),
        ({"question": "Why?", "system": 1}, "system"),
        ({"question": "Why?", "id": 1.5}, "id"),
        ({"question": "Why?", "id": True}, "id"),
        ({"question": "Why?", "id": [1]}, "id"),
    ],
)
def test_what_cannot_be_asked_names_place_and_field(fields, field):
    with pytest.raises(RowError) as raised:
        prompt(**fields)
    assert (raised.value.fault.place, raised.value.fault.field) == (PLACE, field)


def test_an_id_that_comes_twice_names_both_places():
    entries = [Entry({"question": "Why?", "id": 1}, PLACE), Entry({"question": "How?", "id": "1"}, "b.csv, line 2")]
    with pytest.raises(RowError, match=r"b\.csv, line 2.*'1' stands at a\.jsonl, line 1"):
        list(prompts_of(entries))
