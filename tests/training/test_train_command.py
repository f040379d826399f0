"""The command: what it takes, what it says of a wrong value, and how little it says beside that."""

import os
import subprocess
import sys
from dataclasses import fields
from types import ModuleType

import pytest

from stream_aligner_lc.cli import main
from stream_aligner_lc.commands.train import command
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.training.settings import Settings
from tests.training.small_runs import many_rows, write_rows

HEAVY = "torch", "transformers", "datasets", "trl", "peft", "accelerate", "pandas", "numpy"
NEEDED = {"model": "m", "rows": ["r.jsonl"], "out": "o"}


def fresh(script):
    return subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=600,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def test_help_is_there_without_anything_heavy():
    script = (
        "import sys\nfrom stream_aligner_lc import cli\n"
        "try:\n    cli.main(['train', '--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "from stream_aligner_lc.training.settings import Settings\n"
        "from stream_aligner_lc.training import card, checkpoints, corpus, order, samples, working\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = fresh(script)
    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stdout
    for field in fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in done.stdout or field.name == "rows"
    assert "--restart" in done.stdout


def test_what_is_asked_wrongly_is_said_before_torch_is_there():
    script = (
        "import sys\nfrom stream_aligner_lc import cli\n"
        "assert cli.main(['train', 'r.jsonl', '--model', 'm', '--out', 'o', '--rate', '7']) == 1\n"
        "assert 'torch' not in sys.modules"
    )
    done = fresh(script)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "stream-aligner: `rate` must be a number above 0 and at most 1, got 7.0.\n"


def test_without_the_extra_the_command_says_what_to_install(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("stream_aligner_lc.training.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "trl", None)
    assert main(["train", "r.jsonl", "--model", "m", "--out", "o"]) == 1
    assert (
        "Training needs trl, which is not installed: pip install 'stream-aligner-lc[train]'" in capsys.readouterr().err
    )


def test_versions_that_do_not_fit_say_what_to_upgrade(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("stream_aligner_lc.training.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "trl", ModuleType("trl"))
    assert main(["train", "r.jsonl", "--model", "m", "--out", "o"]) == 1
    assert "other versions than those installed: cannot import name 'SFTConfig'" in capsys.readouterr().err


def test_every_option_of_the_command_is_one_of_the_settings_with_the_same_default(monkeypatch):
    options = command.make_context("train", ["r.jsonl", "--model", "m", "--out", "o"]).params
    settings = Settings(**NEEDED).as_dict()
    assert {name: options[name] for name in settings} == {**settings, "rows": tuple(settings["rows"])}
    assert options.keys() - settings.keys() == {"restart", "overwrite"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--batch", "0"], ["--batch", "two"], ["--epochs", "many"], ["--schedule", "cubic"], ["--dtype", "int8"],
        ["--granularity", "word"], ["--device", "tpu"], ["--weight-decay", "-1"], ["--figures-rows", "-1"],
        ["--lora-rank", "0"], ["--seed", "x"], ["--unheard"],
    ],
)  # fmt: skip
def test_what_is_no_value_at_all_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", "r.jsonl", "--model", "m", "--out", "o", *arguments])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert arguments[0] in error
    assert len(arguments) == 1 or arguments[1] in error


@pytest.mark.parametrize("missing", ["rows", "--model", "--out"])
def test_what_is_needed_is_asked_for(missing, capsys):
    arguments = {"rows": ["r.jsonl"], "--model": ["--model", "m"], "--out": ["--out", "o"]}
    with pytest.raises(SystemExit) as end:
        main(["train", *(each for name, given in arguments.items() if name != missing for each in given)])
    assert end.value.code == 2
    assert missing.upper().removeprefix("--") in capsys.readouterr().err.upper()


WRONG = [
    ({"template": "paper"}, r"`template` must be one of 'stream-aligner'.*'reply', got 'paper'"),
    ({"granularity": "word"}, "`granularity` must be one of 'sentence'.*got 'word'"),
    ({"dtype": "int8"}, "`dtype` must be one of .*got 'int8'"),
    ({"device": "cuda:7"}, "`device` must be one of 'auto', 'cpu', got 'cuda:7'"),
    ({"schedule": "cubic"}, "`schedule` must be one of .*got 'cubic'"),
    ({"rows": "r.jsonl"}, r"`rows` must be a list of files, got 'r.jsonl'. Use \['r.jsonl'\]"),
    ({"rows": []}, "nothing to train on: name at least one file"),
    ({"template": "aligner"}, "no place for a prefix: it corrects whole answers.*granularity='response'"),
    ({"template": "aligner-v1", "granularity": "paragraph"}, "no place for a prefix"),
    ({"template": "reply", "granularity": "response"}, "replies have no granularity, got 'response'"),
    ({"template": "reply", "caution": 1.0}, r"no caution, got 1\.0: it corrects nothing"),
    ({"caution": -1}, "`caution` must be a number of at least 0, got -1"),
    ({"merge": True}, "`merge` merges a LoRA adapter.*choose a `lora_rank`"),
    ({"epochs": 0}, "`epochs` must be a number above 0, got 0"),
    ({"epochs": float("nan")}, "`epochs` must be a number above 0, got nan"),
    ({"epochs": float("inf")}, "`epochs` must be a number above 0, got inf"),
    ({"epochs": True}, "`epochs` must be a number above 0, got True"),
    ({"copy_epochs": -1}, "`copy_epochs` must be a number above 0, got -1"),
    ({"copy_share": 1.5}, "`copy_share` must be a number of at least 0 and at most 1, got 1.5"),
    ({"held_out_share": -0.1}, "`held_out_share` must be a number of at least 0 and at most 1, got -0.1"),
    ({"warm_up": "some"}, "`warm_up` must be a number .*got 'some'"),
    ({"rate": 0}, "`rate` must be a number above 0 and at most 1, got 0"),
    ({"beta2": 1.0}, "`beta2` must be a number above 0 and at most 0.99999, got 1.0"),
    ({"weight_decay": -1}, "`weight_decay` must be a number of at least 0, got -1"),
    ({"batch": 0}, "`batch` must be a whole number of at least 1, got 0"),
    ({"batch": None}, "`batch` must be a whole number of at least 1, got None"),
    ({"accumulation": 1.5}, "`accumulation` must be a whole number of at least 1, got 1.5"),
    ({"max_tokens": -5}, "`max_tokens` must be a whole number of at least 1, got -5"),
    ({"lora_rank": 0}, "`lora_rank` must be a whole number of at least 1, got 0"),
    ({"evaluate_every": 0}, "`evaluate_every` must be a whole number of at least 1, got 0"),
    ({"threads": "2"}, "`threads` must be a whole number of at least 1, got '2'"),
    ({"figures_rows": -1}, "`figures_rows` must be a whole number of at least 0, got -1"),
    ({"seed": -1}, "`seed` must be a whole number from 0 to 4294967295, got -1"),
    ({"seed": 2**32}, "`seed` must be a whole number from 0 to 4294967295, got 4294967296"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_a_value_out_of_range_is_refused_with_its_name_and_value(options, said):
    with pytest.raises(ConfigurationError, match=said):
        Settings(**{**NEEDED, **options})


def test_values_at_the_edge_are_taken():
    Settings(**NEEDED, copy_share=0, held_out_share=1, warm_up=1.0, seed=0, figures_rows=0, epochs=0.01, rate=1)
    assert Settings(**NEEDED, template="aligner", granularity="response").is_aligner
    assert not Settings(**NEEDED, template="reply").is_aligner


def test_a_terminal_shows_bars_looks_and_the_table_and_nothing_else(base, tmp_path):
    rows, held_out = write_rows(tmp_path / "r.jsonl", many_rows(8)), write_rows(tmp_path / "h.jsonl", many_rows(12)[8:])
    done = subprocess.run(
        [
            sys.executable, "-m", "stream_aligner_lc", "train", rows, "--held-out", held_out, "--model", base, "--out",
            tmp_path / "out", "--epochs", "4", "--figures-rows", "4", "--evaluate-every", "2",
        ],
        check=False, capture_output=True, text=True, timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.replace("\r", "\n").splitlines() if line.strip()]
    known = ("copy: ", "correct: ", "correct, step ", "Written: ", "┏", "┃", "┡", "│", "└", "8 trained on, 4 held out")
    assert [line for line in lines if not line.startswith(known)] == []
    assert sum(line.startswith("correct, step ") for line in lines) == 2
