"""The options of a training, checked once at the edge. Plain values, no I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.options import Granularity, one_of
from stream_aligner_lc.prompts import TEMPLATES

REPLY = "reply"
"""In place of a template: train an upstream on replies."""

Dtype = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to train, on what, and how.

    The defaults are the published recipe (Stream Aligner's and Aligner's training code): 3 epochs, AdamW with betas 0.9
    and 0.95, 2e-5 falling as a cosine after 3 % of warm-up, rows of at most 4096 tokens; and a copy stage on a fifth of
    the rows (Aligner, arXiv 2402.02416). `batch` is per process. Raises `ConfigurationError` for a value out of range.
    """

    model: str
    rows: Sequence[str]
    out: str
    template: str = "verdict"
    granularity: Granularity = "sentence"
    held_out: str | None = None
    """A data file of its own; else a `held_out_share` of the questions is kept from training."""
    held_out_share: float = 0.02
    copy_share: float = 0.2
    copy_epochs: float = 1.0
    epochs: float = 3.0
    rate: float = 2e-5
    schedule: str = "cosine"
    warm_up: float = 0.03
    muon_rate: float | None = None
    """The rate of matrices, which Muon then trains; None: AdamW trains them, too."""
    weight_decay: float = 0.0
    beta2: float = 0.95
    batch: int = 4
    accumulation: int = 2
    max_tokens: int = 4096
    lora_rank: int | None = None
    merge: bool = False
    dtype: Dtype = "auto"
    checkpointing: bool = False
    packing: bool = False
    joins: bool = False
    """Whether consecutive rows of a question share a sequence (`trees.py`): a batch then counts such sequences."""
    learns_text: bool = False
    caution: float = 0.0
    """How much the trained aligner must prefer a change to make it; nothing that is learned depends on it."""
    evaluate_every: int | None = None
    """Steps between two looks at what is held out, each with a checkpoint; None: ten times in all."""
    figures_rows: int = 100
    seed: int = 42
    threads: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        templates = (*TEMPLATES, REPLY)
        one_of("template", self.template, templates)
        one_of("granularity", self.granularity, get_args(Granularity))
        one_of("dtype", self.dtype, get_args(Dtype))
        one_of("device", self.device, ("auto", "cpu"))
        one_of("schedule", self.schedule, ("cosine", "linear", "constant"))
        if isinstance(self.rows, str):
            raise ConfigurationError(f"`rows` must be a list of files, got {self.rows!r}. Use [{self.rows!r}].")
        if not self.rows:
            raise ConfigurationError("There is nothing to train on: name at least one file of rows.")
        whole = self.is_aligner and not TEMPLATES[self.template].has_prefix
        if whole and self.granularity != "response":
            raise ConfigurationError(
                f"The template {self.template!r} has no place for a prefix: it corrects whole answers. Train it with "
                "granularity='response', or use another template."
            )
        self._check_numbers()
        if self.merge and self.lora_rank is None:
            raise ConfigurationError("`merge` merges a LoRA adapter into the model: choose a `lora_rank`, such as 16.")
        if self.template == REPLY and self.caution:
            raise ConfigurationError(f"An upstream has no caution, got {self.caution!r}: it corrects nothing.")
        if self.template == REPLY and self.granularity != "sentence":
            raise ConfigurationError(f"An upstream's replies have no granularity, got {self.granularity!r}.")

    def _check_numbers(self) -> None:
        for name in ("held_out_share", "copy_share", "warm_up"):
            _within(name, getattr(self, name), 0, 1, includes_least=True)
        for name in ("epochs", "copy_epochs"):
            _within(name, getattr(self, name), 0, math.inf)
        _within("rate", self.rate, 0, 1)
        if self.muon_rate is not None:
            _within("muon_rate", self.muon_rate, 0, 1)
        # At 1 the average would never move.
        _within("beta2", self.beta2, 0, 0.99999)
        _within("caution", self.caution, 0, math.inf, includes_least=True)
        _within("weight_decay", self.weight_decay, 0, math.inf, includes_least=True)
        for name in ("batch", "accumulation", "max_tokens"):
            _counts(name, getattr(self, name), 1)
        for name in ("lora_rank", "evaluate_every", "threads"):
            if getattr(self, name) is not None:
                _counts(name, getattr(self, name), 1)
        _counts("figures_rows", self.figures_rows, 0)
        # What numpy takes for one.
        _counts("seed", self.seed, 0, 2**32 - 1)

    @property
    def is_aligner(self) -> bool:
        """Whether an aligner is trained, and not an upstream."""
        return self.template != REPLY

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of the options."""
        return frozenset(field.name for field in fields(cls))

    def as_dict(self) -> dict[str, Any]:
        """Return every option by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**named, "rows": list(self.rows)}


def _within(name: str, value: Any, least: float, most: float, *, includes_least: bool = False) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if is_number and (least <= value if includes_least else least < value) and value <= most:
        return
    bound = f"of at least {least}" if includes_least else f"above {least}"
    bound += f" and at most {most}" if most != math.inf else ""
    raise ConfigurationError(f"`{name}` must be a number {bound}, got {value!r}.")


def _counts(name: str, value: Any, least: int, most: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        bound = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ConfigurationError(f"`{name}` must be a whole number {bound}, got {value!r}.")
