"""Tune an upstream on what its aligner makes of its replies: `python examples/bootstrap/dpo.py OUT`.

The bundled upstream answers problems, bare and aligned; TRL's DPOTrainer learns from the pairs; and the upstream
answers other problems alone, as it was and as it is then. A few minutes on a processor, no key and no network. Needs
`pip install "stream-aligner-lc[train]"`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from stream_aligner_lc import ChatTransformers, TransformersAligner
from stream_aligner_lc.preferences import export_preferences
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import Problem, problems


def main() -> None:
    """Export the pairs, tune, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder for pairs and model; pairs that are there are kept")
    parser.add_argument("--upstream", default=pair.UPSTREAM, metavar="FOLDER", help="default: the bundled one")
    parser.add_argument("--aligner", default=pair.ALIGNER, metavar="FOLDER", help="default: the bundled one")
    parser.add_argument("--problems", type=int, default=600, metavar="N", help="to make pairs of (default: 600)")
    parser.add_argument("--measured", type=int, default=400, metavar="N", help="other ones (default: 400)")
    parser.add_argument("--epochs", type=float, default=3.0, metavar="N", help="default: 3")
    parser.add_argument("--rate", type=float, default=3e-4, help="a billion weights want 1e-6 (default: 3e-4)")
    parser.add_argument("--beta", type=float, default=0.1, help="how firmly it stays as it was (default: 0.1)")
    parser.add_argument(
        "--dpo-weight", type=float, default=0.05, help="of DPO's loss beside that of the chosen replies (default: 0.05)"
    )
    parser.add_argument("--lora-rank", type=int, metavar="RANK", help="train an adapter instead of all weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="a few problems and steps, to see that all of it works")
    options = parser.parse_args()
    if options.short:
        options.problems, options.measured, options.epochs = 8, 8, 1.0
    # Models this small lose more by handing work to other cores than they gain.
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    drawn = problems(options.problems + options.measured, seed=options.seed)
    pairs = export(drawn[: options.problems], options)
    tuned = tune(pairs, options)
    others = drawn[options.problems :]
    for name, folder in (("before", options.upstream), ("after", tuned)):
        print(f"{name}: {accuracy(folder, others):.1%} of {len(others)} problems solved alone")


def export(drawn: list[Problem], options: argparse.Namespace) -> Path:
    """Have the problems answered, bare and aligned, and return the file of pairs."""
    prompts, pairs = options.out / "prompts.jsonl", options.out / "pairs.jsonl"
    if not pairs.exists():
        prompts.write_text("".join(json.dumps({"question": each.question}) + "\n" for each in drawn), encoding="utf-8")
        upstream = ChatTransformers(options.upstream, device="cpu", temperature=1.0, seed=options.seed)
        aligner = TransformersAligner(options.aligner, device="cpu")
        summary = export_preferences(prompts, upstream, aligner, out=pairs)
        print(f"{summary.pairs} pairs of {summary.prompts} prompts; {summary.same} replies were right as they were")
    return pairs


def tune(pairs: Path, options: argparse.Namespace) -> Path:
    """Train on the pairs, and return the folder of the tuned upstream."""
    rows = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines()]
    settings: dict[str, Any] = {"report_to": "none", "save_strategy": "no", "use_cpu": True, "bf16": False}
    config = DPOConfig(
        output_dir=str(options.out / "trainer"),
        num_train_epochs=options.epochs,
        learning_rate=options.rate,
        beta=options.beta,
        # Alone, DPO makes the chosen replies less likely too, if only the rejected ones lose more.
        loss_type=["sigmoid", "sft"],
        loss_weights=[options.dpo_weight, 1.0],
        per_device_train_batch_size=8,
        gradient_checkpointing=False,
        max_length=512,
        logging_steps=10,
        seed=options.seed,
        **settings,
    )
    trainer = DPOTrainer(
        AutoModelForCausalLM.from_pretrained(options.upstream, dtype="float32"),
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(options.upstream),
        peft_config=None if options.lora_rank is None else LoraConfig(r=options.lora_rank, target_modules="all-linear"),
    )
    trainer.train()
    model = trainer.model if options.lora_rank is None else trainer.model.merge_and_unload()
    folder = options.out / "upstream"
    model.save_pretrained(folder)
    trainer.processing_class.save_pretrained(folder)
    return folder


def accuracy(folder: Path | str, asked: list[Problem]) -> float:
    """Return the share of problems that an upstream solves without its aligner, saying what it finds most likely."""
    upstream = ChatTransformers(str(folder), device="cpu", temperature=0)
    return sum(problem.is_right(upstream.invoke(problem.question).text) for problem in asked) / len(asked)


if __name__ == "__main__":
    main()
