"""A trained aligner on this machine: a small causal language model, asked in the template that it was trained in."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import run_in_executor

from stream_aligner_lc.aligners.base import Aligner
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError, ConfigurationError
from stream_aligner_lc.local.models import GivenModel, LocalModel, shared
from stream_aligner_lc.prompts import shortened, template_named

if TYPE_CHECKING:
    from stream_aligner_lc.local.completions import Engine
    from stream_aligner_lc.local.forms import Form


class _Ready(NamedTuple):
    """What is needed to correct, once the model is loaded."""

    form: Form
    engine: Engine
    max_tokens: int | None


class TransformersAligner(Aligner):
    """Correct sentences with a causal language model of `transformers` that was trained as an aligner.

    `model` is the path of a folder or a hub id (safetensors only, no remote code), `device` and `dtype` are "auto" or
    torch's names. It is loaded at the first draft, or by `load`. `template` names the prompt that it was trained in
    (Stream Aligner's, arXiv 2501.05336), which stands inside the tokenizer's chat template if it has one. Decoding is
    greedy. A correction may take `max_growth` times as many tokens as its draft, and 32 more; one that does not end
    within that raises `AlignerError`. A prompt that is too long for the model loses the older half of the prefix, at
    the start of a sentence, until it fits; the record says how much. Raises `ConfigurationError` for a model that
    cannot be loaded.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | LocalModel,
        *,
        template: str = "stream-aligner",
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        max_growth: Any = 2.0,
    ) -> None:
        if not isinstance(max_growth, int | float) or not 1 <= max_growth < math.inf:
            raise ConfigurationError(f"`max_growth` must be a number of at least 1, got {max_growth!r}.")
        if not isinstance(model, LocalModel):
            model = shared(model, device=device, dtype=dtype, revision=revision)
        self.template = template_named(template)
        self.max_growth = max_growth
        self.name = model.name
        self._local = model
        self._ready: _Ready | None = None
        # One draft may be asked about several times at once.
        self._running: list[tuple[Draft, threading.Event]] = []

    @classmethod
    def from_model(cls, model: Any, tokenizer: Any, **options: Any) -> TransformersAligner:
        """Take a model and a tokenizer that are loaded already; `options` are `template` and `max_growth`."""
        return cls(GivenModel(model, tokenizer), **options)

    def load(self) -> TransformersAligner:
        """Load the model now, and return this object."""
        self._equip()
        return self

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Correct one draft, as a run of its own for those who trace."""

        def correct(_: Any) -> Correction:
            with self._stoppable(input) as stopped:
                return self._correct(input, stopped)

        told: Any = input.as_dict()
        correction: Correction = self._call_with_config(correct, told, config)
        return correction

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Correct one draft in a thread, which stops after its next token when this is cancelled."""

        async def correct(_: Any) -> Correction:
            with self._stoppable(input) as stopped:
                try:
                    return await run_in_executor(None, self._correct, input, stopped)
                except asyncio.CancelledError:
                    stopped.set()
                    raise

        told: Any = input.as_dict()
        correction: Correction = await self._acall_with_config(correct, told, config)
        return correction

    def cancel(self, draft: Draft) -> None:
        """Have the decoding of `draft` stopped after its next token."""
        for running, stopped in list(self._running):
            if running is draft:
                stopped.set()

    @property
    def identity(self) -> dict[str, Any]:
        """The checkpoint and what changes its answers."""
        return {
            **super().identity,
            "model": self._local.identity,
            "template": self.template.name,
            "max_growth": self.max_growth,
        }

    @contextmanager
    def _stoppable(self, draft: Draft) -> Iterator[threading.Event]:
        entry = (draft, threading.Event())
        self._running.append(entry)
        try:
            yield entry[1]
        finally:
            self._running.remove(entry)

    def _equip(self) -> _Ready:
        loaded = self._local.load()
        if self._ready is None:
            # Both import torch or transformers, which are loaded by now.
            from stream_aligner_lc.local.forms import Form  # noqa: PLC0415
            from stream_aligner_lc.local.greedy import GreedyEngine  # noqa: PLC0415

            form, engine = Form(loaded.encoder, self.template), GreedyEngine(loaded.decoder, loaded.ends)
            self._ready = _Ready(form, engine, loaded.max_tokens)
        return self._ready

    def _correct(self, draft: Draft, stopped: threading.Event) -> Correction:
        form, engine, max_tokens = self._equip()
        expected = form.answer(draft.text)
        limit = int(self.max_growth * len(expected)) + 32
        prompt, prefix_cut = self._prompt(form, draft, max_tokens, limit)
        done = engine.complete(prompt, expected, limit=limit, stopped=stopped)
        if not done.is_finished:
            raise AlignerError(
                f"{self.name} did not come to an end within {limit} tokens for sentence {draft.index} of "
                f"{len(expected)}. It may not have been trained in the template {self.template.name!r}; "
                "`max_growth` allows more.",
                released=draft.prefix,
                draft=draft.text,
            )
        return Correction(form.read(done.ids), tokens=done.num_tokens, prefix_cut=prefix_cut)

    def _prompt(self, form: Form, draft: Draft, max_tokens: int | None, limit: int) -> tuple[list[int], int]:
        prefix = draft.prefix
        while True:
            prompt = form.prompt(draft.question, prefix, draft.text)
            if max_tokens is None or len(prompt) + limit <= max_tokens:
                return prompt, len(draft.prefix) - len(prefix)
            if not prefix:
                raise AlignerError(
                    f"The prompt of sentence {draft.index} has {len(prompt)} tokens even without the text so far, and "
                    f"{self.name} can attend to {max_tokens}, {limit} of which its answer may need. Use an aligner "
                    "with a longer context, or align_first to stop earlier.",
                    released=draft.prefix,
                    draft=draft.text,
                )
            prefix = shortened(prefix)
