"""The card of a trained model: what it is, what it was trained on and how, and what it did with what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_aligner_lc.training.figures import Figures
from stream_aligner_lc.training.settings import Settings


@dataclass(frozen=True)
class StageReport:
    """What one stage did."""

    name: str
    rows: int
    epochs: float
    steps: int
    best_step: int | None = None
    held_out_loss: float | None = None
    figures: Figures | None = None


@dataclass(frozen=True)
class DataReport:
    """What was read, and what of it was used."""

    files: list[tuple[str, str]]
    """The names of the files, with the start of their SHA-256."""
    held_out_file: str | None
    """What is held out, if it is a file of its own."""
    trained: int
    held_out: int
    changed: int
    """How many of those trained on are corrections that change something; 0 for replies."""
    skipped: int


def card(settings: Settings, data: DataReport, stages: Sequence[StageReport], versions: dict[str, str]) -> str:
    """Return the card as Markdown, with its metadata."""
    name, base = Path(settings.out).expanduser().resolve().name, _base(settings)
    blocks = [
        _metadata(settings, base),
        f"# {name}",
        _purpose(settings, base),
        _use(settings),
        "## What it was trained on",
        _data(settings, data),
        "## How",
        _table(stages),
        _options(settings),
        *_held_out(stages),
        "Made with " + ", ".join(f"{package} {version}" for package, version in versions.items()) + ".",
    ]
    return "\n\n".join(blocks) + "\n"


def _base(settings: Settings) -> str:
    # A hub id names its owner; of a folder only the name means something elsewhere.
    folder = Path(settings.model).expanduser()
    return folder.resolve().name if folder.is_dir() else settings.model


def _metadata(settings: Settings, base: str) -> str:
    tags = ["stream-aligner", "aligner"] if settings.is_aligner else ["upstream"]
    lines = ["---", "library_name: transformers", f"base_model: {base}", "tags:", *(f"- {tag}" for tag in tags), "---"]
    return "\n".join(lines)


def _purpose(settings: Settings, base: str) -> str:
    if not settings.is_aligner:
        return f"{base}, tuned on replies: an upstream."
    what = (
        "whole answers"
        if settings.granularity == "response"
        else f"a reply {settings.granularity} by {settings.granularity}"
    )
    return f"{base}, trained as an aligner that corrects {what}, in the template `{settings.template}`."


def _use(settings: Settings) -> str:
    if not settings.is_aligner:
        return '```python\nfrom stream_aligner_lc import ChatTransformers\n\nllm = ChatTransformers("THIS FOLDER")\n```'
    option = ', granularity="response"' if settings.granularity == "response" else ""
    return (
        "```python\nfrom stream_aligner_lc import StreamAlignedChat, TransformersAligner\n\n"
        f'llm = StreamAlignedChat(upstream, TransformersAligner("THIS FOLDER"){option})\n```'
    )


def _data(settings: Settings, data: DataReport) -> str:
    files = "\n".join(f"* `{name}` (SHA-256 {digest})" for name, digest in data.files)
    unit = "corrected sentences" if settings.is_aligner else "replies"
    told = f"{data.trained:,} {unit}"
    if settings.is_aligner and data.trained:
        told += f", {data.changed / data.trained:.0%} of them changed"
    told += f"; {data.held_out:,} held out, "
    told += f"those of `{data.held_out_file}`" if data.held_out_file else "by question"
    if data.skipped:
        told += f"; {data.skipped:,} could not be used"
    return f"{files}\n\n{told}."


def _table(stages: Sequence[StageReport]) -> str:
    lines = ["| stage | rows | epochs | steps | best step | held-out loss |", "|---|--:|--:|--:|--:|--:|"]
    for stage in stages:
        best = "" if stage.best_step is None else f"{stage.best_step:,}"
        loss = "" if stage.held_out_loss is None else f"{stage.held_out_loss:.4f}"
        lines.append(f"| {stage.name} | {stage.rows:,} | {stage.epochs:g} | {stage.steps:,} | {best} | {loss} |")
    return "\n".join(lines)


def _options(settings: Settings) -> str:
    told: dict[str, Any] = {
        "rate": settings.rate,
        "schedule": f"{settings.schedule}, {settings.warm_up:.0%} warm-up",
        "batch": f"{settings.batch} a process, {settings.accumulation} accumulated",
        "tokens a row": f"at most {settings.max_tokens}",
        "weights": "all" if settings.lora_rank is None else f"LoRA of rank {settings.lora_rank}",
        "loss on": "the correction and the released text" if settings.learns_text else "the correction and its end",
        "seed": settings.seed,
    }
    if settings.muon_rate is not None:
        told["matrices"] = f"Muon at a rate of {settings.muon_rate}"
    if settings.caution:
        told["caution"] = settings.caution
    if not settings.is_aligner:
        told["loss on"] = "the reply and its end"
    return "\n".join(f"* {name}: {value}" for name, value in told.items())


def _held_out(stages: Sequence[StageReport]) -> list[str]:
    figures = next((stage.figures for stage in reversed(stages) if stage.figures), None)
    if figures is None:
        return []
    told = (
        f"Of {figures.to_change} that should change {figures.repaired:.1%} came out exactly as wanted and "
        f"{figures.changed:.1%} came out changed; of {figures.standing} that stand {figures.left_alone:.1%} were left "
        f"alone. {figures.failed} answers had no end."
    )
    return ["## On sentences held out", told]
