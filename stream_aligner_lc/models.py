"""What a user passes as `llm`, and what can be known of the model inside it. No calls."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.configurable import DynamicRunnable

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.upstream import UpstreamModel


def as_upstream(llm: Any) -> UpstreamModel:
    """Return `llm` if its sentences can be aligned: a chat model, or one with bindings, fallbacks or retries.

    Raises `ConfigurationError` that names the way out for anything else.
    """
    chat_model_of(llm)
    return cast("UpstreamModel", llm)


def chat_model_of(llm: Any) -> BaseChatModel:
    """Return the chat model inside `llm`: of fallbacks the first, of alternatives the default."""
    inner = llm
    while not isinstance(inner, BaseChatModel):
        if isinstance(inner, RunnableBindingBase):
            inner = inner.bound
        elif isinstance(inner, RunnableWithFallbacks):
            inner = inner.runnable
        elif isinstance(inner, DynamicRunnable):
            inner = inner.default
        else:
            raise ConfigurationError(_no_chat_model(llm))
    return inner


def _no_chat_model(llm: Any) -> str:
    if isinstance(llm, str):
        return (
            f"`llm` must be a chat model, got the string {llm!r}. "
            f"langchain.chat_models.init_chat_model({llm!r}) makes one of a name."
        )
    if isinstance(llm, Runnable):
        return (
            f"`llm` must be a chat model (or a binding, with_fallbacks or with_retry of one), got "
            f"{type(llm).__name__}. Wrap the model alone and pipe around it: prompt | StreamAlignedChat(model) | parser."
        )
    return f"`llm` must be a LangChain chat model, got {llm!r} ({type(llm).__name__})."


def bound_kwargs(llm: Any) -> dict[str, Any]:
    """Return the call-time keyword arguments that bindings around the model add, the outer ones first."""
    kwargs: dict[str, Any] = {}
    while isinstance(llm, RunnableBindingBase):
        kwargs = {**llm.kwargs, **kwargs}
        llm = llm.bound
    return kwargs


def max_tokens_of(llm: Any) -> int | None:
    """Return the model's own `max_tokens`, bound or set on it; restarts must share it out."""
    limit = bound_kwargs(llm).get("max_tokens", getattr(chat_model_of(llm), "max_tokens", None))
    return limit if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 else None


def stop_of(llm: Any) -> list[str]:
    """Return the model's own stop sequences, bound or set on it."""
    stop = bound_kwargs(llm).get("stop")
    if stop is None:
        model = chat_model_of(llm)
        stop = getattr(model, "stop", None) or getattr(model, "stop_sequences", None)
    if isinstance(stop, str):
        return [stop]
    return [each for each in stop or () if isinstance(each, str) and each]


def model_name_of(llm: Any) -> str:
    """Return the name that traces and `response_metadata` give the model."""
    model = chat_model_of(llm)
    params = model._get_ls_params()  # noqa: SLF001  # LangChain's one way of asking any integration
    return str(params.get("ls_model_name") or getattr(model, "model_name", "") or model._llm_type)  # noqa: SLF001
