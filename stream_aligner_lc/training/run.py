"""Train an aligner, or an upstream: a copy stage, the main stage, and a folder that loads."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import PartialState
from transformers import set_seed

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.folders import as_folder, is_adapter
from stream_aligner_lc.local.loading import fetch, load
from stream_aligner_lc.local.trained import KEY, Trained
from stream_aligner_lc.rows.reading import Fault
from stream_aligner_lc.rows.writing import writing
from stream_aligner_lc.training.calm import calm
from stream_aligner_lc.training.card import DataReport, StageReport, card
from stream_aligner_lc.training.corpus import Corpus, Faults, read_corpus
from stream_aligner_lc.training.joining import check_joining
from stream_aligner_lc.training.saving import KEPT, Base, save
from stream_aligner_lc.training.settings import Settings
from stream_aligner_lc.training.stages import SHARDED, stages_of
from stream_aligner_lc.training.trainer import Stage, check_packing, computes_in_bf16, run, sft_config, stage_report
from stream_aligner_lc.training.working import WorkingFolder

_PACKAGES = ("stream-aligner-lc", "torch", "transformers", "trl")


@dataclass(frozen=True)
class Outcome:
    """What came of a training."""

    folder: Path
    data: DataReport
    stages: list[StageReport]
    faults: list[Fault]
    """What could not be used, the first ones."""


class _Start(NamedTuple):
    """What a training starts from."""

    model: Any
    tokenizer: Any
    base: Base
    limit: int
    """How many tokens a row may have."""


def train(settings: Settings, *, overwrites: bool = False, restarts: bool = False) -> Outcome:
    """Train a model on rows and write it to `settings.out`, which takes that name when it is whole.

    A run that was cut off goes on from its last checkpoint when it is started again with the same options. Started by
    `accelerate launch` it runs in all of its processes. Raises `ConfigurationError` for data that holds nothing to
    train on, for a model that cannot be loaded, and for a full disk, which costs nothing but the steps since the last
    checkpoint.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    process, faults, place = PartialState(cpu=settings.device == "cpu"), Faults(), WorkingFolder.of(settings.out)
    source = as_folder(settings.model)
    _check(settings, source, place, process)
    corpus = read_corpus(settings, faults, shows=process.is_main_process)
    with process.main_process_first():
        # The others find what the first one has prepared.
        is_first = process.is_main_process
        identity = _identity(settings, source, corpus, process)
        place.prepare(identity, overwrites=overwrites, restarts=restarts and is_first)
        source = source or fetch(settings.model, None)
    with calm():
        start = _loaded(settings, source, place)
        stages = stages_of(settings, corpus, start.tokenizer, start.limit, faults)
        reports = _run_all(stages, start, settings, place)
    outcome = Outcome(place.out, corpus.report(settings, faults), reports, faults.first)
    process.wait_for_everyone()
    if process.is_main_process:
        versions = {package: importlib.metadata.version(package) for package in _PACKAGES}
        with writing(place.result, kept=KEPT):
            (place.result / "README.md").write_text(card(settings, outcome.data, reports, versions), encoding="utf-8")
        place.finish()
    process.wait_for_everyone()
    return outcome


def _run_all(stages: Sequence[Stage], start: _Start, settings: Settings, place: WorkingFolder) -> list[StageReport]:
    model, reports = start.model, []
    trainer: Any = None
    for stage in stages:
        # LoRA's first weights are drawn before the trainer sets its seed.
        set_seed(settings.seed)
        trainer = run(stage, model, start.tokenizer, settings, place.stage(stage.name))
        model = trainer.model
        reports.append(stage_report(stage, trainer))
    save(trainer, start.base, merges=settings.merge, folder=place.result)
    return reports


def _loaded(settings: Settings, source: Path, place: WorkingFolder) -> _Start:
    # DeepSpeed takes a model apart while it is loaded, and has to know of it by then.
    config = sft_config(Stage("", (), (), 1), settings, place.folder)
    if config.n_gpu > 1:
        raise ConfigurationError(
            f"There are {config.n_gpu} GPUs here. Use them with `accelerate launch -m stream_aligner_lc train ...`, or "
            "one of them with CUDA_VISIBLE_DEVICES=0."
        )
    dtype = "bfloat16" if settings.lora_rank is not None and computes_in_bf16(settings) else "float32"
    model, tokenizer = load(settings.model, source, device="cpu", dtype=dtype, revision=None)
    check_packing(settings, model)
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    limit = min(settings.max_tokens, most or settings.max_tokens)
    if settings.joins:
        check_joining(model, longest=limit)
    # What the base says of itself holds neither for what comes out nor for the looks on the way there.
    vars(model.config).pop(KEY, None)
    own = deepcopy(model.config)
    if settings.is_aligner:
        setattr(own, KEY, Trained(settings.template, settings.granularity, limit, float(settings.caution)).as_dict())
    own.use_cache = True
    folder = Path(settings.model).expanduser()
    name = str(folder.resolve()) if folder.is_dir() else settings.model
    base = Base(name, own, folder=Path(model.name_or_path), tokenizer=Path(tokenizer.name_or_path))
    return _Start(model, tokenizer, base, limit)


def _check(settings: Settings, source: Path | None, place: WorkingFolder, process: PartialState) -> None:
    """Raise `ConfigurationError` for what cannot work, before anything is read."""
    if source is not None and source.resolve() == place.out.resolve():
        raise ConfigurationError(
            f"`out` is the folder of the model itself, {settings.out!r}. Choose another one: a run that is cut off "
            "has to find the model again."
        )
    if settings.merge and process.distributed_type in SHARDED:
        raise ConfigurationError(
            "`merge` needs the model in one piece, and FSDP and DeepSpeed have it in several. Leave it out: an adapter "
            "loads by itself."
        )
    if source is not None and settings.lora_rank is not None and not settings.merge and is_adapter(source):
        raise ConfigurationError(
            f"{settings.model!r} is an adapter itself, and one on top of it could not be loaded. Add `--merge`, or "
            "start from a whole model."
        )


def _identity(settings: Settings, source: Path | None, corpus: Corpus, process: PartialState) -> dict[str, Any]:
    """Return all that decides what comes out."""
    named = {name: value for name, value in settings.as_dict().items() if name not in ("out", "rows", "held_out")}
    model = settings.model if source is None else str(source.resolve())
    return {**named, "model": model, "data": corpus.digest, "processes": process.num_processes}
