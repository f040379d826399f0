"""What is checked of one object."""

import pickle

import pytest

from stream_aligner_lc.rows.reading import Entry, Fault, RowError, Seen, text_of

PLACE = "a.jsonl, line 3"


def test_a_text_is_returned_as_it_stands():
    assert text_of(Entry({"q": "  é\n"}, PLACE), "q") == "  é\n"


@pytest.mark.parametrize("value", [None, 1, ["x"], {"x": 1}, "", " \n", "\ud800", "half \udfff"])
def test_what_is_no_text_names_place_and_field(value):
    with pytest.raises(RowError, match=r"^a\.jsonl, line 3, field 'q': "):
        text_of(Entry({"q": value}, PLACE), "q")


def test_a_missing_field_is_told_with_those_that_are_there():
    with pytest.raises(RowError, match="no such field; the fields are 'question', 'id'"):
        text_of(Entry({"question": "x", "id": 1}, PLACE), "q")


def test_an_empty_text_passes_where_it_may():
    assert text_of(Entry({"q": ""}, PLACE), "q", may_be_empty=True) == ""


def test_a_long_value_is_shown_by_its_start():
    with pytest.raises(RowError) as raised:
        text_of(Entry({"q": ["x" * 10_000]}, PLACE), "q")
    assert len(str(raised.value)) < 300


def test_an_id_that_comes_twice_names_both_places():
    seen = Seen()
    seen.add("one", "a.jsonl, line 1")
    seen.add("two", "a.jsonl, line 2")
    with pytest.raises(RowError, match=r"^b\.csv, line 9, field 'id': 'one' stands at a\.jsonl, line 1"):
        seen.add("one", "b.csv, line 9")


def test_an_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(RowError(Fault(PLACE, "q", "is wrong."))))
    assert str(error) == "a.jsonl, line 3, field 'q': is wrong."
    assert error.fault.field == "q"
