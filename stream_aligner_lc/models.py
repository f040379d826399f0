"""What a user passes as `llm`, and what can be known of the model inside it. No calls."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import (
    Runnable,
    RunnableBinding,
    RunnableParallel,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.retry import RunnableRetry

from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.faults import is_transient
from stream_aligner_lc.upstream import UpstreamModel


def as_upstream(llm: Any) -> UpstreamModel:
    """Return `llm` if its sentences can be aligned: a chat model, or one with bindings, fallbacks or retries.

    Raises `ConfigurationError` that names the way out for anything else.
    """
    chat_model_of(llm)
    return cast("UpstreamModel", llm)


def chat_model_of(llm: Any) -> BaseChatModel:
    """Return the chat model inside `llm`: of fallbacks the first, of alternatives the default."""
    model = next(leaves(llm)).model
    if not isinstance(model, BaseChatModel):
        raise ConfigurationError(_no_chat_model(llm))
    return model


def _no_chat_model(llm: Any) -> str:
    if isinstance(llm, str):
        return (
            f"`llm` must be a chat model, got the string {llm!r}. "
            f"langchain.chat_models.init_chat_model({llm!r}) makes one of a name."
        )
    if isinstance(llm, Runnable):
        return (
            f"`llm` must be a chat model (or a binding, with_fallbacks or with_retry of one), got "
            f"{type(llm).__name__}. Wrap the model alone and pipe around it: "
            "prompt | StreamAlignedChat(model) | parser."
        )
    return f"`llm` must be a LangChain chat model, got {llm!r} ({type(llm).__name__})."


def bound_kwargs(llm: Any) -> dict[str, Any]:
    """Return the call-time keyword arguments that bindings around the model add."""
    return dict(next(leaves(llm)).bound)


def retry_of(llm: Any) -> RunnableRetry[Any, Any] | None:
    """Return the `with_retry` around the model, if there is one: LangChain itself ignores it for streams."""
    while isinstance(llm, RunnableBindingBase):
        if isinstance(llm, RunnableRetry):
            return llm
        llm = llm.bound
    return None


def names_its_end(llm: Any) -> bool:
    """Say whether every model that may answer always says why it ends.

    In OpenAI's protocol the last chunk has a finish reason, and its client takes a connection that is closed halfway
    through an event for an end. Elsewhere the client notices, or nothing is promised.
    """
    return all(leaf.is_a("BaseChatOpenAI") for leaf in leaves(llm))


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


def declares(llm: Any, option: str) -> bool:
    """Say whether the model's class has an option of that name, to be set where the model is made."""
    fields = type(chat_model_of(llm)).model_fields
    return option in fields or any(option == field.alias for field in fields.values())


def with_tools(llm: Any, tools: Any, **kwargs: Any) -> Any:
    """Return `llm` with tools bound to the chat model, or the models, inside it."""
    if isinstance(llm, RunnableWithFallbacks):
        changes = {
            "runnable": with_tools(llm.runnable, tools, **kwargs),
            "fallbacks": [with_tools(fallback, tools, **kwargs) for fallback in llm.fallbacks],
        }
        return llm.model_copy(update=changes)
    if isinstance(llm, RunnableBindingBase):
        return llm.model_copy(update={"bound": with_tools(llm.bound, tools, **kwargs)})
    return llm.bind_tools(tools, **kwargs)


def is_plain(llm: Any) -> bool:
    """Say whether `llm` is a chat model with nothing but keyword arguments bound around it."""
    while isinstance(llm, RunnableBinding):
        llm = llm.bound
    return isinstance(llm, BaseChatModel)


def substituted(runnable: Any, old: Any, new: Runnable[Any, Any]) -> Any:
    """Return a chain in which `new` stands where `old` stood; None if it stood nowhere."""
    if runnable is old:
        return new
    if isinstance(runnable, RunnableBinding):
        bound = substituted(runnable.bound, old, new)
        return bound and RunnableBinding(bound=bound, kwargs=dict(runnable.kwargs), config=runnable.config)
    if isinstance(runnable, RunnableSequence):
        steps = [substituted(step, old, new) for step in runnable.steps]
        chain = [changed or step for changed, step in zip(steps, runnable.steps, strict=True)]
        return RunnableSequence(*chain) if any(steps) else None
    if isinstance(runnable, RunnableParallel):
        branches = {name: substituted(step, old, new) for name, step in runnable.steps__.items()}
        chains = {name: branches[name] or step for name, step in runnable.steps__.items()}
        return RunnableParallel(chains) if any(branches.values()) else None
    return None


def patient(upstream: Any, tries: int) -> Any:
    """Return the upstream with retries of its first call too, where the loop leaves a fault to its caller."""
    if not hasattr(upstream, "with_retry") or retry_of(upstream) is not None:
        return upstream
    return upstream.with_retry(retry_if_exception_type=is_transient, stop_after_attempt=tries)
