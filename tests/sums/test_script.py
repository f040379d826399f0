"""The script that trains the bundled pair, run whole at a length at which next to nothing is learned."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stream_aligner_lc import ChatTransformers, TransformersAligner
from stream_aligner_lc.sums.problems import problems

# Five trainings, each a program of its own that loads all of torch and trl: minutes on a busy machine.
pytestmark = pytest.mark.timeout(1200)

SCRIPT = Path(__file__).parents[2] / "examples" / "sums" / "train.py"
STAGES = ("blank", "copier", "base", "upstream", "aligner-1", "aligner")


def trained(out, *more):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(SCRIPT), str(out), "--plan", "short", *more]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("pair") / "made"
    said = trained(out)
    assert said.count("stream_aligner_lc train") == 5
    assert "Trained in" in said
    return out


def weights(out, stage):
    return (out / stage / "model.safetensors").read_bytes()


def test_every_stage_comes_out_of_the_one_before(made):
    assert len({weights(made, stage) for stage in STAGES}) == len(STAGES)
    assert not [path for path in made.iterdir() if path.suffix in (".part", ".old")]


def test_what_came_out_loads_with_no_further_argument(made):
    problem = problems(1, seed=0)[0]
    upstream = ChatTransformers(str(made / "upstream"), device="cpu", max_tokens=5)
    assert isinstance(upstream.invoke(problem.question).text, str)
    aligner = TransformersAligner(str(made / "aligner"), device="cpu").load()
    assert aligner.template.name == "verdict"
    assert aligner.load() is aligner


def test_the_teacher_has_corrected_what_the_upstream_and_somebody_rude_said(made):
    solved, talked = ([json.loads(line) for line in (made / f"{name}.jsonl").open()] for name in ("solved", "talked"))
    assert {row["id"].split()[0] for row in talked} == {f"talked-{number}" for number in range(6)}
    assert any(row["last"] != row["correction"] for row in talked)
    assert solved


def test_the_same_seed_trains_the_same_weights_and_what_is_there_is_kept(made, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(made, again)
    for name in ("blank", "copier", "copying.jsonl", "aligner"):
        path = again / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (again / "upstream" / "README.md").write_text("Kept.")
    said = trained(again)
    assert said.count("stream_aligner_lc train") == 2
    assert (again / "upstream" / "README.md").read_text() == "Kept."
    for stage in ("blank", "copier", "aligner"):
        assert weights(again, stage) == weights(made, stage)
