"""Train the bundled pair anew, from nothing, by the commands of this package: `python examples/sums/train.py OUT`.

A model of random weights learns to copy, then to solve sums. From it comes an upstream that slips; it answers
questions, and a teacher that knows the rules corrects it. The aligner learns from that, and from many more sentences
that are drawn. What is there already is kept: an interrupted run goes on. Deterministic for a seed and a machine.
"""

from __future__ import annotations

import argparse
import math
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from langchain_core.language_models import BaseChatModel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from stream_aligner_lc import ChatTransformers
from stream_aligner_lc.annotation import annotate
from stream_aligner_lc.civility import talk
from stream_aligner_lc.demo.talker import Talker
from stream_aligner_lc.rows.reading import entries
from stream_aligner_lc.rows.writing import as_line, whole_file
from stream_aligner_lc.sums.lessons import aligner_rows, base_rows, copying_rows, upstream_rows
from stream_aligner_lc.sums.problems import draw
from stream_aligner_lc.sums.teacher import is_step, teach
from stream_aligner_lc.sums.tokenizer import make_tokenizer, pieces_of

_HERE = "--device cpu --threads 2 --max-tokens 512"
_COMMON = f"{_HERE} --epochs 1 --schedule linear --beta2 0.98 --accumulation 1"
_REPLY = f"{_COMMON} --template reply --held-out-share 0.003"
# The sentences of a reply share a sequence, and a batch counts replies. Copying is known already.
_ALIGNER = f"{_COMMON} --template verdict --joins --batch 8 --copy-share 0 --held-out-share 0.003 --figures-rows 100"


class Plan(NamedTuple):
    """How many rows of everything."""

    copying: int
    base: int
    upstream: int
    prompts: int
    """Questions of either kind that are answered for the teacher."""
    aligner: int
    """Sentences that are drawn, beside those that the teacher corrects."""
    manners: int
    """Sentences of the last lesson, most of which are about manners."""


PLANS = {
    "full": Plan(copying=24_000, base=80_000, upstream=20_000, prompts=600, aligner=540_000, manners=100_000),
    # Shows in a minute or two that all of it works, and learns next to nothing.
    "short": Plan(copying=100, base=200, upstream=200, prompts=6, aligner=1300, manners=300),
}


def main() -> None:
    """Run every stage that has not run yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder for data and models; what is there already is kept")
    parser.add_argument("--plan", choices=tuple(PLANS), default="full")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    plan, out, seed, started = PLANS[options.plan], options.out, options.seed, time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    make_blank(out / "blank", tokenizer, seed=seed)
    pieces = pieces_of(tokenizer)
    write(out / "copying.jsonl", copying_rows(pieces, seed=seed), plan.copying)
    write(out / "base.jsonl", base_rows(seed=seed), plan.base)
    write(out / "upstream.jsonl", upstream_rows(seed=seed), plan.upstream)
    write(out / "aligner.jsonl", aligner_rows(pieces, seed=seed), plan.aligner)
    manners = aligner_rows(pieces, seed=seed + 1, sums=0.2, civil=0.65, initials=0.5)
    write(out / "manners.jsonl", manners, plan.manners)
    by_seed = f"--seed {42 + seed}"
    train(out, "copier", "blank", ["copying"], f"{_REPLY} --batch 24 --rate 3e-3 {by_seed}")
    train(out, "base", "copier", ["base"], f"{_REPLY} --batch 24 --rate 3e-3 {by_seed}")
    train(out, "upstream", "base", ["upstream"], f"{_REPLY} --batch 32 --rate 1.5e-3 {by_seed}")
    annotate_replies(out, plan.prompts, seed=seed)
    rows = ["aligner", "solved", "talked"]
    train(out, "aligner-1", "base", rows, f"{_ALIGNER} --rate 2e-3 --muon-rate 4e-3 --caution 2 {by_seed}")
    train(
        out,
        "aligner",
        "aligner-1",
        ["manners"],
        f"{_ALIGNER} --rate 1e-3 --muon-rate 2e-3 --caution 2 --seed {43 + seed}",
    )
    print(f"Trained in {(time.monotonic() - started) / 60:.0f} minutes: {out / 'upstream'} and {out / 'aligner'}")


def make_blank(folder: Path, tokenizer: PreTrainedTokenizerFast, *, seed: int) -> None:
    """Write a Llama of 0.9 million random weights, and its tokenizer."""
    if folder.exists():
        return
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=math.ceil(len(tokenizer) / 16) * 16,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write(file: Path, rows: Iterator[dict[str, Any]], count: int) -> None:
    """Write so many rows, unless they are there."""
    if file.exists():
        return
    with whole_file(file) as opened:
        opened.writelines(as_line(row) for row in islice(rows, count))


def train(out: Path, name: str, model: str, rows: list[str], options: str) -> None:
    """Train `name` from `model` by the command of the package, unless that is done."""
    if (out / name).exists():
        return
    files = [str(out / f"{each}.jsonl") for each in rows]
    command = [sys.executable, "-m", "stream_aligner_lc", "train", *files, "--model", str(out / model)]
    command += ["--out", str(out / name), *options.split()]
    print(shlex.join(command), flush=True)
    if subprocess.run(command, check=False).returncode:  # noqa: S603  # our own command
        sys.exit(f"{name} was not trained to its end; the same command goes on from its last checkpoint.")


def annotate_replies(out: Path, count: int, *, seed: int) -> None:
    """Have the upstream answer sums, and somebody without manners small talk, and the teacher correct both."""
    rng = random.Random(f"annotated {seed}")  # noqa: S311  # sums and talk, no secrets
    upstream = ChatTransformers(str(out / "upstream"), device="cpu", temperature=1.0, seed=seed)
    replies = {each.question: each.said for each in (talk.draw(rng) for _ in range(count))}
    annotated(out, "solved", [draw(rng).question for _ in range(count)], upstream)
    annotated(out, "talked", list(replies), Talker(replies))


def annotated(out: Path, name: str, questions: list[str], upstream: BaseChatModel) -> None:
    """Write a row for every sentence that the upstream answers with."""
    prompts, rows, written = (out / f"{name}{kind}" for kind in ("-prompts.jsonl", "-rows.jsonl", ".jsonl"))
    write(
        prompts, ({"id": f"{name}-{number}", "question": each} for number, each in enumerate(questions)), len(questions)
    )
    if written.exists():
        return
    print(annotate([prompts], upstream, teach, policy="Right sums and civility, by rule.", out=rows))
    with whole_file(written) as opened:
        for row, _ in entries(rows):
            # As in the lessons, right steps are written out, too.
            opened.write(as_line({**row, "verdict": "replaced"} if is_step(row["last"]) else row))


if __name__ == "__main__":
    main()
