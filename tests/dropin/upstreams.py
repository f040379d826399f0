"""Upstreams that say exactly the chunks they are given, as the integrations of the big providers do."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from stream_aligner_lc.testing import ScriptedCall, ScriptedChatModel


class VerbatimModel(ScriptedChatModel):
    """Say each turn's chunks and nothing else: no usage or finish reason that is not among them."""

    def _chunks(self, call: ScriptedCall) -> Iterator[ChatGenerationChunk]:
        for chunk in self.turn(call.messages, **call.kwargs):
            if isinstance(chunk, BaseException):
                raise chunk
            message = AIMessageChunk(content=chunk) if isinstance(chunk, str) else chunk
            call.sent.append(message.text)
            yield ChatGenerationChunk(message=message.model_copy(deep=True))


class WholeModel(BaseChatModel):
    """Answer with whole messages, one for every call: a provider without streaming."""

    turns: list[Any]
    asked: list[Any] = Field(default_factory=list)
    stream_aligner_continuation: str = "prefill"

    @property
    def _llm_type(self) -> str:
        return "whole"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append((messages, {"stop": stop, **kwargs}))
        turn = self.turns[len(self.asked) - 1]
        message = AIMessage(turn) if isinstance(turn, str) else turn.model_copy(deep=True)
        return ChatResult(generations=[ChatGeneration(message=message)])


def total(chunks: Sequence[AIMessageChunk]) -> AIMessageChunk:
    """Add chunks up."""
    message = chunks[0]
    for chunk in chunks[1:]:
        message += chunk
    return message


def call_deltas(name: str, *parts: str, id: str = "call_1", index: int = 0) -> list[AIMessageChunk]:
    """Return a tool call as the deltas that a provider streams."""
    first = {"name": name, "args": "", "id": id, "index": index, "type": "tool_call_chunk"}
    rest = [{"name": None, "args": part, "id": None, "index": index, "type": "tool_call_chunk"} for part in parts]
    return [AIMessageChunk(content="", tool_call_chunks=[one]) for one in (first, *rest)]


def ended(reason: str = "stop", read: int = 3, wrote: int = 5, **metadata: Any) -> AIMessageChunk:
    """Return the last chunk of a provider's stream."""
    usage = {"input_tokens": read, "output_tokens": wrote, "total_tokens": read + wrote}
    return AIMessageChunk(
        content="",
        usage_metadata=usage,
        response_metadata={"finish_reason": reason, "model_name": "m", **metadata},
    )


def without_report(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return response metadata as the bare model would have it."""
    return {key: value for key, value in metadata.items() if key != "stream_aligner"}


Run = Callable[..., Any]


def invoke_sync(model: Any, prompt: Any, *args: Any, **kwargs: Any) -> Any:
    """Invoke."""
    return model.invoke(prompt, *args, **kwargs)


def invoke_async(model: Any, prompt: Any, *args: Any, **kwargs: Any) -> Any:
    """Await `ainvoke`."""
    return asyncio.run(model.ainvoke(prompt, *args, **kwargs))


def stream_sync(model: Any, prompt: Any, *args: Any, **kwargs: Any) -> Any:
    """Stream and add up."""
    return total(list(model.stream(prompt, *args, **kwargs)))


def stream_async(model: Any, prompt: Any, *args: Any, **kwargs: Any) -> Any:
    """Stream asynchronously and add up."""

    async def read() -> list[Any]:
        return [chunk async for chunk in model.astream(prompt, *args, **kwargs)]

    return total(asyncio.run(read()))


EVERY_WAY: tuple[Run, ...] = (invoke_sync, invoke_async, stream_sync, stream_async)
