"""The example of tuning an upstream, run whole with models that were taught a few answers by heart."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stream_aligner_lc import ChatTransformers
from stream_aligner_lc.sums.problems import closing, problems
from tests.training.small_runs import run, save_base

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "bootstrap"
# Those that the example draws when it is run with --short: eight to make pairs of, eight to measure.
PROBLEMS = problems(16, seed=0)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The folders of an upstream that says a wrong answer and of an aligner that knows the right one."""
    folder = tmp_path_factory.mktemp("pair")
    base = save_base(folder / "base")
    wrong = [closing(problem.answer + 1) for problem in PROBLEMS]
    replies = [{"question": each.question, "answer": said} for each, said in zip(PROBLEMS, wrong, strict=True)]
    run(base, replies, folder / "upstream", template="reply", epochs=40)
    rows = [
        {"question": each.question, "prefix": "", "last": said, "correction": closing(each.answer), "end": True}
        for each, said in zip(PROBLEMS[:8], wrong, strict=False)
    ]
    run(base, rows, folder / "aligner", epochs=40)
    return str(folder / "upstream"), str(folder / "aligner")


def example(*command):
    """Run a part of the example as a user would, without a network, and return what it printed."""
    # Nothing listens there, so whatever asks for a page or a model fails.
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **nowhere, "PATH": path, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def likelihood(folder, pairs):
    """Return how likely a model finds the chosen replies, as a mean of logarithms."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    losses = []
    for each in pairs:
        ids = [
            tokenizer.apply_chat_template(turns, return_dict=False, return_tensors="pt")
            for turns in (each["prompt"], each["prompt"] + each["chosen"])
        ]
        labels = ids[1].clone()
        labels[:, : ids[0].shape[1]] = -100
        with torch.inference_mode():
            losses.append(float(model(input_ids=ids[1], labels=labels).loss))
    return -sum(losses) / len(losses)


@pytest.mark.parametrize("more", [(), ("--lora-rank", "4", "--rate", "0.01")], ids=["all weights", "an adapter"])
def test_it_makes_pairs_tunes_the_upstream_and_compares(pair, tmp_path, more):
    upstream, aligner = pair
    models = ("--upstream", upstream, "--aligner", aligner)
    said = example(sys.executable, FOLDER / "dpo.py", tmp_path / "out", "--short", *models, *more)
    pairs = [json.loads(line) for line in (tmp_path / "out" / "pairs.jsonl").read_text().splitlines()]
    assert f"{len(pairs)} pairs of 8 prompts" in said
    assert len(pairs) >= 6
    assert all(each["chosen"] != each["rejected"] for each in pairs)
    assert re.findall(r"^(before|after): \d+\.\d% of 8 problems", said, flags=re.MULTILINE) == ["before", "after"]
    tuned = str(tmp_path / "out" / "upstream")
    assert likelihood(tuned, pairs) > likelihood(upstream, pairs)
    assert ChatTransformers(tuned, device="cpu", temperature=0).invoke(PROBLEMS[0].question).text


def test_the_chosen_replies_alone_are_learned_by_the_packages_own_command(pair, tmp_path):
    rows = [
        {
            "prompt": [{"role": "user", "content": each.question}],
            "chosen": [{"role": "assistant", "content": closing(each.answer)}],
            "rejected": [{"role": "assistant", "content": closing(each.answer + 1)}],
        }
        for each in PROBLEMS[:8]
    ]
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    example("sh", FOLDER / "sft.sh", pairs, tmp_path / "out", pair[0])
    assert likelihood(str(tmp_path / "out"), rows) > likelihood(pair[0], rows)


def test_the_readme_names_every_file_of_the_example():
    text = (FOLDER / "README.md").read_text()
    assert all(path.name in text for path in FOLDER.iterdir() if path.name != "README.md" and path.is_file())
