"""The command: its arguments, what it shows, and its exit."""

import io

import pytest
from rich.console import Console

from stream_aligner_lc import cli, named
from stream_aligner_lc.preferences import Summary
from stream_aligner_lc.preferences.screen import progress_bar, table_of
from tests.annotation.doubles import Editor, StatusError, Upstream
from tests.local.small_models import save, small_llama


@pytest.fixture
def run(place, monkeypatch):
    """Run the command with arguments after the given ones, and return its status; `run.named` are the models."""

    def run(*more, upstream=None, aligner="provider:aligner"):
        run.named = []
        models = {"upstream": upstream or Upstream({}), "provider:aligner": Editor({})}

        def model_named(name, **options):
            run.named.append((name, options))
            return models[name]

        monkeypatch.setattr(named, "model_named", model_named)
        names = ["--upstream", "upstream", "--aligner", str(aligner), "--out", str(place.out)]
        return cli.main(["export-preferences", str(place.prompts), *names, *map(str, more)])

    return run


def test_it_writes_the_pairs_and_shows_the_totals(place, run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    place.ask("What?", "Why?", "Nothing?")
    upstream = Upstream({"Why?": "Fine.", "Nothing?": ""})
    assert run("--policy", "Nothing bad.", upstream=upstream) == 0
    assert place.sides == [("It is good. It is fine.", "It is bad. It is fine.")]
    shown = capsys.readouterr()
    said = [" ".join(word for word in line.split() if word != "│") for line in shown.out.splitlines()]
    assert {"prompts 3", "pairs 1 (33%)", "equal replies 1 (33%)", "replaced 1 (33%)"} <= set(said)
    assert "prompts.jsonl, line 3: The aligned reply is empty." in shown.out
    assert shown.err == ""


def test_quiet_shows_nothing(place, run, capsys):
    place.ask("What?")
    assert run("--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_sampling_is_the_upstreams(place, run):
    place.ask("What?")
    run("--temperature", "0.5", "--seed", "3")
    assert run.named == [("upstream", {"temperature": 0.5, "seed": 3}), ("provider:aligner", {})]


def test_what_is_asked_for_reaches_the_work(place, run):
    place.ask("What?", "Why?", "How?")
    upstream = Upstream({"What?": "Fine."})
    assert run("--limit", 2, "--include-same", "--no-shared", "--granularity", "response", upstream=upstream) == 0
    assert [row["id"] for row in place.rows] == ["0", "1"]
    assert place.rows[0]["same"]
    assert place.rows[1]["sentences"] == {"replaced": 1}
    bare = [prompt for prompt in upstream.prompts if prompt[-1].text == "Why?"]
    assert len(bare) == 2


def test_the_name_of_a_folder_is_that_of_a_trained_aligner(place, run, capsys):
    place.ask("What?")
    folder = save(place.folder / "aligner", small_llama(640))
    assert run(aligner=folder, upstream=Upstream({"What?": "Fine."})) == 0
    assert [name for name, _ in run.named] == ["upstream"]
    assert run("--overwrite", aligner=place.folder / "gone") == 1
    assert "gone" in capsys.readouterr().err


def test_a_trained_aligner_is_told_no_policy(place, run, capsys):
    place.ask("What?")
    assert run("--policy", "Nothing bad.", aligner=place.folder) == 1
    assert "provider:model" in capsys.readouterr().err
    assert not place.out.exists()


def test_failed_prompts_fail_the_command_and_say_what_to_do(place, run, capsys):
    place.ask("What?", "Why?")
    upstream = Upstream({"Why?": StatusError(401, "No key.")})
    assert run(upstream=upstream) == 1
    shown = capsys.readouterr()
    assert "No key." in shown.out
    assert "prompts.jsonl, line 2" in shown.out
    assert "1 of 2 prompts failed" in shown.err
    assert "--accept-failures" in shown.err
    assert not place.out.exists()
    assert run("--accept-failures", upstream=upstream) == 0
    assert [row["id"] for row in place.rows] == ["0"]


@pytest.mark.parametrize(
    "more",
    [
        ["--concurrency", "0"],
        ["--limit", "-1"],
        ["--temperature", "nan"],
        ["--granularity", "word"],
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
    assert "pairs.jsonl.part" in said
    assert "the same command goes on" in said


def test_the_bar_shows_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    with progress_bar(quiet=False) as show:
        show(Summary(prompts=10, done=4))
        show(Summary(prompts=10, done=5, pairs=3, same=2, failed={"x": "y"}))
    last = capsys.readouterr().err.split("\r")[-1]
    assert "6/10" in last
    assert "3 pairs, 2 equal, 1 failed" in last


def test_the_table_takes_brackets_for_text():
    console = Console(width=200, file=io.StringIO())
    console.print(table_of(Summary(prompts=1, left_out={"line 1": "gone [/b] [bold]"})))
    assert "line 1: gone [/b] [bold]" in console.file.getvalue()
