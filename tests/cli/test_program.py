"""The program as a whole: its help, its weight, its exit status, completion, and no traceback for a user's mistake."""

import json
import signal
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import click
import pytest

from stream_aligner_lc import commands, named
from stream_aligner_lc.cli import main, program
from stream_aligner_lc.commands.pairs import CONTINUATIONS
from stream_aligner_lc.continuation.providers import NAMED
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.evaluation.suites import SUITES
from stream_aligner_lc.extras import extra_of, extras
from tests.cli.running import COMMAND, environment, run

NAMES = program.list_commands(click.Context(program))
HEAVY = ("torch", "transformers", "langchain_openai", "openai", "langchain", "numpy", "rich", "langgraph")


def test_the_help_lists_every_command_in_a_screen(capsys):
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 32
    assert [line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in NAMES] == NAMES


def test_every_module_of_a_command_is_in_the_table():
    made = {
        path.stem.replace("_", "-")
        for path in Path(commands.__file__).parent.glob("[a-z]*.py")
        if hasattr(import_module(f"stream_aligner_lc.commands.{path.stem}"), "command")
    }
    assert made == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_says_what_it_does_and_each_option_what_it_is(name, capsys):
    assert main([name, "-h"]) == 0
    assert f"Usage: stream-aligner {name}" in capsys.readouterr().out
    found = program.get_command(click.Context(program), name)
    assert found.name == name
    assert found.help
    assert all(each.help for each in found.params if isinstance(each, click.Option))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in NAMES)])
def test_help_and_version_load_nothing_heavy(arguments):
    code = (
        f"import sys; from stream_aligner_lc.cli import main; assert main({arguments!r}) == 0;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_that_of_the_package(capsys):
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"stream-aligner {version('stream-aligner-lc')}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_completion_is_printed(shell, capsys):
    done = run(_STREAM_ALIGNER_COMPLETE=f"{shell}_source")
    assert done.returncode == 0, done.stderr
    assert "stream_aligner" in done.stdout
    assert main(["--help"]) == 0
    assert f"_STREAM_ALIGNER_COMPLETE={shell}_source stream-aligner" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "completions"),
    [
        ("ev", {"plain,evaluate"}),
        ("demo --policy ", {"plain,sums", "plain,civil"}),
        ("evaluate --suite s", {f"plain,{name}" for name in SUITES if name.startswith("s")}),
        ("evaluate --upstream de", {"plain,demo", "dir,de"}),
        ("bench --continuation pre", {"plain,prefill", "plain,prefix-flag"}),
        ("train ro", {"file,ro"}),
        ("chat --pl", {"plain,--plain"}),
    ],
)
def test_values_are_completed_where_they_are_known(typed, completions):
    words = f"stream-aligner {typed}".split(" ")
    more = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = run(_STREAM_ALIGNER_COMPLETE="bash_complete", **more)
    assert set(done.stdout.split()) == completions


def test_the_ways_of_continuing_that_can_be_chosen_are_those_there_are():
    assert set(CONTINUATIONS) == {"auto", *NAMED}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["annotate", "{}/none.jsonl", "--upstream", "demo", "--teacher", "demo", "--out", "{}/o"], "none.jsonl"),
        (["convert", "{}/none.jsonl", "--out", "{}/o"], "none.jsonl"),
        (["convert", "{}/rows.jsonl", "--out", "{}/no/folder/o"], "folder"),
        (["chat", "--upstream", "{}/none", "Hi"], "none"),
        (["chat", "--upstream", "nobody:model", "Hi"], "nobody:model"),
        (["chat", "--aligner", "{}/none", "Hi"], "none"),
        (["chat", "--policy", "Be good.", "--aligner", "demo", "Hi"], "--policy"),
        (["doctor", "--upstream", "{}/none"], "none"),
        (["bench", "{}/none.jsonl"], "none.jsonl"),
        (["evaluate", "--suite", "none", "--upstream", "demo", "--aligner", "demo", "--out", "{}/o"], "'none'"),
        (["report", "{}/none"], "none"),
    ],
)
def test_a_users_mistake_is_one_line(arguments, said, tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"question": "A?", "answer": "B.", "correction": "C."}) + "\n")
    assert main([each.replace("{}", str(tmp_path)) for each in arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("stream-aligner: ")
    assert error.count("\n") == 1
    assert said in error


def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(monkeypatch, capsys):
    def model_named(name, **_):
        raise ModuleNotFoundError("No module named 'langchain_openai'", name="langchain_openai.chat_models")

    monkeypatch.setattr(named, "model_named", model_named)
    assert main(["chat", "--upstream", "x:y", "Hi"]) == 1
    assert "pip install 'stream-aligner-lc[openai]'" in capsys.readouterr().err


def test_a_cause_that_says_nothing_more_is_not_told(monkeypatch, capsys):
    def model_named(name, **_):
        raise ConfigurationError("This needs x: pip install x.") from ModuleNotFoundError("No module named 'x'")

    monkeypatch.setattr(named, "model_named", model_named)
    assert main(["chat", "--upstream", "x:y", "Hi"]) == 1
    assert capsys.readouterr().err == "stream-aligner: This needs x: pip install x.\n"


@pytest.mark.parametrize("command", ["annotate", "chat", "convert", "export-preferences"])
def test_a_warning_is_one_line_in_every_command(command, monkeypatch, capsys):
    def invoke(_context):
        warnings.warn("Mind the gap.", stacklevel=2)

    monkeypatch.setattr(program.get_command(None, command), "invoke", invoke)
    given = {"annotate": "p --upstream a --teacher b --out o", "chat": "Hi", "convert": "rows --out o"}
    assert main([command, *given.get(command, "p --upstream a --aligner b --out o").split()]) == 0
    assert capsys.readouterr().err == "stream-aligner: Mind the gap.\n"


def test_a_module_that_no_extra_brings_is_a_mistake_of_the_program(monkeypatch):
    def model_named(name, **_):
        raise ModuleNotFoundError("No module named 'nonsense'", name="nonsense")

    monkeypatch.setattr(named, "model_named", model_named)
    with pytest.raises(ModuleNotFoundError):
        main(["chat", "--upstream", "x:y", "Hi"])


def test_the_extras_are_those_of_the_metadata():
    found = extras()
    assert {"", "local", "openai", "agents", "train", "serve", "evaluate"} <= set(found)
    assert "torch" in found["local"]
    assert "langgraph" in found[""]
    assert [extra_of(name) for name in ("torch.nn", "trl", "fastapi", "math_verify", "os")] == [
        "local", "train", "serve", "evaluate", None,
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", [["demo", "--problems", "0"], ["chat", "--nothing"], ["convert"], ["nonsense"]])
def test_what_is_asked_wrongly_is_status_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "Usage: stream-aligner" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["chat"], ["bench", "-"], ["convert", "-", "--out", "{}/o"]], ids=" ".join)
def test_a_standard_input_that_is_closed_is_an_empty_one(arguments, tmp_path):
    done = subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", *COMMAND, *(each.replace("{}", str(tmp_path)) for each in arguments)],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert "There is nothing to" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_an_output_has_no_letters_for_is_spelled_out(tmp_path):
    code = (
        "import sys, click; from stream_aligner_lc.cli import main, program;"
        "program.get_command(None, 'doctor').callback = lambda **_: click.echo('A minus \u2212.');"
        "sys.exit(main(['doctor']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=environment(PYTHONIOENCODING="cp1252"),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "A minus \\u2212.\n"), done.stderr


def test_ctrl_c_during_a_reply_ends_with_130_and_without_a_traceback():
    process = subprocess.Popen(
        [*COMMAND, "demo", "--problems", "100000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(PYTHONUNBUFFERED="1"),
    )  # fmt: skip
    try:
        shown = ""
        while "aligned  " not in shown:
            shown += process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "Exception" not in errors


def test_a_reader_that_has_gone_ends_the_program_quietly():
    process = subprocess.Popen(
        [*COMMAND, "chat", "--json", "Take 2 from 9. Take 3 away. What is the result?"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    process.stdout.close()
    with process.stderr:
        errors = process.stderr.read()
    assert process.wait(120) == 1
    assert errors == ""
