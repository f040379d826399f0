"""Files of JSON lines, JSON and CSV: whole ones, and everything that can be wrong with them."""

import codecs
import json

import pytest

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.reading import Entry, RowError, entries


@pytest.fixture
def written(tmp_path):
    """Write a file and return its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def with_faults(path):
    faults = []
    return list(entries(path, on_fault=faults.append)), faults


def test_json_lines_are_objects_with_the_line_that_they_stand_on(written):
    path = written("a.jsonl", '{"q": "é\\u2028"}\n\n  \r\n{"q": 2}\r\n{"q": [1]}')
    assert list(entries(path)) == [
        Entry({"q": "é\u2028"}, "a.jsonl, line 1"),
        Entry({"q": 2}, "a.jsonl, line 4"),
        Entry({"q": [1]}, "a.jsonl, line 5"),
    ]


def test_a_line_separator_inside_a_string_ends_no_line(written):
    path = written("a.jsonl", '{"q": "one\u2028two\x85three"}\n{"q": "four"}\n')
    assert [entry.place for entry in entries(path)] == ["a.jsonl, line 1", "a.jsonl, line 2"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_byte_order_mark_is_no_part_of_the_first_field(written, name):
    content = {"a.jsonl": '{"q": "x"}\n', "a.json": '[{"q": "x"}]', "a.csv": "q\nx\n"}[name]
    assert [entry.fields for entry in entries(written(name, codecs.BOM_UTF8 + content.encode()))] == [{"q": "x"}]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_utf_16_is_told_by_name(written, name):
    with pytest.raises(ConfigurationError, match="UTF-16"):
        list(entries(written(name, '{"q": "x"}'.encode("utf-16"))))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "no JSON"),
        (b"nothing", "no JSON"),
        (b"[1]", "a list"),
        (b'"text"', "a text"),
        (b"null", "null"),
        (b"true", "a truth value"),
        (b"1.5", "a number"),
        (b'{"q": "\xff"}', "UTF-8"),
        (b'{"q": ' + b"9" * 5000 + b"}", "no JSON"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(written, line, why):
    path = written("a.jsonl", b'{"q": 1}\n' + line + b'\n{"q": 3}\n')
    good, faults = with_faults(path)
    assert [entry.fields for entry in good] == [{"q": 1}, {"q": 3}]
    assert [fault.place for fault in faults] == ["a.jsonl, line 2"]
    assert why in faults[0].why
    with pytest.raises(RowError, match=r"^a\.jsonl, line 2: ") as raised:
        list(entries(path))
    assert raised.value.fault == faults[0]


def test_what_stands_before_a_broken_line_is_given_before_the_error(written):
    reading = entries(written("a.jsonl", '{"q": 1}\n{\n'))
    assert next(reading).fields == {"q": 1}
    with pytest.raises(RowError):
        next(reading)


@pytest.mark.parametrize("content", ['[{"q": 1}, {"q": 2}]', '{"name": "x", "rows": [{"q": 1}, {"q": 2}], "n": 2}'])
def test_json_is_a_list_or_an_object_that_holds_one(written, content):
    assert list(entries(written("a.json", content))) == [
        Entry({"q": 1}, "a.json, item 1"),
        Entry({"q": 2}, "a.json, item 2"),
    ]


def test_json_lines_under_the_name_of_json_are_read_as_lines(written):
    assert [entry.place for entry in entries(written("a.json", '{"q": 1}\n{"q": 2}\n'))] == [
        "a.json, line 1",
        "a.json, line 2",
    ]


def test_an_item_that_is_no_object_is_a_fault(written):
    good, faults = with_faults(written("a.json", '[{"q": 1}, "x", {"q": 3}]'))
    assert len(good) == 2
    assert faults[0].place == "a.json, item 2"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"q": 1},\n{"q": }]', "line 2"),
        (b'[{"q": 1},\n{"q": "\xff"}]', r"^\S*a.json, line 2: is not UTF-8. Save the file as UTF-8\.$"),
        ('{"a": [{}], "b": [{}]}', "2 lists"),
        ('{"q": 1}', "0 lists"),
        ("3", "a number"),
    ],
)
def test_json_that_is_broken_as_a_whole_is_an_error_with_its_line(written, content, said):
    with pytest.raises(RowError, match=said):
        with_faults(written("a.json", content))


def test_a_csv_field_may_hold_line_breaks_and_lines_are_those_of_the_file(written):
    path = written("a.csv", 'id,q\r\n1,"one\r\ntwo, ""three"""\r\n\r\n2,four\r\n')
    assert list(entries(path)) == [
        Entry({"id": "1", "q": 'one\r\ntwo, "three"'}, "a.csv, line 2"),
        Entry({"id": "2", "q": "four"}, "a.csv, line 5"),
    ]


def test_tabs_separate_the_columns_of_tsv(written):
    assert [entry.fields for entry in entries(written("a.tsv", "id\tq\n1\ta, b\n"))] == [{"id": "1", "q": "a, b"}]


@pytest.mark.parametrize(
    ("line", "field", "why"),
    [
        (b"1,2,3", "", "3 columns"),
        (b"1", "", "1 columns"),
        (b"1,\xff", "q", "UTF-8"),
        (b'1,"x"y', "", "CSV"),
        (b"1," + b"x" * 200_000, "", "field larger"),
    ],
)
def test_a_broken_line_of_csv_is_named_and_the_others_are_read(written, line, field, why):
    good, faults = with_faults(written("a.csv", b"id,q\n1,a\n" + line + b"\n3,c\n"))
    assert [entry.fields["id"] for entry in good] == ["1", "3"]
    assert [(fault.place, fault.field) for fault in faults] == [("a.csv, line 3", field)]
    assert why in faults[0].why


def test_a_quote_that_is_left_open_is_told_where_it_opens(written):
    with pytest.raises(RowError, match=r"a\.csv, line 3: .*quote"):
        list(entries(written("a.csv", 'id,q\n1,a\n2,"b\n3,c\n')))


@pytest.mark.parametrize("header", [b"q,q\n1,2\n", b"\xff,q\n1,2\n", b'"q\n1,2\n'])
def test_names_of_columns_that_cannot_be_used_are_an_error(written, header):
    with pytest.raises(RowError, match="line 1"):
        with_faults(written("a.csv", header))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_an_error(written, name, content):
    with pytest.raises(ConfigurationError, match=name):
        list(entries(written(name, content)))


@pytest.mark.parametrize(("name", "content"), [("a.json", "[]"), ("a.csv", "id,q\n")])
def test_a_file_without_objects_is_an_error(written, name, content):
    with pytest.raises(ConfigurationError, match="empty"):
        list(entries(written(name, content)))


def test_a_line_that_ends_too_early_is_told_with_the_column_where_it_ends(written):
    (_, (fault,)) = with_faults(written("a.jsonl", '{"q": 1}\n{"q": 2\n'))
    assert "line 2: is no JSON" in str(fault)
    assert "(column 8)" in str(fault)


def test_a_file_of_nothing_but_faults_is_an_error_even_where_faults_are_passed_over(written):
    with pytest.raises(ConfigurationError, match=r"none of its 2 objects is whole\. The first: .*line 1: is no JSON"):
        with_faults(written("a.jsonl", "one\ntwo\n"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_lines_are_read_as_they_are_asked_for(written, name):
    line = {"a.jsonl": json.dumps({"q": "x" * 1000}), "a.csv": "x" * 1000}[name]
    path = written(name, "q\n" * (name == "a.csv") + f"{line}\n" * 2000)
    reading = entries(path, on_fault=lambda _: None)
    next(reading)
    # What is cut off now would have been seen if the file had been read as a whole.
    with path.open("r+b") as file:
        file.truncate(200_000)
    assert 150 < sum(1 for _ in reading) < 400
