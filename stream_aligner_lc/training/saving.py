"""Write what was trained as a folder that loads by itself: weights, configuration, and the base's other files."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from stream_aligner_lc.rows.writing import writing

KEPT = "The checkpoints are whole, and the same command goes on from them."
"""What is not lost when the result, or another checkpoint, cannot be written."""

# How the writers of safetensors and torch say that a file could not be written; only the first one says why.
_SAFETENSORS, _TORCH = re.compile(r"os error (\d+)"), re.compile("PytorchStreamWriter|unexpected pos|iostream error")
_TOKENIZER = (
    "tokenizer*",
    "*.model",
    "vocab*",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "tekken.json",
    "chat_template*",
    "additional_chat_templates",
)
_GENERATION = "generation_config.json"


@dataclass(frozen=True)
class Base:
    """What a training starts from, as it was before the trainer changed it."""

    name: str
    """How an adapter names it: the path of a folder, or a hub id."""
    config: Any
    folder: Path
    """Where its weights are."""
    tokenizer: Path
    """Where its tokenizer is; with an adapter that may be elsewhere."""


@contextmanager
def writing_weights(path: Path, *, kept: str) -> Iterator[None]:
    """Do what `writing` does, for libraries too that tell a full disk in exceptions of their own."""
    with writing(path, kept=kept):
        try:
            yield
        except (SafetensorError, RuntimeError) as fault:
            if number := _SAFETENSORS.search(str(fault)):
                raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from fault
            if _TORCH.search(str(fault)):
                raise OSError(errno.ENOSPC, "the disk may be full", str(path)) from fault
            raise


def save(trainer: Any, base: Base, *, merges: bool, folder: Path) -> None:
    """Write a model beside the files of its base, from every process at once; `base.config` becomes its own.

    A LoRA adapter is written by itself, beside that configuration, unless it `merges`.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    # What pads was set for the trainer; the base's own files are copied below.
    trainer.processing_class = None
    is_first = trainer.is_world_process_zero()
    is_adapter = hasattr(model, "peft_config") and not merges
    with writing_weights(folder, kept=KEPT):
        if merges:
            model = model.merge_and_unload()
            model.config = base.config
            if is_first:
                model.save_pretrained(folder)
        else:
            _name_base(model, base)
            trainer.save_model(str(folder))
        if is_first:
            if is_adapter:
                base.config.save_pretrained(folder)
            _copy_files(base, folder, generates=not is_adapter)
            # A pickle of the options, which stand in the card.
            (folder / "training_args.bin").unlink(missing_ok=True)


def _name_base(model: Any, base: Base) -> None:
    if not hasattr(model, "peft_config"):
        model.config = base.config
        return
    for adapter in model.peft_config.values():
        adapter.base_model_name_or_path = base.name


def _copy_files(base: Base, folder: Path, *, generates: bool) -> None:
    """Copy the tokenizer and, for a whole model, how it writes by default, byte for byte."""
    (folder / _GENERATION).unlink(missing_ok=True)
    if generates and (base.folder / _GENERATION).is_file():
        shutil.copyfile(base.folder / _GENERATION, folder / _GENERATION)
    for source in (each for pattern in _TOKENIZER for each in base.tokenizer.glob(pattern)):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, folder / source.name)
