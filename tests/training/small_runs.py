"""Trainings that take a second: a tiny model to start from, a few rows, and options under which they are learned."""

import json
from pathlib import Path

import torch

from stream_aligner_lc.training.run import train
from stream_aligner_lc.training.settings import Settings
from tests.local.small_models import CHAT_TEMPLATE, small_llama, tokenizer

ROWS = [
    {
        "question": "What is 3 and 4?", "prefix": "We add 3 and 4.", "last": "So it is 8.",
        "correction": "So it is 7.", "end": True,
    },
    {"question": "Why?", "prefix": "", "last": "Because it is.", "correction": "Because it is.", "end": False},
]  # fmt: skip
WHOLE = [
    {"question": "What is 3 and 4?", "prefix": "", "last": "We add. So 8.", "correction": "We add. So 7."},
    {"question": "Why?", "prefix": "", "last": "Because it is.", "correction": "Because it is."},
]
# One row after the other, at a rate at which so small a model learns them by heart.
QUICK = {
    "device": "cpu", "held_out_share": 0.0, "rate": 3e-3, "schedule": "constant", "warm_up": 0.0, "batch": 2,
    "accumulation": 1, "epochs": 60, "evaluate_every": 1000, "figures_rows": 0,
}  # fmt: skip


def save_base(folder, *, chat_template=CHAT_TEMPLATE, max_length=1024, **config):
    """Save a tiny random model and its tokenizer."""
    options = {"hidden_size": 64, "intermediate_size": 96, "max_position_embeddings": max_length, **config}
    model = small_llama(vocab_size=1024, **options)
    # Large enough that what is before it can learn to say anything, where it is not trained itself.
    torch.nn.init.normal_(model.lm_head.weight, std=0.3)
    model.save_pretrained(folder)
    tokenizer(chat_template=chat_template, max_length=max_length).save_pretrained(folder)
    return folder


def write_rows(file, rows):
    """Write rows as JSON lines, and return the file's name."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def run(model, rows, out, *, overwrites=False, restarts=False, **options):
    """Train on rows (or on a file of them), and return what came of it."""
    out = Path(out)
    if not isinstance(rows, str):
        rows = write_rows(out.with_name(f"{out.name}.rows.jsonl"), rows)
    settings = Settings(model=str(model), rows=[rows], out=str(out), **{**QUICK, **options})
    return train(settings, overwrites=overwrites, restarts=restarts)


def many_rows(count, *, prefix="It is.", question="What is {}?"):
    """Return rows of as many questions, every second one of which is corrected."""
    return [
        {
            "question": question.format(number), "prefix": prefix, "last": f"So it is {number}.",
            "correction": f"So it is {number + number % 2}.",
        }
        for number in range(count)
    ]  # fmt: skip
