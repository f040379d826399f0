"""Bases and aligners, trained by the commands of the package; what is there already is kept."""

from __future__ import annotations

import copy
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from stream_aligner_lc.rows.writing import as_line, whole_file
from stream_aligner_lc.sums import pair
from studied.plans import ARMS, SIZES, Arm, Plan
from studied.rows import reply_rows, sentence_rows

_COMMON = (
    "--device cpu --threads 1 --max-tokens 512 --epochs 1 --schedule linear --beta2 0.98 --accumulation 1 "
    "--rate 2e-3 --muon-rate 4e-3 --held-out-share 0.01 --figures-rows 50"
)


def write_rows(out: Path, plan: Plan) -> None:
    """Write what every aligner learns from."""
    for arm in ARMS.values():
        rows = reply_rows(seed=arm.seed) if arm.rows == "replies" else sentence_rows(seed=arm.seed)
        _written(_rows(out, arm), rows, arm.count(plan))


def make_base(out: Path, size: str) -> None:
    """Make what the aligners of a size start from: the upstream, without its last layer or with new ones.

    A new layer adds nothing to the stream at first (block expansion: Wu et al., "LLaMA Pro", 2024).
    """
    folder = _base(out, size)
    if folder.exists():
        return
    model = LlamaForCausalLM.from_pretrained(pair.UPSTREAM)
    layers = list(model.model.layers)[: SIZES[size]]
    while len(layers) < SIZES[size]:
        new = copy.deepcopy(layers[-1])
        for silent in (new.self_attn.o_proj, new.mlp.down_proj):
            torch.nn.init.zeros_(silent.weight)
        layers.append(new)
    for index, layer in enumerate(layers):
        layer.self_attn.layer_idx = index
    model.model.layers, model.config.num_hidden_layers = torch.nn.ModuleList(layers), len(layers)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast.from_pretrained(pair.UPSTREAM).save_pretrained(folder)


def make_aligner(out: Path, name: str) -> None:
    """Train one of the aligners."""
    arm = ARMS[name]
    make_base(out, arm.size)
    options = f"{_COMMON} {arm.options} --copy-share {arm.copy_share} --seed {42 + arm.seed}"
    _train(out, name, _base(out, arm.size), _rows(out, arm), options)


def trained(out: Path) -> dict[str, dict[str, Any]]:
    """Return what every aligner has been trained on, and how long that took, by name."""
    return {name: json.loads((out / "models" / f"{name}.json").read_text(encoding="utf-8")) for name in ARMS}


def _train(out: Path, name: str, model: Path, rows: Path, options: str) -> None:
    folder, noted = out / "models" / name, out / "models" / f"{name}.json"
    if noted.exists():
        return
    command = [sys.executable, "-m", "stream_aligner_lc", "train", str(rows), "--model", str(model)]
    command += ["--out", str(folder), "--overwrite", *options.split()]
    began, worked = time.monotonic(), _seconds_worked()
    with (out / "models" / f"{name}.log").open("w", encoding="utf-8") as log:
        done = subprocess.run(  # noqa: S603  # our own command
            command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
        )
    if done.returncode:
        sys.exit(f"{name} was not trained to its end, {log.name} says why; the same command goes on from there.")
    weights = LlamaForCausalLM.from_pretrained(folder)
    figures = {
        "minutes": round((time.monotonic() - began) / 60, 2),
        "minutes of a core": round((_seconds_worked() - worked) / 60, 2),
        "rows": sum(1 for _ in rows.open(encoding="utf-8")),
        "parameters": sum(each.numel() for each in weights.parameters()),
    }
    noted.write_text(json.dumps(figures) + "\n", encoding="utf-8")


def _seconds_worked() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _rows(out: Path, arm: Arm) -> Path:
    return out / "rows" / f"{arm.rows}-{arm.seed}-{arm.times:.2g}.jsonl"


def _base(out: Path, size: str) -> Path:
    return out / "models" / f"base-{size}"


def _written(file: Path, rows: Iterator[dict[str, Any]], count: int) -> None:
    if file.exists():
        return
    with whole_file(file) as opened:
        opened.writelines(as_line(row) for row in islice(rows, count))
