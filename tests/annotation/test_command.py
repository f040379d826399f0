"""The command: its arguments, what it shows, and its exit."""

import io
import json
import re

import pytest
from rich.console import Console

from stream_aligner_lc import cli, named
from stream_aligner_lc.annotation import Summary, Tokens
from stream_aligner_lc.annotation.screen import progress_bar, table_of
from tests.annotation.doubles import Editor, StatusError, Upstream


@pytest.fixture
def run(place, monkeypatch):
    """Run the command with arguments after the given ones, and return its status; `run.named` are the models."""

    def run(*more, upstream=None, teacher=None):
        run.named = []
        models = {"upstream": upstream or Upstream({}), "teacher": teacher or Editor({})}

        def model_named(name, **options):
            run.named.append((name, options))
            return models[name]

        monkeypatch.setattr(named, "model_named", model_named)
        names = ["--upstream", "upstream", "--teacher", "teacher", "--out", str(place.out)]
        return cli.main(["annotate", str(place.prompts), *names, *map(str, more)])

    return run


def test_it_writes_the_rows_and_shows_the_totals(place, run, capsys):
    place.ask("What?", "Why?")
    assert run("--policy", "Nothing bad.") == 0
    assert len(place.rows) == 4
    shown = capsys.readouterr()
    lines = [line.split() for line in shown.out.splitlines()]
    cells = [" ".join(word for word in line if not re.fullmatch(r"[│|]", word)) for line in lines]
    assert {"prompts 2", "rows 4", "accepted 2 (50%)", "replaced 2 (50%)", "removed 0 (0%)"} <= set(cells)
    assert any(cell.startswith("tokens of the teacher") for cell in cells)
    assert shown.err == ""


def test_json_is_the_totals_as_one_object(place, run, capsys):
    place.ask("What?", "Why?")
    assert run("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == 4
    assert told["verdicts"] == {"replaced": 2, "accepted": 2}
    assert told["upstream"]["output"] > 0
    assert told["written"] is True


def test_quiet_shows_nothing(place, run, capsys):
    place.ask("What?")
    assert run("--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_the_policy_may_stand_in_a_file(place, run):
    place.ask("What?")
    (place.folder / "policy.txt").write_text("\ufeffNothing bäd.\n", encoding="utf-8")
    teacher = Editor({})
    run("--policy", f"@{place.folder / 'policy.txt'}", teacher=teacher)
    assert "\nNothing bäd.\n" in teacher.prompts[0][0].text


def test_sampling_is_the_upstreams(place, run):
    place.ask("What?")
    run("--temperature", "0.5", "--seed", "3")
    assert run.named == [("upstream", {"temperature": 0.5, "seed": 3}), ("teacher", {})]
    run("--overwrite", "--temperature", "0")
    assert run.named[0] == ("upstream", {"temperature": 0.0})


def test_what_is_asked_for_reaches_the_loop(place, run):
    place.ask("What?", "Why?")
    teacher = Editor({"It is fine.": {"raw": "Hm."}})
    run("--limit", 1, "--max-sentences", 2, "--attempts", 2, "--granularity", "sentence", teacher=teacher)
    assert [row["last"] for row in place.rows] == ["It is bad."]
    assert len(teacher.calls) == 3


def test_failed_prompts_fail_the_command_and_say_what_to_do(place, run, capsys):
    place.ask("What?", "Why?")
    fault = StatusError(401, "No key.")
    assert run(upstream=Upstream({"Why?": fault})) == 1
    output = capsys.readouterr()
    assert re.search(r"1 of 2 prompts failed.*rows\.jsonl.*--accept-failures", output.err)
    shown = " ".join(output.out.split())
    assert "prompts.jsonl, line 2" in shown
    assert "No key." in shown
    run("--accept-failures", upstream=Upstream({"Why?": fault}))
    assert [row["question"] for row in place.rows] == ["What?", "What?"]


@pytest.mark.parametrize(
    "more",
    [
        ["--concurrency", "0"],
        ["--attempts", "x"],
        ["--limit", "-1"],
        ["--temperature", "-0.1"],
        ["--temperature", "nan"],
        ["--temperature", "inf"],
        ["--granularity", "word"],
        ["--policy", " "],
        ["--policy", "@missing.txt"],
        ["--seed", "x"],
    ],
)
def test_wrong_arguments_are_told_before_anything_is_done(place, run, more, capsys):
    place.ask("What?")
    with pytest.raises(SystemExit) as raised:
        run(*more)
    assert raised.value.code == 2
    assert more[0] in capsys.readouterr().err
    assert not place.out.exists()


def test_an_interrupt_says_how_to_go_on(place, run, capsys):
    place.ask("What?")
    assert run(upstream=Upstream({"What?": KeyboardInterrupt()})) == 130
    said = capsys.readouterr().err
    assert "rows.jsonl.part" in said
    assert "the same command goes on" in said


def summary(**fields):
    return Summary(**{"prompts": 10, "upstream": Tokens(1000, 500), "teacher": Tokens(5, 6, estimated=True), **fields})


def test_the_bar_shows_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    with progress_bar(quiet=False) as show:
        show(summary(done=4))
        total = summary(done=5, failed={"x": "y"})
        total.verdicts.update(accepted=3, replaced=1)
        show(total)
    last = capsys.readouterr().err.split("\r")[-1]
    assert "6/10" in last
    assert "4 rows, 25% replaced" in last
    assert "upstream 1.50k, teacher ~11.0 tokens, 1 failed" in last


def test_the_bar_is_silent_when_told_to_be_and_where_nobody_looks(capsys):
    for quiet in (True, False):
        with progress_bar(quiet=quiet) as show:
            show(summary(done=4))
            show(summary(done=5))
    assert capsys.readouterr().err == ""


def test_the_table_names_a_few_places_and_counts_the_rest():
    table = table_of(summary(failed={f"line {number}": "gone [/b] [bold]" for number in range(10)}))
    console = Console(width=200, file=io.StringIO())
    console.print(table)
    shown = console.file.getvalue()
    assert [f"line {number}: gone [/b] [bold]" in shown for number in range(4)] == [True, True, True, False]
    assert "and 7 more" in shown
