"""Keep drafts from everyone but tracers: the configuration that inner runs are given. No I/O.

No tag hides an inner model from `astream_events` or from a user's handlers, and LangGraph merges the ambient
callbacks into whatever it is given. So inner runs get a callback manager that holds tracers only, in a context
of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncRunManager,
    BaseCallbackHandler,
    BaseRunManager,
    CallbackManager,
)
from langchain_core.callbacks.base import BaseCallbackManager, Callbacks
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import set_config_context
from langchain_core.tracers.base import AsyncBaseTracer, BaseTracer
from langgraph.constants import TAG_NOSTREAM

try:  # Private: what `register_configure_hook` fills.
    from langchain_core.tracers.context import _configure_hooks
except ImportError:  # pragma: no cover
    _configure_hooks = []

try:  # Private, and marked by LangChain as used by LangGraph: the handlers through which events are streamed.
    from langchain_core.tracers._streaming import _StreamingCallbackHandler, _V2StreamingCallbackHandler

    _STREAMING: tuple[type, ...] = (_StreamingCallbackHandler, _V2StreamingCallbackHandler)
except ImportError:  # pragma: no cover
    from langchain_core.tracers.event_stream import _AstreamEventsCallbackHandler
    from langchain_core.tracers.log_stream import LogStreamCallbackHandler

    _STREAMING = (_AstreamEventsCallbackHandler, LogStreamCallbackHandler)

# A user's `configurable` values reach the inner model; what belongs to the outer graph's run does not.
_OUTER_RUN = ("__pregel", "checkpoint_")
_OUTER_RUN_KEYS = {"thread_id"}


def is_tracer(handler: BaseCallbackHandler) -> bool:
    """Say whether a handler records runs, rather than streaming them to somebody."""
    return isinstance(handler, BaseTracer | AsyncBaseTracer) and not isinstance(handler, _STREAMING)


def isolated(config: RunnableConfig, observers: Sequence[BaseCallbackHandler] = (), **changes: Any) -> RunnableConfig:
    """Return `config` for an inner run: tracers and `observers` only, under the same parent run."""
    manager = _tracers_only(config.get("callbacks"), observers)
    configurable = {
        key: value
        for key, value in (config.get("configurable") or {}).items()
        if not key.startswith(_OUTER_RUN) and key not in _OUTER_RUN_KEYS
    }
    inner = RunnableConfig(
        callbacks=manager,
        tags=[*(tag for tag in config.get("tags") or () if tag != TAG_NOSTREAM), TAG_NOSTREAM],
        metadata=dict(config.get("metadata") or {}),
        configurable=configurable,
    )
    inner.update(changes)  # type: ignore[typeddict-item]
    return inner


@contextmanager
def inner_context(config: RunnableConfig) -> Iterator[Context]:
    """Provide a context in which `config` is the ambient configuration; use its `run`.

    Handlers that hooks add to whatever is configured, such as `get_usage_metadata_callback`, stay outside.
    """
    with set_config_context(config) as context:
        for variable in _hooked_variables():
            handler = context.run(variable.get, None)
            if handler is not None and not is_tracer(handler):
                context.run(variable.set, None)
        yield context


def _hooked_variables() -> Iterator[ContextVar[BaseCallbackHandler | None]]:
    return (hook[0] for hook in _configure_hooks)


def child_manager(
    source: BaseCallbackManager | BaseRunManager, handlers: Sequence[BaseCallbackHandler], *, parent_run_id: UUID | None
) -> BaseCallbackManager:
    """Return a manager of `handlers` for runs under `parent_run_id`, with the colour, tags and metadata of `source`."""
    is_async = isinstance(source, AsyncCallbackManager | AsyncRunManager)
    return (AsyncCallbackManager if is_async else CallbackManager)(
        handlers=list(handlers),
        inheritable_handlers=list(handlers),
        parent_run_id=parent_run_id,
        inheritable_tags=list(source.inheritable_tags),
        inheritable_metadata=dict(source.inheritable_metadata),
    )


def _tracers_only(callbacks: Callbacks, observers: Sequence[BaseCallbackHandler]) -> BaseCallbackManager:
    manager = callbacks if isinstance(callbacks, BaseCallbackManager) else CallbackManager.configure(callbacks)
    tracers = [handler for handler in manager.inheritable_handlers if is_tracer(handler)]
    handlers = [*tracers, *(observer for observer in observers if observer not in tracers)]
    return child_manager(manager, handlers, parent_run_id=manager.parent_run_id)
