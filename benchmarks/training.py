"""What `stream-aligner train` costs beside a plain PyTorch loop: rows and tokens a second, and peak memory.

`python benchmarks/training.py` trains the size of the bundled pair on a processor; `--device cuda --size 2b` a model of
the size of Gemma 2B, with random weights. Each way runs in its own process, on the same rows; ratios inside one run
count. Prints one Markdown table.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import GemmaConfig, GemmaForCausalLM, LlamaConfig, LlamaForCausalLM

from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import Row
from stream_aligner_lc.local.verdicts import form_of
from stream_aligner_lc.prompts import template_named
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.lessons import aligner_rows
from stream_aligner_lc.sums.tokenizer import make_tokenizer, pieces_of
from stream_aligner_lc.training.order import arranged
from stream_aligner_lc.training.samples import Sample
from stream_aligner_lc.training.settings import Settings
from stream_aligner_lc.training.tokens import CorrectionRows
from stream_aligner_lc.training.trainer import Stage, run


class Way(NamedTuple):
    """A way to train on the rows of some sentences."""

    name: str
    template: str
    train: Callable[[Any, Any, Sequence[Row], Settings], None]
    options: dict[str, Any]


def plain(model: Any, tokenizer: Any, rows: Sequence[Row], settings: Settings, *, sorts: bool = False) -> None:
    """Train in a loop of a few lines, over rows as they come, or arranged by length."""
    order = list(range(len(rows)))
    if sorts:
        order = arranged([len(row.ids) for row in rows], batch=settings.batch, epochs=1, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate)
    is_bf16 = model.device.type == "cuda"
    for start in range(0, len(order), settings.batch):
        batch = padded([rows[number] for number in order[start : start + settings.batch]], tokenizer.pad_token_id)
        with torch.autocast(model.device.type, torch.bfloat16, enabled=is_bf16):
            loss = model(**{name: tensor.to(model.device) for name, tensor in batch.items()}, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def sorted_plain(model: Any, tokenizer: Any, rows: Sequence[Row], settings: Settings) -> None:
    """Train in the plain loop over rows arranged by length."""
    plain(model, tokenizer, rows, settings, sorts=True)


def ours(model: Any, tokenizer: Any, rows: Sequence[Row], settings: Settings) -> None:
    """Train as `stream-aligner train` does."""
    with tempfile.TemporaryDirectory() as folder:
        run(Stage("train", rows, (), 1), model, tokenizer, settings, Path(folder))


WAYS = (
    Way("plain loop, rows as they come", "stream-aligner", plain, {}),
    Way("plain loop, rows arranged by length", "stream-aligner", sorted_plain, {}),
    Way("`train`", "stream-aligner", ours, {}),
    Way("`train`, LoRA of rank 16", "stream-aligner", ours, {"lora_rank": 16}),
    Way("`train`, gradient checkpointing", "stream-aligner", ours, {"checkpointing": True}),
    Way("`train`, template `verdict`", "verdict", ours, {}),
    Way("`train`, template `verdict`, `--joins`", "verdict", ours, {"joins": True}),
)


def padded(rows: Sequence[Row], pad: int) -> dict[str, torch.Tensor]:
    """Pad rows on the right to the longest."""
    longest = max(len(row.ids) for row in rows)
    return {
        "input_ids": torch.tensor([row.ids + [pad] * (longest - len(row.ids)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows]),
        "labels": torch.tensor([row.labels + [-100] * (longest - len(row.ids)) for row in rows]),
    }


def make_model(size: str) -> Any:
    """Return a model with random weights: of the bundled pair's size, or of Gemma 2B's."""
    torch.manual_seed(0)
    if size == "2b":
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            return GemmaForCausalLM(GemmaConfig())
    config = LlamaConfig.from_pretrained(pair.UPSTREAM, max_position_embeddings=4096)
    return LlamaForCausalLM(config)


def make_samples(count: int, *, longer: int) -> list[Sample]:
    """Return the sentences that the bundled aligner learns from, reply by reply; `longer` repeats the question."""
    return [
        Sample(
            " ".join([row["question"]] * longer), row["prefix"], row["last"], row["correction"], row["end"], place=""
        )
        for row in islice(aligner_rows(pieces_of(make_tokenizer()), seed=0), count)
    ]


def measure(number: int, options: argparse.Namespace) -> dict[str, float]:
    """Train in one way, and return what it took; the first steps are left out."""
    torch.set_num_threads(1)
    way, tokenizer = WAYS[number], make_tokenizer()
    encoder = Encoder(tokenizer)
    made = CorrectionRows(form_of(encoder, template_named(way.template)), 4096)
    longer = 8 if options.size == "2b" else 1
    samples = make_samples(options.sentences, longer=longer)
    rows: Sequence[Any] = list((made.trees if "joins" in way.options else made.rows)(samples, on_fault=print))
    # As many sentences a step in every way.
    batch = max(1, round(options.batch * len(rows) / len(samples)))
    settings = Settings(
        model="",
        rows=["-"],
        out="-",
        batch=batch,
        accumulation=1,
        warm_up=0,
        device=_device(options),
        **way.options,
    )
    model = make_model(options.size).to(options.device)
    if way.train is ours and settings.lora_rank and options.device == "cuda":
        model = model.to(torch.bfloat16)
    way.train(model, tokenizer, rows[: 2 * batch], replace(settings))
    if options.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    way.train(model, tokenizer, rows, settings)
    if options.device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    peak = torch.cuda.max_memory_allocated() if options.device == "cuda" else 1024 * _peak_rss()
    return {
        "sentences": len(samples) / seconds,
        "tokens": sum(len(row.ids) for row in rows) / seconds,
        "peak": peak / 1e9,
    }


def table(found: Sequence[dict[str, float]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| | sentences a second | times the plain loop | tokens a second | peak memory, GB |",
        "| --- | --: | --: | --: | --: |",
    ]
    for way, each in zip(WAYS, found, strict=True):
        ratio = each["sentences"] / found[0]["sentences"]
        lines.append(
            f"| {way.name} | {each['sentences']:,.0f} | {ratio:.2f} | {each['tokens']:,.0f} | {each['peak']:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure every way and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--size", choices=("pair", "2b"), default="pair")
    parser.add_argument("--sentences", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options.one, options)))
        return
    given = ["--device", options.device, "--size", options.size]
    given += ["--sentences", str(options.sentences), "--batch", str(options.batch)]
    found = []
    for number, way in enumerate(WAYS):
        print(way.name, file=sys.stderr)
        command = [sys.executable, __file__, *given, "--one", str(number)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    where = torch.cuda.get_device_name() if options.device == "cuda" else "one thread of a processor"
    print(f"\n{options.sentences:,} sentences, {options.batch} sentences a step, {where}\n\n{table(found)}")


def _device(options: argparse.Namespace) -> str:
    return "cpu" if options.device == "cpu" else "auto"


def _peak_rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
