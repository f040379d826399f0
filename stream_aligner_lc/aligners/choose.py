"""From what a user passes as `aligner=` to an `Aligner`."""

from __future__ import annotations

import os
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from stream_aligner_lc.aligners.adapters import FunctionAligner, RunnableAligner
from stream_aligner_lc.aligners.base import Aligner
from stream_aligner_lc.aligners.prompted import PromptedAligner
from stream_aligner_lc.aligners.transformers import TransformersAligner
from stream_aligner_lc.continuation.leaves import leaves, warn
from stream_aligner_lc.errors import ConfigurationError

MODEL_VARIABLE = "STREAM_ALIGNER_MODEL"


def as_aligner(aligner: Any, llm: Runnable[Any, Any]) -> Aligner:
    """Coerce what a user passed as `aligner=`, an `Aligner` itself unchanged.

    None means the model that the environment variable STREAM_ALIGNER_MODEL names, else `llm` itself with the default
    policy, with a warning. Raises `ConfigurationError` for what `coerced` refuses.
    """
    return _default(llm) if aligner is None else coerced(aligner)


def coerced(aligner: Any) -> Aligner:
    """Coerce an aligner that was given.

    A chat model becomes a `PromptedAligner`, a path or hub id a `TransformersAligner`, another Runnable or a function
    is adapted. Raises `ConfigurationError` for anything else.
    """
    if isinstance(aligner, Aligner):
        return aligner
    if isinstance(aligner, str | os.PathLike):
        return TransformersAligner(aligner)
    if isinstance(aligner, Runnable):
        is_chat_model = isinstance(next(leaves(aligner)).model, BaseChatModel)
        return PromptedAligner(aligner) if is_chat_model else RunnableAligner(aligner)
    if callable(aligner) and not isinstance(aligner, type):
        return FunctionAligner(aligner)
    raise ConfigurationError(
        f"`aligner` must be an Aligner, a Runnable, a function of one Draft, a chat model or the path of a "
        f"model, got {aligner!r} ({type(aligner).__name__})."
    )


def _default(llm: Runnable[Any, Any]) -> Aligner:
    if model := os.environ.get(MODEL_VARIABLE):
        return TransformersAligner(model)
    aligner = PromptedAligner(llm)
    warn(
        f"No aligner given: {aligner.name} corrects its own sentences, which costs one more call of that model "
        f"per sentence. Pass aligner=..., or set {MODEL_VARIABLE} to a local model.",
    )
    return aligner
