"""A run that was killed goes on where it was: what comes out has the same bits as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from stream_aligner_lc.cli import main
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.training.checkpoints import MARK, is_whole, last_whole, mark
from stream_aligner_lc.training.working import WorkingFolder
from tests.training.small_runs import many_rows, run, save_base, write_rows

PLACES = {"copy": ("copy", 8), "main": ("correct", 8)}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """The arguments of a training, but for its `--out`."""
    folder = tmp_path_factory.mktemp("given")
    # With dropout: what is random has to go on too.
    base = save_base(folder / "base", attention_dropout=0.1, hidden_size=32, intermediate_size=48)
    rows = write_rows(folder / "rows.jsonl", many_rows(60))
    options = {
        "--model": base, "--device": "cpu", "--threads": 1, "--batch": 1, "--accumulation": 2, "--epochs": 2,
        "--copy-share": 1, "--copy-epochs": 2, "--held-out-share": 0.1, "--evaluate-every": 4, "--rate": 1e-3,
        "--figures-rows": 0,
    }  # fmt: skip
    return ["train", rows, *(str(each) for pair in options.items() for each in pair)]


@pytest.fixture(scope="module")
def undisturbed(given, tmp_path_factory):
    """The weights of a run to which nothing happened."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert main([*given, "--out", str(out)]) == 0
    return (out / "model.safetensors").read_bytes()


@pytest.fixture(scope="module", params=PLACES)
def killed(given, request, tmp_path_factory):
    """The folder of a process that was killed in the middle of a stage."""
    stage, step = PLACES[request.param]
    out = tmp_path_factory.mktemp("killed") / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_aligner_lc", *given, "--out", str(out)], stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    place = WorkingFolder(out).stage(stage)
    until = time.monotonic() + 250
    while not any(int(each.name.rpartition("-")[2]) >= step for each in place.glob("checkpoint-*")):
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < until
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not out.exists()
    return out, stage


def newest(place):
    return max(place.glob("checkpoint-*"), key=lambda each: int(each.name.rpartition("-")[2]))


def whole_ones(place):
    return [each for each in place.glob("checkpoint-*") if is_whole(each)]


def without_mark(checkpoint):
    (checkpoint / MARK).unlink(missing_ok=True)


def cut_off(name):
    def cut(checkpoint):
        content = (checkpoint / name).read_bytes()
        (checkpoint / name).write_bytes(content[: len(content) // 2])

    return cut


def half_gone(checkpoint):
    (checkpoint / "optimizer.pt").unlink()
    (checkpoint / "trainer_state.json").unlink()


DAMAGE = {
    "nothing more": lambda checkpoint: None,
    "no mark": without_mark,
    "weights cut off": cut_off("model.safetensors"),
    "optimizer cut off": cut_off("optimizer.pt"),
    "a mark cut off": cut_off(MARK),
    "half removed": half_gone,
}


@pytest.mark.parametrize(
    ("killed", "damage"),
    [*(("main", damage) for damage in DAMAGE), ("copy", "nothing more"), ("copy", "weights cut off")],
    indirect=["killed"],
)
def test_a_killed_run_goes_on_to_the_same_bits(damage, killed, given, undisturbed, tmp_path):
    out, stage = killed
    # Somewhere else, so that nothing can depend on where it was.
    part = shutil.copytree(WorkingFolder(out).folder, WorkingFolder(tmp_path / "moved").folder)
    place = part / stage
    while len(whole_ones(place)) > 0 and newest(place) not in whole_ones(place):
        # What the kill itself has cut off.
        shutil.rmtree(newest(place))
    assert whole_ones(place)
    DAMAGE[damage](newest(place))
    assert main([*given, "--out", str(tmp_path / "moved")]) == 0
    assert (tmp_path / "moved" / "model.safetensors").read_bytes() == undisturbed
    assert not part.exists()


def test_steps_that_were_made_are_not_made_again(killed, given, tmp_path, capfd):
    out, stage = killed
    shutil.copytree(WorkingFolder(out).folder, WorkingFolder(tmp_path / "moved").folder)
    step = int(last_whole(WorkingFolder(tmp_path / "moved").stage(stage)).name.rpartition("-")[2])
    assert main([*given, "--out", str(tmp_path / "moved")]) == 0
    said = [line for line in capfd.readouterr().err.replace("\r", "\n").splitlines() if line.startswith(f"{stage}: ")]
    assert f" {step}/" in said[0]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--rate", "2e-3"), "rate was 0.001 and is 0.002 now"),
        (("--seed", "7"), "the rows are others now|seed was 42 and is 7 now"),
        (("--template", "stream-aligner"), "template was 'verdict' and is 'stream-aligner'"),
        (("--evaluate-every", "5"), "evaluate_every was 4 and is 5"),
    ],
)
def test_the_run_of_other_options_is_refused_saying_what_differs(option, said, killed, given, capsys):
    out, stage = killed
    assert main([*given, "--out", str(out), *option]) == 1
    error = capsys.readouterr().err
    with pytest.raises(AssertionError, match=f"out.part' holds a run with other options: ({said}).*--restart"):
        raise AssertionError(error)
    assert whole_ones(WorkingFolder(out).stage(stage))


def test_a_run_that_made_no_step_holds_nothing_and_its_options_may_be_others(base, tmp_path, monkeypatch):
    rows, out = many_rows(8), tmp_path / "out"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="There is no folder 'mistyped/base'"):
        run("mistyped/base", rows, out, epochs=3)
    run(base, rows, out, epochs=1)
    assert (out / "model.safetensors").is_file()


def test_other_rows_are_refused(killed, given, capsys, tmp_path):
    out, _ = killed
    rows = write_rows(tmp_path / "rows.jsonl", many_rows(161))
    assert main(["train", rows, *given[2:], "--out", str(out)]) == 1
    assert "other options: the rows are others now. Go on with" in capsys.readouterr().err


def test_a_restart_discards_what_was_done(base, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", many_rows(8))
    part = WorkingFolder(tmp_path / "out").folder
    (part / "copy" / "checkpoint-3").mkdir(parents=True)
    (part / "run.json").write_text('{"rate": 1}')
    with pytest.raises(ConfigurationError, match="holds a run with other options"):
        run(base, rows, tmp_path / "out", epochs=2)
    run(base, rows, tmp_path / "out", epochs=2, restarts=True)
    run(base, rows, tmp_path / "other", epochs=2)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("out", "other")]
    assert weights[0] == weights[1]


def test_a_result_that_is_there_is_refused_unless_it_is_to_be_overwritten(base, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"out' is there already. Choose another `--out`, or `--overwrite` it"):
        run(base, many_rows(4), out, epochs=1)
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("out.part")] == []
    assert (out / "mine.txt").read_text() == "mine"
    run(base, many_rows(4), out, epochs=1, overwrites=True)
    assert (out / "model.safetensors").is_file()
    assert not (out / "mine.txt").exists()


def test_a_broken_note_of_the_run_is_an_error_in_words(base, tmp_path):
    part = WorkingFolder(tmp_path / "out").folder
    part.mkdir()
    (part / "run.json").write_text('{"rate"')
    with pytest.raises(ConfigurationError, match=r"run.json' is no JSON"):
        run(base, many_rows(4), tmp_path / "out", epochs=1)


@pytest.mark.parametrize("out", ["", " ", ".", "..", "/", "a/.."])
def test_what_is_no_name_of_a_folder_is_refused(out, base):
    with pytest.raises(ConfigurationError, match="`out` must be the name of a folder"):
        WorkingFolder.of(out)


def test_the_model_itself_is_never_overwritten(base, tmp_path):
    with pytest.raises(ConfigurationError, match="`out` is the folder of the model itself"):
        run(base, write_rows(tmp_path / "r.jsonl", many_rows(2)), base.parent / "." / "base", overwrites=True)


def test_the_newest_whole_checkpoint_is_found_and_the_others_are_removed(tmp_path):
    for step in (5, 10, 100, 30):
        folder = tmp_path / f"checkpoint-{step}"
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "x").write_text("abc")
        mark(folder)
    assert last_whole(tmp_path).name == "checkpoint-100"
    (tmp_path / "checkpoint-100" / "inner" / "x").write_text("ab")
    (tmp_path / "checkpoint-30" / MARK).write_text("[]")
    (tmp_path / "checkpoint-10" / "inner" / "x").unlink()
    assert last_whole(tmp_path).name == "checkpoint-5"
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint-5"]
    assert last_whole(tmp_path / "nowhere") is None
