"""Run the loop for one call of the chat model, out of sight of everyone but tracers.

LangGraph merges the ambient callbacks and the ambient stream into every graph that it runs, whatever it is
given; only a context of its own keeps the inner graph's runs from the caller's streams and checkpoints.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import (
    BaseCallbackHandler,
    BaseCallbackManager,
    BaseRunManager,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig, ensure_config

from stream_aligner_lc.content import joined_blocks
from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.graph import AlignedGraph
from stream_aligner_lc.isolation import child_manager, inner_context, isolated
from stream_aligner_lc.nodes import VERDICT_EVENT, Run

_NO_MESSAGES: dict[str, list[Any]] = {"messages": []}


@dataclass(frozen=True)
class Caller:
    """Who called the chat model: the run that inner runs belong under, its handlers, and its config."""

    run_id: UUID
    callbacks: BaseCallbackManager | BaseRunManager
    config: RunnableConfig

    def child_config(self) -> RunnableConfig:
        """Return a configuration for runs under the caller's, with all of its handlers."""
        return RunnableConfig(
            callbacks=child_manager(self.callbacks, self.callbacks.inheritable_handlers, parent_run_id=self.run_id),
            tags=list(self.config.get("tags") or ()),
            metadata=dict(self.config.get("metadata") or {}),
            configurable=dict(self.config.get("configurable") or {}),
        )


class Reply:
    """One reply of the chat model: iterate `chunks` or `achunks`, and close what you iterate."""

    def __init__(
        self,
        graph: AlignedGraph,
        run: Run,
        caller: Caller | None,
        *,
        observers: Sequence[BaseCallbackHandler] = (),
    ) -> None:
        self._graph = graph
        self._run = run
        self._messages = run.conversation({})
        settings = (each for leaf in leaves(run.upstream.llm) for each in leaf.call_settings)
        run.admit(self._messages)
        self._is_plain = is_schema_mode(run.upstream.kwargs) or any(map(is_schema_mode, settings))
        # Without a caller, inner runs belong under whatever run is around.
        outer = caller.child_config() if caller else ensure_config()
        self._config = isolated(outer, observers, run_name="stream_aligner")
        self._outer = outer if caller and caller.callbacks.inheritable_handlers else None

    def chunks(self) -> Iterator[AIMessageChunk]:
        """Yield the aligned reply in message chunks."""
        with inner_context(self._config) as context:
            if self._is_plain:
                yield from _each(context, self._run.upstream.unaligned(self._messages, self._config))
                return
            steps = self._graph.stream(_NO_MESSAGES, self._config, context=self._run, stream_mode="updates")
            for step in _each(context, steps):
                for update in step.values():
                    for verdict in update["last_release"]["verdicts"] if self._outer else ():
                        dispatch_custom_event(VERDICT_EVENT, verdict, config=self._outer)
                    yield from update["last_release"]["chunks"]

    async def achunks(self) -> AsyncIterator[AIMessageChunk]:
        """Yield the aligned reply in message chunks."""
        with inner_context(self._config) as context:
            if self._is_plain:
                async with aclosing(
                    _aeach(context, self._run.upstream.aunaligned(self._messages, self._config))
                ) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            steps = self._graph.astream(_NO_MESSAGES, self._config, context=self._run, stream_mode="updates")
            async with aclosing(_aeach(context, steps)) as each:
                async for step in each:
                    for update in step.values():
                        for verdict in update["last_release"]["verdicts"] if self._outer else ():
                            await adispatch_custom_event(VERDICT_EVENT, verdict, config=self._outer)
                        for chunk in update["last_release"]["chunks"]:
                            yield chunk


def joined(result: ChatResult) -> ChatResult:
    """Return the result with text blocks that were cut into sentences as one again."""
    for generation in result.generations:
        generation.message.content = joined_blocks(generation.message.content)
    return result


async def agenerations(reply: Reply) -> AsyncGenerator[ChatGenerationChunk]:
    """Yield the reply's chunks as LangChain wants them."""
    async with aclosing(reply.achunks()) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            yield ChatGenerationChunk(message=chunk)


def _each(context: Context, items: Iterator[Any]) -> Generator[Any]:
    """Iterate and close `items` inside `context`."""
    done = object()
    try:
        while (item := context.run(next, items, done)) is not done:
            yield item
    finally:
        context.run(items.close)  # type: ignore[attr-defined]


async def _aeach(context: Context, items: AsyncIterator[Any]) -> AsyncGenerator[Any]:
    """Iterate and close `items` inside `context`; only a task of its own has one."""
    loop = asyncio.get_running_loop()
    done = object()
    try:
        while (item := await loop.create_task(_next(items, done), context=context)) is not done:
            yield item
    finally:
        await loop.create_task(items.aclose(), context=context)  # type: ignore[attr-defined]


async def _next(items: AsyncIterator[Any], done: object) -> Any:
    return await anext(items, done)


def is_schema_mode(kwargs: Mapping[str, Any]) -> bool:
    """Say whether a call asks for text in a machine's format, which is no prose to cut into sentences."""
    body = kwargs.get("extra_body")
    places = [kwargs, body if isinstance(body, Mapping) else {}]
    return any(_asks_for_schema(place) for place in places)


def _asks_for_schema(kwargs: Mapping[str, Any]) -> bool:
    text = kwargs.get("text")
    formats = [
        kwargs.get("response_format"),  # OpenAI and most of those who follow it
        text.get("format") if isinstance(text, Mapping) else None,  # OpenAI's Responses API
        kwargs.get("format"),  # Ollama
        kwargs.get("output_format"),  # Anthropic
    ]
    output = kwargs.get("output_config")
    formats.append(output.get("format") if isinstance(output, Mapping) else None)
    if any(_is_schema(each) for each in formats):
        return True
    named = (
        "response_schema",
        "response_json_schema",
        "text_format",
        "guided_json",
        "guided_grammar",
        "structured_outputs",
    )
    return kwargs.get("response_mime_type") == "application/json" or any(kwargs.get(name) for name in named)


def _is_schema(value: Any) -> bool:
    if isinstance(value, Mapping) and value.get("type") == "text":
        return False
    return bool(value) and value != "text"
