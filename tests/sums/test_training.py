"""The script that trains the bundled pair: it learns, and what it saves is what is served."""

import subprocess
import sys

import pytest

from stream_aligner_lc import ChatTransformers, TransformersAligner

SMALL = ["--steps", "12", "--batch", "8", "--width", "32", "--layers", "1", "--every", "6"]


def train(model, folder):
    command = [sys.executable, "-m", "stream_aligner_lc.sums.train", model, "--out", str(folder), *SMALL]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def losses(log):
    return [float(line.partition("loss ")[2].partition(",")[0]) for line in log.splitlines() if "loss " in line]


@pytest.mark.parametrize("model", ["upstream", "aligner", "verdict"])
def test_training_lowers_the_loss_and_saves_a_model_that_loads(model, tmp_path):
    done = train(model, tmp_path)
    first, last = losses(done.stdout + done.stderr)
    assert last < first
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors", ".jinja"}
    if model == "upstream":
        assert ChatTransformers(tmp_path, max_tokens=3).invoke("Ana has 4 coins.").usage_metadata["output_tokens"] <= 3
    else:
        template = "verdict" if model == "verdict" else "stream-aligner"
        assert TransformersAligner(tmp_path, device="cpu", template=template).load().name == tmp_path.name
