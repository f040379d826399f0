"""A trained aligner on this machine: a small causal language model, asked in the template that it was trained in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stream_aligner_lc.aligners.checks import check_number
from stream_aligner_lc.aligners.stoppable import StoppableAligner
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError, ConfigurationError
from stream_aligner_lc.local.completions import Effort, StoppedError
from stream_aligner_lc.local.models import GivenModel, Loaded, LocalModel, shared
from stream_aligner_lc.prompts import Template, template_named

if TYPE_CHECKING:
    from stream_aligner_lc.local.correcting import Corrector
    from stream_aligner_lc.local.decoding import Choose

# What a checkpoint that says nothing was most likely trained in.
PUBLISHED = "stream-aligner"


class TransformersAligner(StoppableAligner):
    """Correct sentences with a causal language model of `transformers` that was trained as an aligner.

    `model` is the path of a folder or a hub id (safetensors only, no remote code), `device` and `dtype` are "auto" or
    torch's names. It is loaded at the first draft, or by `load`. `template` names the prompt that it was trained in:
    this project's `verdict`, Stream Aligner's `stream-aligner` (arXiv 2501.05336) or, for whole answers, Aligner's
    `aligner` and `aligner-v1` (2402.02416), inside the tokenizer's chat template if it has one. An aligner made by
    `stream-aligner train` says so itself; of any other it is taken to be `stream-aligner`.

    A correction may take `max_growth` times as many tokens as its draft, and 32 more; one that does not end within that
    raises `AlignerError`. A prompt that is too long for the model loses the older half of the prefix, at the start of a
    sentence, until it fits; the record says how much. With a `caution` above 0 the draft is left only where the model
    finds another word more than e^caution times as probable (by default what the checkpoint says, else 0).

    Decoding is greedy and gives what `generate(do_sample=False)` would, without penalties; a `temperature` above 0
    samples (with `top_p`), and a `seed` then makes the same prompt sample the same answer. What the model has read
    stays in a cache of `cache_bytes` (by default half of a GPU's free memory, at most 1 GiB on a processor), which all
    users of the model share. With `warms` the released text is read while the upstream writes: by default on a GPU,
    where that costs no one anything. Any number of replies may use one object, and share passes where that pays. Raises
    `ConfigurationError` for a model that cannot be loaded.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | LocalModel,
        *,
        template: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        max_growth: Any = 2.0,
        caution: Any = None,
        temperature: Any = 0.0,
        top_p: Any = 1.0,
        seed: int | None = None,
        cache_bytes: int | None = None,
        warms: bool | None = None,
    ) -> None:
        super().__init__()
        check_number("max_growth", max_growth, at_least=1)
        check_number("temperature", temperature, at_least=0)
        if caution is not None:
            check_number("caution", caution, at_least=0)
        if caution and temperature:
            raise ConfigurationError(
                f"With a temperature tokens are drawn, and none is kept: use `caution={caution!r}` with temperature=0."
            )
        check_number("top_p", top_p, at_least=0, at_most=1)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise ConfigurationError(f"`seed` must be a whole number or None, got {seed!r}.")
        if cache_bytes is not None:
            check_number("cache_bytes", cache_bytes, at_least=0)
        if not isinstance(model, LocalModel):
            model = shared(model, device=device, dtype=dtype, revision=revision)
        self._template = None if template is None else template_named(template)
        self.max_growth = max_growth
        self._caution = caution
        self.temperature, self.top_p, self.seed = temperature, top_p, seed
        self.name = model.name
        self._cache_bytes, self._warms = cache_bytes, warms
        self._local = model
        self._corrector: Corrector | None = None
        self._effort, self._effort_lock = Effort(), threading.Lock()

    @classmethod
    def from_model(cls, model: Any, tokenizer: Any, **options: Any) -> TransformersAligner:
        """Take a model and a tokenizer that are loaded already; `options` are those that do not say how to load it."""
        return cls(GivenModel(model, tokenizer), **options)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is made of the loaded model."""
        return {**super().__getstate__(), "_corrector": None, "_effort": Effort(), "_effort_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._effort_lock = threading.Lock()

    def load(self) -> TransformersAligner:
        """Load the model now, and return this object."""
        self._equip()
        return self

    @property
    def template(self) -> Template:
        """The template in which it is asked: the one that was named, else the model's own."""
        if self._template is not None:
            return self._template
        trained = self._local.trained
        return template_named(PUBLISHED if trained is None else trained.template)

    @property
    def caution(self) -> float:
        """How much it must prefer a change to make it: what was asked for, else what the model says of itself."""
        if self._caution is not None:
            return float(self._caution)
        trained = self._local.trained
        return 0.0 if trained is None or self.temperature else trained.caution

    @property
    def granularity(self) -> str | None:
        """What it was trained to correct at a time, None if it does not say."""
        trained = self._local.trained
        return None if trained is None else trained.granularity

    @property
    def effort(self) -> dict[str, int]:
        """What all corrections took so far: forward passes, tokens fed, drafted, accepted and reused, cache hits."""
        return self._effort.as_dict()

    def correct_many(self, drafts: Sequence[Draft]) -> list[Correction]:
        """Correct waiting drafts, as many in shared passes as pays, up to and including the first that changes."""

        def correct(_: Any) -> list[Correction]:
            return self._correct(drafts)

        if len(drafts) == 1:
            return [self.invoke(drafts[0])]
        told: Any = {"drafts": [draft.as_dict() for draft in drafts]}
        answer: Any = self._call_with_config(correct, told, None)
        corrections: list[Correction] = answer
        return corrections

    async def acorrect_many(self, drafts: Sequence[Draft]) -> list[Correction]:
        """Do what `correct_many` does in a thread, which stops after its next pass when this is cancelled."""

        async def correct(_: Any) -> list[Correction]:
            return await self._acorrect(drafts)

        if len(drafts) == 1:
            return [await self.ainvoke(drafts[0])]
        told: Any = {"drafts": [draft.as_dict() for draft in drafts]}
        answer: Any = await self._acall_with_config(correct, told, None)
        corrections: list[Correction] = answer
        return corrections

    def warm(self, draft: Draft) -> None:
        """Have `draft.prefix` read in a thread while the upstream writes, where that pays; returns at once."""
        if self._corrector is None or not self._is_warming(self._local.load()):
            return
        self._threads.submit(self._warm, self._corrector, draft)

    def num_tokens(self, text: str) -> int | None:
        """Count by the model's tokenizer, once the model is loaded."""
        return len(self._local.load().encoder.text(text)) if self._local.is_loaded else None

    @property
    def identity(self) -> dict[str, Any]:
        """The checkpoint and what changes its answers."""
        return {
            **super().identity,
            "model": self._local.identity,
            "template": self.template.name,
            "max_growth": self.max_growth,
            "caution": self.caution,
            "sampling": (self.temperature, self.top_p, self.seed),
        }

    def _warm(self, corrector: Corrector, draft: Draft) -> None:
        # What is wrong with the prefix, or with the device, is told with the next draft.
        with self._stoppable(draft) as stopped, suppress(StoppedError, MemoryError, AlignerError):
            corrector.warm(draft, stopped)

    def _correct_until(self, drafts: Sequence[Draft], stopped: threading.Event) -> list[Correction]:
        corrections = self._equip().correct(drafts, stopped)
        with self._effort_lock:
            for correction in corrections:
                self._effort += Effort(**correction.effort)
        return corrections

    def _is_warming(self, loaded: Loaded) -> bool:
        return loaded.model.device.type != "cpu" if self._warms is None else self._warms

    def _equip(self) -> Corrector:
        loaded = self._local.load()
        if self._corrector is None:
            self._corrector = self._made(loaded)
        return self._corrector

    def _made(self, loaded: Loaded) -> Corrector:
        # These import torch or transformers, which are loaded by now.
        from stream_aligner_lc.local.correcting import Corrector  # noqa: PLC0415
        from stream_aligner_lc.local.engine import DraftingEngine  # noqa: PLC0415
        from stream_aligner_lc.local.verdicts import VerdictForm, form_of  # noqa: PLC0415

        form = form_of(loaded.encoder, self.template)
        if self._cache_bytes is not None:
            loaded.decoder.memory.kept_bytes = self._cache_bytes
        engine = DraftingEngine(
            loaded.decoder,
            loaded.ends,
            starts_word=loaded.encoder.starts_word,
            make_choice=self._sampling(loaded) if self.temperature else None,
            caution=self.caution,
        )
        trained = self._local.trained
        limits = [loaded.max_tokens, None if trained is None else trained.max_tokens]
        return Corrector(
            form,
            engine,
            name=self.name,
            # Beyond what it was trained on it would have to guess.
            max_tokens=min((limit for limit in limits if limit is not None), default=None),
            max_growth=self.max_growth,
            # A processor is busy with one sentence. But in one text even there several cost less than one by one.
            shares_passes=loaded.model.device.type != "cpu" or isinstance(form, VerdictForm),
        )

    def _sampling(self, loaded: Loaded) -> Callable[[int], Choose]:
        from transformers import GenerationConfig  # noqa: PLC0415

        from stream_aligner_lc.local.sampling import make_choice  # noqa: PLC0415

        config = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=True, temperature=self.temperature, top_p=self.top_p
        )
        device, seed = loaded.model.device, self.seed
        return lambda num_tokens: make_choice(config, device=device, seed=seed, num_tokens=num_tokens)
