"""Aligners made of what people have: a function, or any Runnable such as an LCEL chain."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.base import RunnableBindingBase, RunnableSequence
from langchain_core.runnables.fallbacks import RunnableWithFallbacks
from langchain_core.runnables.passthrough import RunnableAssign, RunnablePick

from stream_aligner_lc.aligners.base import Aligner
from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.fingerprints import fingerprint


class FunctionAligner(Aligner):
    """Let a plain function of one `Draft`, sync or async, answer."""

    def __init__(self, function: Callable[[Draft], Any | Awaitable[Any]]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  # an object whose call is a coroutine
        )

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the function; an async one runs in an event loop of its own."""
        if self._is_async:
            return _finish_elsewhere(self.function, input)
        return self.function(input)

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Await the function; a sync one runs in a thread, so that the event loop stays free."""
        if self._is_async:
            return await self.function(input)
        return await super().ainvoke(input, config, **kwargs)

    @property
    def identity(self) -> dict[str, Any]:
        """The function's place and a digest of what it does: two lambdas of one line are not the same."""
        module, name = (
            getattr(self.function, "__module__", ""),
            getattr(self.function, "__qualname__", self.name),
        )
        return {**super().identity, "function": f"{module}.{name}", "digest": _digest(self.function)}


class RunnableAligner(Aligner):
    """Let a Runnable answer: an LCEL chain, or an aligner with `.with_retry()` or `.with_fallbacks()`.

    A chain that begins with a prompt template gets `Draft.as_dict()`, everything else the `Draft` itself.
    """

    def __init__(self, runnable: Runnable[Any, Any]) -> None:
        self.runnable = runnable
        self.name = runnable.get_name()
        self._takes_dict = _takes_dict(runnable)

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Invoke the Runnable."""
        return self.runnable.invoke(self._input(input), config, **kwargs)

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Invoke the Runnable asynchronously."""
        return await self.runnable.ainvoke(self._input(input), config, **kwargs)

    def warm(self, draft: Draft) -> None:
        """Pass it on to the aligner inside, if there is one."""
        if inner := _aligner_inside(self.runnable):
            inner.warm(draft)

    def cancel(self, draft: Draft) -> None:
        """Pass it on to the aligner inside, if there is one."""
        if inner := _aligner_inside(self.runnable):
            inner.cancel(draft)

    @property
    def identity(self) -> dict[str, Any]:
        """A fingerprint of the chain's representation, which holds its steps and their settings, and its functions."""
        functions = [_digest(function) for function in _functions(self.runnable)]
        return {**super().identity, "runnable": fingerprint(repr((self.runnable, functions)))}

    def _input(self, draft: Draft) -> Any:
        return draft.as_dict() if self._takes_dict else draft


def _takes_dict(runnable: Runnable[Any, Any]) -> bool:
    if isinstance(runnable, RunnableSequence):
        return _takes_dict(runnable.first)
    if isinstance(runnable, RunnableBindingBase):
        return _takes_dict(runnable.bound)
    if isinstance(runnable, RunnableWithFallbacks):
        return _takes_dict(runnable.runnable)
    # Importing prompts loads a YAML parser, which whoever has no template should not wait for.
    from langchain_core.prompts import BasePromptTemplate  # noqa: PLC0415

    return isinstance(runnable, BasePromptTemplate | RunnableAssign | RunnablePick)


def _aligner_inside(runnable: Runnable[Any, Any]) -> Aligner | None:
    if isinstance(runnable, Aligner):
        return runnable
    if isinstance(runnable, RunnableBindingBase):
        return _aligner_inside(runnable.bound)
    if isinstance(runnable, RunnableWithFallbacks):
        return _aligner_inside(runnable.runnable)
    return None


def _finish_elsewhere(function: Callable[[Draft], Any], draft: Draft) -> Any:
    # The calling thread may have a running loop (a notebook), in which asyncio.run is refused.
    context = contextvars.copy_context()

    async def call() -> Any:
        return await function(draft)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="async-aligner") as pool:
        return pool.submit(context.run, asyncio.run, call()).result()


def _functions(runnable: Runnable[Any, Any]) -> list[Callable[..., Any]]:
    if isinstance(runnable, RunnableSequence):
        return [function for step in runnable.steps for function in _functions(step)]
    if isinstance(runnable, RunnableBindingBase):
        return _functions(runnable.bound)
    if isinstance(runnable, RunnableWithFallbacks):
        return [function for each in runnable.runnables for function in _functions(each)]
    if isinstance(runnable, RunnableLambda):
        functions = (getattr(runnable, name, None) for name in ("func", "afunc"))
        return [function for function in functions if function is not None]
    return []


def _digest(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    if code is None:
        return repr(function)
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    settings = [getattr(function, name, None) for name in ("__defaults__", "__kwdefaults__", "__self__")]
    parts = (code.co_code, code.co_consts, code.co_names, settings, cells)
    return fingerprint(repr(parts))
