"""Two processes train one model: what one process with twice as many passes a step does, and as whole a folder."""

import os
import re
import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM

from stream_aligner_lc import TransformersAligner
from tests.training.small_runs import QUICK, many_rows, run, write_rows
from tests.training.test_what_comes_out import corrections

LOOK = re.compile(r"step (\d+): held-out loss ([\d.]+)")
OPTIONS = {**QUICK, "epochs": 32, "evaluate_every": 16, "rate": 2e-3, "threads": 1, "figures_rows": 4}
ROWS = many_rows(8)


def launched(*arguments):
    # `accelerate launch` starts one process alone on a CPU; on GPUs it does the same as this.
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m",
         "stream_aligner_lc", "train", *map(str, arguments)],
        check=False, capture_output=True, text=True, timeout=600, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def as_arguments(options):
    return [each for name, value in options.items() for each in (f"--{name.replace('_', '-')}", value)]


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    # Nearly the same, so that the last weights are the best ones.
    rows = [{**row, "question": f"{row['question']} "} for row in ROWS]
    return write_rows(tmp_path_factory.mktemp("held_out") / "held_out.jsonl", rows)


@pytest.fixture(scope="module")
def together(base, held_out, tmp_path_factory):
    """What two processes wrote, and what they said."""
    folder = tmp_path_factory.mktemp("together")
    rows = write_rows(folder / "rows.jsonl", ROWS)
    options = as_arguments({**OPTIONS, "held_out": held_out})
    done = launched(rows, "--model", base, "--out", folder / "out", *options)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stderr


def test_two_processes_write_a_folder_that_has_learned(together):
    out, _ = together
    assert corrections(TransformersAligner(out), ROWS) == [(row["correction"], False) for row in ROWS]
    assert not out.with_name("out.part").exists()
    assert "8 corrected sentences" in (out / "README.md").read_text()


def test_two_processes_see_the_losses_of_one_with_twice_the_passes(together, base, held_out, tmp_path, capfd):
    """The same rows stand in every step, and every token counts the same.

    Not to the bit: each process sums its own half of a step, and sums of floats depend on their order.
    """
    out, said = together
    run(base, ROWS, tmp_path / "alone", **{**OPTIONS, "held_out": held_out, "accumulation": 2})
    told = (capfd.readouterr().err, said)
    ours, theirs = ({int(step): float(loss) for step, loss in LOOK.findall(each)} for each in told)
    assert len(ours) > 3
    assert theirs == pytest.approx(ours, rel=2e-3)
    one, other = (AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (tmp_path / "alone", out))
    assert all(torch.allclose(tensor, other[name], atol=2e-3) for name, tensor in one.items())


def test_only_the_first_process_speaks(together):
    _, said = together
    assert said.count("Written: ") == 1
    assert len(LOOK.findall(said)) == len(set(LOOK.findall(said)))


def test_what_is_refused_ends_every_process(base, tmp_path):
    (tmp_path / "out").mkdir()
    rows = write_rows(tmp_path / "rows.jsonl", ROWS)
    done = launched(rows, "--model", base, "--out", tmp_path / "out", "--device", "cpu")
    assert done.returncode == 1
    assert "out' is there already" in done.stderr
