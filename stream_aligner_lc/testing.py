"""Doubles for tests of this package and of programs that use it: no network, no weights, no randomness.

`ScriptedChatModel` is an upstream that says what it is told, `ReplaceAligner` and `ScriptedAligner` correct it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, PrivateAttr

from stream_aligner_lc.aligners import AcceptAligner, Aligner
from stream_aligner_lc.content import as_chunk
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.segmentation import segment

__all__ = ["AcceptAligner", "ReplaceAligner", "ScriptedAligner", "ScriptedCall", "ScriptedChatModel"]

Turn = str | BaseMessage | BaseException | Sequence[Any]


@dataclass
class ScriptedCall:
    """What one call of a `ScriptedChatModel` was asked, and how far it came."""

    messages: list[BaseMessage]
    stop: list[str] | None
    kwargs: dict[str, Any]
    sent: list[str] = field(default_factory=list)
    """The text chunks that were read by the caller's side."""
    is_finished: bool = False
    """The whole turn was read."""
    is_closed: bool = False
    """The turn is over, by itself or because the caller closed it."""


class ScriptedChatModel(BaseChatModel):
    """Say what the script says, in chunks, and remember how it was asked.

    `script` is a text, or a list with one turn for every call. A text is the reply that the model has in mind: asked
    with a trailing assistant message it continues that message, with the sentence that comes after as many
    sentences. A turn is a text, a message (tool calls, content blocks), a list of chunks, texts and exceptions, or
    an exception, which is raised. A restart after a replaced sentence is a call too, and takes the next turn: after
    the last sentence of a reply that is `""`. After the last turn comes an `IndexError`. How much of a turn was read
    when it was restarted depends on timing, so in a list put at most one sentence before a tool call.

    `chunking` cuts text: "words", or a number of characters. `delay` is the time in seconds before every chunk.
    `stop`, `max_tokens` and tools are honoured as a provider would; `usage` reports one token per chunk.
    """

    model_config = ConfigDict(extra="forbid")

    script: Any
    chunking: Any = "words"
    delay: float = 0.0
    usage: bool = True
    model_name: str = "scripted"
    stream_aligner_continuation: str = Field(default="prefill", exclude=True)
    _calls: list[ScriptedCall] = PrivateAttr(default_factory=list)

    def __init__(self, script: str | Sequence[Turn], **options: Any) -> None:
        super().__init__(script=script, **options)  # type: ignore[call-arg]  # pydantic's fields

    @property
    def calls(self) -> list[ScriptedCall]:
        """Every call so far, the oldest first."""
        return self._calls

    @property
    def prompts(self) -> list[list[BaseMessage]]:
        """The messages of every call."""
        return [call.messages for call in self._calls]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"script": repr(self.script), "model_name": self.model_name}

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Pass tools on to every call, where they are remembered."""
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=formatted, **({"tool_choice": tool_choice} if tool_choice else {}), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._begin(messages, stop, kwargs)
        try:
            for chunk in self._chunks(call):
                if self.delay:
                    time.sleep(self.delay)
                yield chunk
            call.is_finished = True
        finally:
            call.is_closed = True

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._begin(messages, stop, kwargs)
        try:
            for chunk in self._chunks(call):
                await asyncio.sleep(self.delay)
                yield chunk
            call.is_finished = True
        finally:
            call.is_closed = True

    def _begin(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> ScriptedCall:
        call = ScriptedCall(list(messages), stop, kwargs)
        self._calls.append(call)
        return call

    def turn(self, messages: Sequence[BaseMessage], **kwargs: Any) -> Turn:
        """Return what to say to `messages` in the call that was just begun; a subclass may decide by itself."""
        if not isinstance(self.script, str):
            number = len(self._calls)
            if number > len(self.script):
                raise IndexError(
                    f"The script has {len(self.script)} turn(s), and this is call {number}. A restart after a replaced "
                    "sentence is a call too, also after the last sentence: add '' as its turn, or script one text."
                )
            turn: Turn = self.script[number - 1]
            return turn
        if not messages or not isinstance(messages[-1], AIMessage):
            return self.script
        said = sum(1 for piece in segment(messages[-1].text) if piece.core)
        rest = [piece.text for piece in segment(self.script)]
        sentences = [index for index, text in enumerate(rest) if text.strip()]
        if said >= len(sentences):
            return ""
        # The whitespace before the sentence belongs to the text that goes on.
        before = rest[sentences[said] - 1] if sentences[said] else ""
        return before[len(before.rstrip()) :] + "".join(rest[sentences[said] :])

    def _chunks(self, call: ScriptedCall) -> Iterator[ChatGenerationChunk]:
        turn = self.turn(call.messages, **call.kwargs)
        items = [turn] if isinstance(turn, str | BaseMessage | BaseException) else list(turn)
        limit = call.kwargs.get("max_tokens")
        reason = "stop"
        for item in items:
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, BaseMessage):
                if item.content or as_chunk(item).tool_call_chunks or item.additional_kwargs:
                    yield ChatGenerationChunk(message=as_chunk(item).model_copy())
                continue
            text = _until(item, call.stop or ())
            for token in self._cut(text):
                if limit is not None and len(call.sent) >= limit:
                    reason = "length"
                    break
                call.sent.append(token)
                yield ChatGenerationChunk(message=AIMessageChunk(content=token))
        yield self._last(call, reason)

    def _last(self, call: ScriptedCall, reason: str) -> ChatGenerationChunk:
        read = sum(len(cut_words(message.text)) for message in call.messages)
        wrote = len(call.sent)
        usage = UsageMetadata(input_tokens=read, output_tokens=wrote, total_tokens=read + wrote)
        metadata = {"finish_reason": reason, "model_name": self.model_name}
        message = AIMessageChunk(content="", response_metadata=metadata, usage_metadata=usage if self.usage else None)
        return ChatGenerationChunk(message=message)

    def _cut(self, text: str) -> list[str]:
        if self.chunking == "words":
            return cut_words(text)
        return [text[start : start + self.chunking] for start in range(0, len(text), self.chunking)]


def cut_words(text: str) -> list[str]:
    """Cut `text` into words with the whitespace before them, as most tokenizers would."""
    return re.findall(r"\s*\S+|\s+\Z", text)


def _until(text: str, stop: Sequence[str]) -> str:
    ends = [end for end in (text.find(each) for each in stop) if end >= 0]
    return text[: min(ends)] if ends else text


class ReplaceAligner(Aligner):
    """Replace words: a draft that holds none of them is accepted.

    `replacements` maps what to look for to what to put there; a draft for which nothing is left is removed.
    `delay` is the time in seconds that every draft takes. `drafts` remembers what was asked.
    """

    name = "replace"

    def __init__(self, replacements: Mapping[str, str] | None = None, *, delay: float = 0.0, **words: str) -> None:
        self.replacements = {**(replacements or {}), **words}
        self.delay = delay
        self.drafts: list[Draft] = []

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Replace the words."""
        time.sleep(self.delay)
        return self._corrected(input)

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Replace the words."""
        await asyncio.sleep(self.delay)
        return self._corrected(input)

    @property
    def identity(self) -> dict[str, Any]:
        """The words too."""
        return {**super().identity, "replacements": dict(self.replacements)}

    def _corrected(self, draft: Draft) -> Correction:
        self.drafts.append(draft)
        text = draft.text
        for word, instead in self.replacements.items():
            text = text.replace(word, instead)
        return Correction(text)


class ScriptedAligner(Aligner):
    """Answer the drafts by their number in the reply.

    `answers` maps an index to a text, a `Correction`, an exception (raised), or a function of the draft; drafts
    without an answer are accepted. `drafts` remembers what was asked.
    """

    name = "scripted"

    def __init__(self, answers: Mapping[int, Any] | Sequence[Any]) -> None:
        self.answers = dict(answers) if isinstance(answers, Mapping) else dict(enumerate(answers))
        self.drafts: list[Draft] = []

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Give the answer."""
        self.drafts.append(input)
        answer: Any | Callable[[Draft], Any] = self.answers.get(input.index)
        if answer is None:
            return input.text
        if isinstance(answer, BaseException):
            raise answer
        return answer(input) if callable(answer) else answer

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Give the answer, without a thread."""
        return self.invoke(input, config, **kwargs)

    @property
    def identity(self) -> dict[str, Any]:
        """The answers too."""
        return {**super().identity, "answers": repr(self.answers)}
