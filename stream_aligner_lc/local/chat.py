"""A local upstream: a model of `transformers` as a chat model that can be continued, closed and restarted cheaply.

LangChain's own `ChatHuggingFace` over a pipeline refuses a trailing assistant message, reads ahead in a thread that
cannot be stopped, and reads the whole prompt again for every call.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field, PrivateAttr

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.detokenizing import Detokenizer, StopFilter
from stream_aligner_lc.local.messages import as_turns
from stream_aligner_lc.local.models import GivenModel, Loaded, LocalModel, shared
from stream_aligner_lc.local.settings import Settings, configured, identifying, settings_of
from stream_aligner_lc.local.threads import in_thread

if TYPE_CHECKING:
    from stream_aligner_lc.local.decoding import Choose

_UNBOUNDED = 1 << 31


class ChatTransformers(Settings, BaseChatModel):
    """Chat with a causal language model of `transformers` on this machine.

    `model` is the path of a folder or a hub id; safetensors only, no remote code. It is loaded at the first call, or
    by `load`. A trailing assistant message is continued, inside the tokenizer's chat template. It streams token by
    token, and computes nothing beyond the token that was asked for: closing the stream ends the work. A call that
    goes on from the text of an earlier one, as a restarted reply does, reads only what is new
    (`usage_metadata["input_token_details"]["cache_read"]` says how much was not).

    What is None is as the model's generation configuration says; `temperature=0` is greedy, a `top_p` or `top_k` alone
    samples. With a `seed` the same messages get the same reply. `max_tokens` is the longest reply; without any it may
    fill the model's context.
    Raises `ConfigurationError` for a model that cannot be loaded or messages that it cannot be given.
    """

    model_config = ConfigDict(extra="forbid")

    model: str
    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None
    chat_template: str | None = None
    """Jinja source to use in place of the tokenizer's own."""
    stop: list[str] | None = None
    streaming: bool = False
    """LangChain's own switch: whether `invoke` streams to the handlers too."""
    stream_aligner_continuation: str = Field(default="chat-template", exclude=True)
    _local: LocalModel = PrivateAttr()

    def __init__(self, model: str, **options: Any) -> None:
        given = options.pop("_local", None)
        super().__init__(model=str(model), **options)  # type: ignore[call-arg]  # pydantic's fields
        self._local = given or shared(
            model, device=self.device, dtype=self.dtype, revision=self.revision, chat_template=self.chat_template
        )

    @classmethod
    def from_model(cls, model: Any, tokenizer: Any, **options: Any) -> ChatTransformers:
        """Take a model and a tokenizer that are loaded already; `options` are those of the constructor."""
        given = GivenModel(model, tokenizer, chat_template=options.get("chat_template"))
        return cls(given.source, _local=given, **options)

    def load(self) -> ChatTransformers:
        """Load the model now, and return this object."""
        self._local.load()
        return self

    @property
    def _llm_type(self) -> str:
        return "transformers"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # Not "stop": that is the call's.
        said = {**identifying(self), "default_stop": self.stop}
        return {"model_name": self.model, "identity": self._local.identity, **said}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"], params["ls_model_name"] = "transformers", kwargs.get("model", self._local.name)
        return params

    def get_token_ids(self, text: str) -> list[int]:
        """Return the ids of a text in the model's own tokenizer."""
        return self._local.load().encoder.text(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Return how many tokens a prompt of these messages has, chat template included."""
        return len(self._prompt(self._local.load(), messages, goes_on=None))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with aclosing(self._astream(messages, stop, run_manager, **kwargs)) as chunks:  # type: ignore[type-var]
            return await agenerate_from_stream(chunks)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from self._chunks(messages, stop, kwargs)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        def make(stopped: threading.Event) -> Generator[ChatGenerationChunk]:
            return self._chunks(messages, stop, kwargs, stopped=stopped)

        async with aclosing(in_thread(make, name="local-upstream")) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                yield chunk

    def _chunks(
        self,
        messages: Sequence[BaseMessage],
        stop: Sequence[str] | None,
        kwargs: dict[str, Any],
        *,
        stopped: threading.Event | None = None,
    ) -> Generator[ChatGenerationChunk]:
        settings = settings_of(self, kwargs)
        loaded = self._local.load()
        prompt = self._prompt(loaded, messages, goes_on=kwargs.get("continue_final_message"))
        limit = self._limit(loaded, len(prompt), settings.max_tokens)
        choose = _choice(loaded, settings, len(prompt))
        detokenizer = Detokenizer(loaded.encoder.tokenizer, prompt)
        until = StopFilter(_stops(self.stop if stop is None else stop))
        num_tokens, reason = 0, "length"
        with loaded.decoder.reading(prompt, stopped=stopped) as decoding:
            while num_tokens < limit:
                [token] = decoding.next(choose)
                num_tokens += 1
                if token in loaded.ends:
                    reason = "stop"
                    break
                if text := until.feed(detokenizer.feed(token)):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=text))
                if until.is_over:
                    reason = "stop"
                    break
        rest = until.feed(detokenizer.flush()) + until.flush()
        reason = "stop" if until.is_over else reason
        usage = UsageMetadata(
            input_tokens=len(prompt),
            output_tokens=num_tokens,
            total_tokens=len(prompt) + num_tokens,
            input_token_details=InputTokenDetails(cache_read=decoding.num_reused),
        )
        metadata = {"finish_reason": reason, "model_name": self._local.name}
        last = AIMessageChunk(content=rest, usage_metadata=usage, response_metadata=metadata)
        yield ChatGenerationChunk(message=last)

    def _limit(self, loaded: Loaded, num_tokens: int, max_tokens: int | None) -> int:
        own = loaded.model.generation_config.max_new_tokens
        room = None if loaded.max_tokens is None else loaded.max_tokens - num_tokens
        if room is not None and room <= 0:
            raise ConfigurationError(
                f"The prompt has {num_tokens} tokens, and {self._local.name!r} can attend to {loaded.max_tokens}. "
                "Shorten the conversation, or use a model with a longer context."
            )
        limits = [each for each in (max_tokens or own, room) if each is not None]
        return min(limits) if limits else _UNBOUNDED

    def _prompt(self, loaded: Loaded, messages: Sequence[BaseMessage], *, goes_on: bool | None) -> list[int]:
        if not loaded.encoder.has_chat_template:
            raise ConfigurationError(
                f"The tokenizer of {self._local.name!r} has no chat template: it is no chat model. "
                "Pass `chat_template`, the Jinja source of one, or use a model that was trained to chat."
            )
        turns = as_turns(messages)
        if goes_on is None:
            goes_on = turns[-1].role == "assistant"
        ids = loaded.encoder.conversation(turns, goes_on=goes_on)
        if not ids:
            raise ConfigurationError(
                f"The chat template of {self._local.name!r} makes nothing of these messages. Say something in them, or "
                "pass another `chat_template`."
            )
        return ids


def _choice(loaded: Loaded, settings: Settings, num_tokens: int) -> Choose:
    from stream_aligner_lc.local.sampling import make_choice  # noqa: PLC0415  # torch is loaded by now

    config = configured(loaded.model.generation_config, settings)
    return make_choice(config, device=loaded.model.device, seed=settings.seed, num_tokens=num_tokens)


def _stops(stop: Sequence[str] | str | None) -> Sequence[str]:
    return [stop] if isinstance(stop, str) else stop or ()
