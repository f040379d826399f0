"""Data files to a file of rows: as a function and as a command."""

import json
import os
import subprocess
import sys

import pytest

from stream_aligner_lc.cli import main
from stream_aligner_lc.conversion import convert
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.entry import RowError

ONE = {"question": "Who?", "prefix": "It was me.", "last": "You fool.", "correction": "My friend."}
WHOLE = {"question": "Who?", "answer": "It was me. You fool. Bye.", "correction": "It was me. Bye. So long!"}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "rows.jsonl"


@pytest.fixture
def source(tmp_path):
    def write(content, name="data.json"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif name.endswith(".jsonl"):
            path.write_text("".join(json.dumps(each) + "\n" for each in content), encoding="utf-8")
        else:
            path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(*arguments):
    return main(["convert", *map(str, arguments)])


def test_both_formats_become_rows_in_the_order_of_the_files(source, out):
    summary = convert([source([ONE, {**ONE, "correction": ""}]), source([WHOLE], "whole.jsonl")], out)
    made = read(out)
    assert [(row["last"], row["correction"], row["source"]) for row in made] == [
        ("You fool.", "My friend.", "data.json, item 1"),
        ("You fool.", "", "data.json, item 2"),
        ("It was me.", "It was me.", "whole.jsonl, line 1"),
        ("You fool.", "", "whole.jsonl, line 1"),
        ("Bye.", "Bye. So long!", "whole.jsonl, line 1"),
    ]
    assert (summary.rows, summary.objects, summary.aligned, summary.skipped) == (5, 3, 1, 0)
    assert summary.verdicts == {"accepted": 1, "replaced": 2, "removed": 2}
    assert summary.shapes == {"1-1": 2, "1-0": 1, "0-1": 1}


def test_a_csv_file_is_taken_too(tmp_path, out):
    path = tmp_path / "data.csv"
    path.write_text('question,answer,correction\nWho?,"It was me.\nYou fool.",It was me.\n', encoding="utf-8")
    convert(path, out)
    made = [(row["last"], row["verdict"]) for row in read(out)]
    assert made == [("It was me.", "accepted"), ("You fool.", "removed")]


def test_rows_can_be_converted_again(source, out, tmp_path):
    convert(source([{**WHOLE, "id": "w"}]), out)
    again = tmp_path / "again.jsonl"
    convert(out, again)
    kept = [{name: value for name, value in row.items() if name != "source"} for row in read(again)]
    assert kept == [{name: value for name, value in row.items() if name != "source"} for row in read(out)]


def test_text_of_any_script_stays_readable(source, out):
    convert(source([{**WHOLE, "answer": "今天下雨。", "correction": "今天晴😀。"}]), out)
    assert "今天晴😀。" in out.read_text(encoding="utf-8")


def test_what_is_broken_is_skipped_counted_and_named(source, out):
    lines = [ONE, {**ONE, "last": 5}, {"nothing": 1}, {**WHOLE, "answer": ""}]
    raw = b"".join(json.dumps(line).encode() + b"\n" for line in lines) + b"{broken\n\xff\xfe\n" + b"[]\n"
    summary = convert(source(raw, "data.jsonl"), out)
    assert len(read(out)) == summary.rows == 1
    assert summary.skipped == 6
    told = [str(fault) for fault in summary.faults]
    assert len(told) == 5
    assert "data.jsonl, line 2, field 'last': must be a text, got 5." in told
    assert [fault.place for fault in summary.faults] == [f"data.jsonl, line {number}" for number in range(2, 7)]


@pytest.mark.parametrize("broken", [b"{broken", json.dumps({**ONE, "last": 5}).encode(), json.dumps({}).encode()])
def test_strict_makes_the_first_an_error_and_leaves_no_file(source, out, broken):
    path = source(json.dumps(ONE).encode() + b"\n" + broken + b"\n", "data.jsonl")
    with pytest.raises(RowError, match=r"data.jsonl, line 2"):
        convert(path, out, strict=True)
    assert [each.name for each in out.parent.iterdir()] == ["data.jsonl"]


def test_a_file_that_is_there_is_not_replaced_unasked(source, out):
    out.write_text("precious", encoding="utf-8")
    path = source([ONE])
    with pytest.raises(ConfigurationError, match=r"rows.jsonl' is there already.*--overwrite"):
        convert(path, out)
    assert out.read_text(encoding="utf-8") == "precious"
    convert(path, out, overwrite=True)
    assert len(read(out)) == 1


def test_a_failed_run_keeps_the_file_that_was_there(source, out):
    out.write_text("precious", encoding="utf-8")
    with pytest.raises(ConfigurationError):
        convert(source([{**ONE, "last": 5}]), out, overwrite=True)
    assert out.read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("spelled", ["data.json", "./data.json", "x/../data.json"])
def test_the_input_is_never_replaced(source, tmp_path, monkeypatch, spelled):
    path = source([ONE])
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="is read, so the rows cannot take its place"):
        convert(path, spelled, overwrite=True)
    assert json.loads(path.read_text()) == [ONE]


def test_a_folder_cannot_be_the_output(source, tmp_path):
    with pytest.raises(ConfigurationError, match="is a folder"):
        convert(source([ONE]), tmp_path, overwrite=True)


def test_without_a_row_there_is_no_file_and_the_reason_is_told(source, out):
    code = "```\nx\n```"
    with pytest.raises(ConfigurationError, match="0 objects cannot be used, and 1 hold no sentence"):
        convert(source([{**WHOLE, "answer": code}]), out)
    with pytest.raises(ConfigurationError, match=r"1 objects cannot be used.*data.json, item 1, field 'last'"):
        convert(source([{**ONE, "last": 5}]), out)
    assert not out.exists()


@pytest.mark.parametrize("sources", [["missing.json"], []])
def test_without_an_input_nothing_is_begun(out, sources):
    with pytest.raises(ConfigurationError):
        convert(sources, out)
    assert not list(out.parent.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only where there is such a device")
def test_a_full_disk_is_told_and_leaves_nothing(source, out, monkeypatch):
    import builtins
    import io

    opened = io.open

    def open_full(file, *args, **kwargs):
        return opened("/dev/full" if str(file).endswith(".part") else file, *args, **kwargs)

    path = source([ONE])
    monkeypatch.setattr(io, "open", open_full)
    monkeypatch.setattr(builtins, "open", open_full)
    with pytest.raises(ConfigurationError, match=r"rows.jsonl' cannot be written: No space left"):
        convert(path, out)
    assert not out.exists()


def test_the_command_writes_rows_and_shows_what_they_are(source, out, capsys):
    run(source([WHOLE, {**WHOLE, "correction": None}]), "--out", out)
    shown = capsys.readouterr()
    assert len(read(out)) == 3
    lines = [line.split() for line in shown.out.splitlines()]
    for words in ("rows 3", "accepted 1 33%", "removed 1 33%", "skipped, not usable 1", "1-0 1.00"):
        assert any(set(words.split()) <= set(line) for line in lines), words
    assert "skipped data.json, item 2, field 'correction': must be a text, got None." in shown.err
    assert "Converting" not in shown.err  # nobody watches


def test_the_command_shows_the_first_faults_and_counts_the_others(source, out, capsys):
    run(source([ONE, *[{**ONE, "last": 5}] * 9]), "--out", out)
    told = capsys.readouterr().err
    assert told.count("skipped data.json, item") == 5
    assert "and 4 more" in told


def test_a_fault_that_looks_like_markup_is_shown_as_it_is(source, out, capsys):
    run(source([ONE, {**ONE, "last": ["[bold]x[/]"]}]), "--out", out)
    assert "got ['[bold]x[/]']." in capsys.readouterr().err


def test_the_command_makes_whole_answers(source, out, capsys):
    run(source([WHOLE]), "--out", out, "--granularity", "response", "--format", "aligner")
    assert [(row["last"], row["end"]) for row in read(out)] == [(WHOLE["answer"], True)]
    assert "1-1" not in capsys.readouterr().out


def test_the_totals_are_one_json_object_for_a_script(source, out, capsys):
    assert run(source([ONE, {**ONE, "last": 5}]), "--out", out, "--json") == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (told["rows"], told["objects"], told["skipped"]) == (1, 1, 1)
    assert told["verdicts"] == {"replaced": 1}


@pytest.mark.parametrize(
    "arguments", [["a.json"], ["--out", "b.jsonl"], ["a.json", "--out", "b.jsonl", "--format", "alpaca"]]
)
def test_a_command_asked_wrongly_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2


def test_the_help_offers_the_formats_that_there_are(capsys):
    from stream_aligner_lc.conversion.formats import FORMATS, GRANULARITIES

    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert "[" + "|".join(FORMATS) + "]" in shown
    assert "[" + "|".join(GRANULARITIES) + "]" in shown


def test_importing_the_conversion_loads_nothing_heavy():
    heavy = "('torch', 'transformers', 'datasets', 'pandas', 'pyarrow', 'numpy', 'rich', 'tqdm')"
    code = f"import sys, stream_aligner_lc.conversion; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
