"""What happens beside the steps of a training: its progress shown, its figures counted, its checkpoints marked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from accelerate import PartialState
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stream_aligner_lc.training.checkpoints import mark
from stream_aligner_lc.training.figures import Figures

_SHOWN = ("repaired", "left_alone", "broken")


class Progress(TrainerCallback):
    """Show a bar with the loss, and a line for every look at what is held out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: tqdm[Any] | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the bar, at the place where the run goes on."""
        self._bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc=self._name,
            unit="step",
            mininterval=2,
            disable=not state.is_world_process_zero,
        )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Go on by a step."""
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Show the loss."""
        if self._bar is not None and logs and "loss" in logs:
            self._bar.set_postfix(loss=f"{float(logs['loss']):.4f}", refresh=False)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write a line with the held-out loss, and the figures that were counted before."""
        if self._bar is None or not metrics or not state.is_world_process_zero:
            return
        told = [f"held-out loss {metrics['eval_loss']:.4f}"]
        told += [
            f"{name.replace('_', ' ')} {metrics[key]:.1%}" for name in _SHOWN if (key := f"eval_{name}") in metrics
        ]
        # Where the bar is, too.
        self._bar.write(f"{self._name}, step {state.global_step}: {', '.join(told)}", file=sys.stderr)

    def close(self) -> None:
        """Close the bar, so that what is written next has a line of its own."""
        if self._bar is not None:
            self._bar.close()


class Marking(TrainerCallback):
    """Mark checkpoints once they are whole: one that a kill cut off has no mark, and is never resumed from."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Find the best checkpoint of a resumed run where it is now: the folder may have another path."""
        if state.best_global_step:
            best = Path(str(args.output_dir)) / f"checkpoint-{state.best_global_step}"
            state.best_model_checkpoint = str(best) if best.is_dir() else None

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Put the mark into the newest checkpoint, to which every process has added its part."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            mark(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")


class Counting(TrainerCallback):
    """Count what the model does with held-out sentences, and add it to what is known of the step."""

    def __init__(self, count: Callable[[Any], Figures]) -> None:
        self._count = count

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Count, in the first process alone."""
        if not state.is_world_process_zero or model is None:
            return
        was_training = model.training
        model.eval()
        figures = self._count(model)
        model.train(was_training)
        found = {f"eval_{name}": value for name, value in figures.as_dict().items()}
        if metrics is not None:
            metrics.update(found)
        # Which a checkpoint holds, and a resumed run finds.
        if state.log_history and "eval_loss" in state.log_history[-1]:
            state.log_history[-1].update(found)


def figures_in(entry: Mapping[str, Any]) -> Figures | None:
    """Return the figures that stand in an entry of the log, None if they were not counted then."""
    found: dict[str, Any] = {field.name: entry.get(f"eval_{field.name}") for field in fields(Figures)}
    return None if None in found.values() else Figures(**found)
