"""One stage of a training with TRL's `SFTTrainer`: token rows in, a trained model out, resumed at any checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback
from trl import SFTConfig, SFTTrainer

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.forms import Row
from stream_aligner_lc.training.callbacks import Counting, Marking, Progress, figures_in
from stream_aligner_lc.training.card import StageReport
from stream_aligner_lc.training.checkpoints import last_whole
from stream_aligner_lc.training.figures import Figures
from stream_aligner_lc.training.joining import COLUMNS, TreeCollator
from stream_aligner_lc.training.optimizing import muon_of
from stream_aligner_lc.training.order import Plan, arranged, plan
from stream_aligner_lc.training.saving import KEPT, writing_weights
from stream_aligner_lc.training.settings import Settings
from stream_aligner_lc.training.trees import Tree

LEARNING = ("input_ids", "labels")


@dataclass(frozen=True)
class Stage:
    """What one stage learns: rows, for so many epochs, and what is held out beside them."""

    name: str
    rows: Sequence[Row] | Sequence[Tree]
    held_out: Sequence[Row] | Sequence[Tree]
    epochs: float
    count: Callable[[Any], Figures] | None = None
    """What counts a model's figures, if they are wanted."""


def run(stage: Stage, model: Any, tokenizer: Any, settings: Settings, folder: Path) -> SFTTrainer:
    """Train a stage to its end, from its last whole checkpoint in `folder` on if there is one."""
    progress = Progress(stage.name)
    try:
        trainer = _trainer(stage, model, tokenizer, settings, sft_config(stage, settings, folder))
        trainer.add_callback(progress)
        trainer.add_callback(Marking())
        with PartialState().main_process_first():
            # The first one removes what is not whole.
            resumed = last_whole(folder)
        with closing(progress), writing_weights(folder, kept=KEPT):
            trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    except (torch.OutOfMemoryError, MemoryError) as fault:
        raise ConfigurationError(
            f"There is no memory left for the stage {stage.name!r}. Start anew with `--restart` and a smaller `batch` "
            f"than {settings.batch} (more `accumulation` makes up for it), with `checkpointing`, a `lora_rank`, or "
            f"fewer `max_tokens` than {settings.max_tokens}. It said: {fault}"
        ) from fault
    _check_finite(stage, trainer, settings)
    return trainer


def _trainer(stage: Stage, model: Any, tokenizer: Any, settings: Settings, config: SFTConfig) -> SFTTrainer:
    lengths = [len(row.ids) for row in stage.rows]
    order = arranged(lengths, batch=settings.batch, epochs=stage.epochs, seed=settings.seed)
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=_dataset(stage.rows).select(order),
        eval_dataset=_dataset(stage.held_out) if stage.held_out else None,
        # It sets a pad token where there is none, which is nothing that should be saved.
        processing_class=deepcopy(tokenizer),
        data_collator=_collator(stage, tokenizer),
        peft_config=_lora(model, settings),
        optimizer_cls_and_kwargs=_optimizer(settings),
        callbacks=[] if stage.count is None or not stage.held_out else [Counting(stage.count)],
    )
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    return trainer


def stage_plan(stage: Stage, settings: Settings, *, processes: int) -> Plan:
    """Return the steps of a stage when so many processes share it."""
    return plan(
        max(1, round(len(stage.rows) * stage.epochs)),
        global_batch=settings.batch * settings.accumulation * processes,
        warm_up=settings.warm_up,
        every=settings.evaluate_every,
    )


def sft_config(stage: Stage, settings: Settings, folder: Path) -> SFTConfig:
    """Return TRL's configuration of a stage."""
    steps = stage_plan(stage, settings, processes=PartialState().num_processes)
    evaluates = bool(stage.held_out)
    return SFTConfig(
        output_dir=str(folder),
        # The order holds all epochs already.
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=steps.warm_up,
        weight_decay=settings.weight_decay,
        adam_beta1=0.9,
        adam_beta2=settings.beta2,
        max_length=settings.max_tokens if settings.packing else None,
        packing=settings.packing,
        dataset_kwargs={"skip_prepare_dataset": not settings.packing},
        eval_packing=False,
        # Trees have columns that TRL does not know.
        remove_unused_columns=False,
        bf16=computes_in_bf16(settings),
        # Without such a device torch warns of it at every stage.
        dataloader_pin_memory=torch.cuda.is_available(),
        gradient_checkpointing=settings.checkpointing,
        logging_steps=max(1, steps.every // 10),
        eval_strategy="steps" if evaluates else "no",
        eval_steps=steps.every if evaluates else None,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=steps.every,
        save_total_limit=2,
        load_best_model_at_end=evaluates,
        metric_for_best_model="eval_loss" if evaluates else None,
        greater_is_better=False if evaluates else None,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=settings.device == "cpu",
        report_to="none",
        disable_tqdm=True,
    )


def computes_in_bf16(settings: Settings) -> bool:
    """Say whether passes are computed in bfloat16: by default where there is a GPU that can."""
    has_gpu = settings.device != "cpu" and torch.cuda.is_available()
    if settings.dtype == "auto":
        return has_gpu and torch.cuda.is_bf16_supported()
    return settings.dtype == "bfloat16"


def check_packing(settings: Settings, model: Any) -> None:
    """Raise `ConfigurationError` if rows packed into one would read each other."""
    attention = str(getattr(model.config, "_attn_implementation", ""))
    if settings.packing and "flash" not in attention:
        raise ConfigurationError(
            f"Rows can be packed only where attention keeps them apart: with flash attention on a GPU, and this model "
            f"has {attention!r}. Leave `packing` out: rows of about the same length share a batch in any case, and in "
            "the template 'verdict' the sentences of a reply share a row."
        )


def _check_finite(stage: Stage, trainer: SFTTrainer, settings: Settings) -> None:
    # The trainer's own log shows the last loss that was a number.
    model: Any = trainer.model
    if any(not parameter.isfinite().all() for parameter in model.parameters()):
        raise ConfigurationError(
            f"The stage {stage.name!r} has run away: its weights are no numbers any more. Start anew with `--restart` "
            f"and a lower `rate` than {settings.rate}."
        )


def _dataset(rows: Sequence[Row] | Sequence[Tree]) -> Dataset:
    columns = COLUMNS if isinstance(rows[0], Tree) else LEARNING
    return Dataset.from_dict(dict(zip(columns, zip(*rows, strict=True), strict=True)))


def _collator(stage: Stage, tokenizer: Any) -> TreeCollator | None:
    if not isinstance(stage.rows[0], Tree):
        # TRL's own.
        return None
    pad = tokenizer.pad_token_id
    return TreeCollator(0 if pad is None else pad)


def _optimizer(settings: Settings) -> tuple[Any, dict[str, Any]] | None:
    if settings.muon_rate is None:
        # Its default.
        return None
    # What makes a factory, which is given the model as it will be trained.
    return (lambda: muon_of), {"settings": settings}


def _lora(model: Any, settings: Settings) -> Any:
    if settings.lora_rank is None:
        return None
    from peft import LoraConfig, PeftModel  # noqa: PLC0415

    if isinstance(model, PeftModel):
        return None
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def stage_report(stage: Stage, trainer: SFTTrainer) -> StageReport:
    """Return what the model card says of a stage."""
    looks = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    best = min(looks, key=lambda entry: entry["eval_loss"]) if looks else None
    return StageReport(
        stage.name,
        rows=len(stage.rows),
        epochs=stage.epochs,
        steps=trainer.state.global_step,
        best_step=None if best is None else int(best["step"]),
        held_out_loss=None if best is None else float(best["eval_loss"]),
        figures=None if best is None else figures_in(best),
    )
