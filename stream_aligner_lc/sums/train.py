"""Train the bundled pair: `python -m stream_aligner_lc.sums.train upstream|aligner|verdict --out FOLDER`.

Two Llama models of under a million parameters, on sums that are drawn as they train: from random weights on single
problems, then with `--start FOLDER --earlier 0.5` on conversations too. Deterministic for one machine and number of
threads.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, IterableDataset
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED, RevisionForm, Row
from stream_aligner_lc.local.verdicts import VerdictForm
from stream_aligner_lc.prompts import template_named
from stream_aligner_lc.sums.rows import aligner_rows, upstream_rows
from stream_aligner_lc.sums.tokenizer import make_tokenizer

MakeRows = Callable[[int], Iterator[Row]]
_HELD_OUT_SEED = 1_000_003
_STEPS = {"upstream": 4000, "aligner": 7000, "verdict": 7000}


class _Drawn(IterableDataset[list[Row]]):
    """Batches without end, drawn in the loader's own process, of rows that are about as long: little is padded."""

    def __init__(self, make_rows: MakeRows, seed: int, batch: int) -> None:
        self.make_rows = make_rows
        self.seed = seed
        self.batch = batch

    def __iter__(self) -> Iterator[list[Row]]:
        rng = random.Random(self.seed)  # noqa: S311  # sums, no secrets
        rows = self.make_rows(self.seed)
        while True:
            pool = sorted(islice(rows, 16 * self.batch), key=lambda row: len(row.ids))
            batches = [pool[start : start + self.batch] for start in range(0, len(pool), self.batch)]
            rng.shuffle(batches)
            yield from batches


def padded(rows: Sequence[Row], pad: int) -> dict[str, torch.Tensor]:
    """Pad rows on the right to (rows, longest)."""
    longest = max(len(row.ids) for row in rows)
    return {
        "input_ids": torch.tensor([row.ids + [pad] * (longest - len(row.ids)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows]),
        "labels": torch.tensor([row.labels + [NOT_LEARNED] * (longest - len(row.ids)) for row in rows]),
    }


def make_model(tokenizer: PreTrainedTokenizerFast, *, width: int, layers: int) -> LlamaForCausalLM:
    """Make a small Llama with random weights."""
    config = LlamaConfig(
        vocab_size=math.ceil(len(tokenizer) / 16) * 16,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def deepened(model: LlamaForCausalLM, layers: int) -> LlamaForCausalLM:
    """Add layers that change nothing until they are trained (as block expansion does, arXiv 2401.02415)."""
    config = deepcopy(model.config)
    config.num_hidden_layers = layers
    grown = LlamaForCausalLM(config)
    grown.load_state_dict(model.state_dict(), strict=False)
    for layer in list(grown.model.layers)[len(model.model.layers) :]:
        for projection in (layer.self_attn.o_proj, layer.mlp.down_proj):
            torch.nn.init.zeros_(projection.weight)
    return grown


def train(model: LlamaForCausalLM, make_rows: MakeRows, options: argparse.Namespace) -> None:
    """Minimise the cross-entropy of the learned tokens; the rate rises for 3 % of the steps and falls to nothing."""
    pad: Any = model.config.pad_token_id
    loader: Any = DataLoader(
        _Drawn(make_rows, options.seed, options.batch),
        batch_size=None,
        collate_fn=lambda rows: padded(rows, pad),
        num_workers=1,
        prefetch_factor=4,
    )
    held_out = padded(list(islice(make_rows(_HELD_OUT_SEED), 512)), pad)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    warm_up = max(1, round(0.03 * options.steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, (options.steps - step) / (options.steps - warm_up + 1))
    )
    progress = tqdm(islice(loader, options.steps), total=options.steps, mininterval=5)
    for number, batch in enumerate(progress, 1):
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            loss = model(**batch).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if number % options.every == 0 or number == options.steps:
            progress.write(f"step {number}: loss {loss.item():.4f}, held out {exact(model, held_out):.3f} exact")
            model.save_pretrained(options.out)


@torch.inference_mode()
def exact(model: LlamaForCausalLM, batch: dict[str, torch.Tensor]) -> float:
    """Return the share of rows whose every learned token is the most probable one."""
    right = model(batch["input_ids"]).logits[:, :-1].argmax(-1) == batch["labels"][:, 1:]
    return float((right | (batch["labels"][:, 1:] == NOT_LEARNED)).all(-1).float().mean())


def main() -> None:
    """Train one of the models and save it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=tuple(_STEPS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="go on from the weights in this folder")
    parser.add_argument("--earlier", type=float, default=0.0, help="share of problems with others before them")
    parser.add_argument("--steps", type=int, help=f"default: {_STEPS}")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=200, help="steps between two looks at held-out rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action="store_true", help="faster where the processor has it")
    options = parser.parse_args()
    options.steps = options.steps or _STEPS[options.model]
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    tokenizer = make_tokenizer()
    encoder = Encoder(tokenizer)
    makers: dict[str, MakeRows] = {
        "upstream": lambda seed: upstream_rows(encoder, seed=seed, earlier=options.earlier),
        "aligner": lambda seed: aligner_rows(
            RevisionForm(encoder, template_named("stream-aligner")), seed=seed, earlier=options.earlier
        ),
        "verdict": lambda seed: aligner_rows(
            VerdictForm(encoder, template_named("verdict")), seed=seed, earlier=options.earlier
        ),
    }
    model = make_model(tokenizer, width=options.width, layers=options.layers)
    if options.start:
        model = deepened(LlamaForCausalLM.from_pretrained(options.start), options.layers)
    print(f"{model.num_parameters():,} parameters, {vars(options)}")  # noqa: T201
    tokenizer.save_pretrained(options.out)
    train(model, makers[options.model], options)


if __name__ == "__main__":
    main()
