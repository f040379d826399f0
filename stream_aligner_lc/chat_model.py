"""`StreamAlignedChat`: the loop as a LangChain chat model, to be used wherever one is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import closing
from copy import deepcopy
from typing import Any, NamedTuple, Self, cast
from uuid import uuid4

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackHandler,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig, ensure_config
from pydantic import ConfigDict, Field, PrivateAttr, SkipValidation

from stream_aligner_lc.aligners import as_aligner
from stream_aligner_lc.continuation.leaves import identity_of, leaves
from stream_aligner_lc.counting import counts_offline
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.graph import AlignedGraph, compile_graph
from stream_aligner_lc.models import (
    as_upstream,
    bound_kwargs,
    chat_model_of,
    is_plain,
    model_name_of,
    substituted,
    with_tools,
)
from stream_aligner_lc.options import DEFAULT_SKIP, FORWARDED, LoopOptions, Record
from stream_aligner_lc.recipe import Recipe, as_stop, recipe_of
from stream_aligner_lc.reply import Caller, Reply, agenerations, joined

# What the loop is made of; the forwarded options among it.
_PARTS = ("llm", "aligner", "continuation", "observers", *FORWARDED, *sorted(LoopOptions.names()))


class _Loop(NamedTuple):
    parts: tuple[Any, ...]
    recipe: Recipe
    graph: AlignedGraph


class StreamAlignedChat(BaseChatModel):
    """Correct every sentence of a chat model's reply while it is being written.

    `llm` is the upstream: any chat model, also with `bind`, `with_fallbacks` or `with_retry`. `aligner` is what
    corrects a sentence before anyone sees it: an `Aligner`, a function of one `Draft`, a Runnable, a chat model, or
    the path of a local model. After a replaced sentence the upstream goes on from the corrected text.

    Raises `ConfigurationError` for a wrong or unknown option. While a reply is written, `AlignerError` (see
    `on_aligner_error`) and `UpstreamError` carry the text released so far.

    >>> from stream_aligner_lc.testing import ScriptedChatModel
    >>> llm = ScriptedChatModel("The sky is green. It rains.")
    >>> chat = StreamAlignedChat(llm, lambda draft: draft.text.replace("green", "blue"))
    >>> chat.invoke("How is the weather?").text
    'The sky is blue. It rains.'
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    # `LoopOptions` checks the options, in every place the same; pydantic would turn a "no" into False.
    llm: SkipValidation[Any]
    """The upstream."""
    aligner: SkipValidation[Any] = None
    """What corrects; None: the model that STREAM_ALIGNER_MODEL names, else the upstream itself, with a warning."""
    granularity: SkipValidation[str] = "sentence"
    """What is corrected at once: "sentence", "paragraph", or "response" (the original Aligner)."""
    continuation: SkipValidation[Any] = "auto"
    """How the upstream is asked to go on: "auto", or the name of a strategy (see `choose_continuation`)."""
    lookahead: SkipValidation[int] = 2
    """How many finished sentences the upstream may be ahead; 0 stops reading while the aligner works."""
    feedback: SkipValidation[bool] = True
    """Whether the upstream goes on from corrections. False: they are shown, and it is never restarted."""
    align_first: SkipValidation[int | None] = None
    """Align only so many sentences, and let the rest run free."""
    skip: SkipValidation[Collection[str]] = DEFAULT_SKIP
    """Kinds of segment that pass as they arrive."""
    on_aligner_error: SkipValidation[str] = "raise"
    """"raise", "keep" (show the draft), or "stop" (end the reply, `finish_reason="aligner_error"`). Half a sentence
    that a provider ended the reply with is left out, and nothing is raised, where the answer to it is unusable."""
    aligner_timeout: SkipValidation[float | None] = None
    """Seconds that the aligner may take for one call."""
    max_aligner_faults: SkipValidation[int | None] = None
    """After faults on so many sentences in a row the aligner is not asked any more, and the rest of the reply is shown
    as drafted. With `on_aligner_error="keep"` only: otherwise the first fault ends the reply."""
    upstream_retries: SkipValidation[int] = 2
    """How often in a row a fault in mid-reply is retried from the released text; 0 takes every end as it comes."""
    upstream_timeout: SkipValidation[float | None] = None
    """Seconds that the upstream may send nothing, also before its first chunk; then it is asked again, as after any
    other fault."""
    reply_timeout: SkipValidation[float | None] = None
    """Seconds for the whole reply. When they are over it ends with what was released, `finish_reason="timeout"`; for an
    exception instead use `asyncio.timeout`. Replies in a machine's format are not cut: `timeout` is for them."""
    max_restarts: SkipValidation[int] = 64
    """After so many restarts the reply ends, `finish_reason="max_restarts"`."""
    max_sentences: SkipValidation[int | None] = None
    """The reply ends after so many sentences, `finish_reason="length"`."""
    max_input: SkipValidation[int | None] = None
    """The most characters that a conversation may have; one of more is a `ConfigurationError`."""
    lang: SkipValidation[str | None] = None
    """Language of the replies, a code such as "de": sharpens where sentences end."""
    end_on_accept: SkipValidation[bool] = False
    """Whether an aligner may end the reply with a sentence that it accepts."""
    reasoning: SkipValidation[str] = "pass"
    """"pass" lets reasoning blocks through unaligned, "drop" withholds them."""
    on_record: SkipValidation[Callable[[Record], None] | None] = Field(default=None, exclude=True)
    """Called with one record per sentence; see `JsonlRecorder`."""
    observers: SkipValidation[Sequence[BaseCallbackHandler]] = Field(default=(), exclude=True)
    """Handlers that, like tracers, see the inner runs and so the drafts."""

    temperature: float | None = None
    max_tokens: int | None = None
    timeout: SkipValidation[Any] = None
    stop: SkipValidation[list[str] | str | None] = None
    max_retries: int | None = None
    api_key: SkipValidation[Any] = Field(default=None, exclude=True, repr=False)
    """For upstreams that take one with each call. They are given it as a `SecretStr`, because traces show arguments."""
    streaming: bool = True
    """False makes `stream` answer with one chunk, as for every chat model."""

    _made: _Loop | None = PrivateAttr(default=None)
    _caller: Caller | None = PrivateAttr(default=None)
    _open: list[AsyncGenerator[ChatGenerationChunk]] = PrivateAttr(default_factory=list)

    def __init__(self, llm: Any = None, aligner: Any = None, **options: Any) -> None:
        refuse_unknown(options, type(self))
        super().__init__(llm=llm, aligner=None, **options)  # type: ignore[call-arg]  # pydantic's fields
        self.aligner = as_aligner(aligner, as_upstream(llm))
        _ = self._loop  # made at once, so that a wrong option is an error here

    @property
    def _loop(self) -> _Loop:
        # The loop is made of the fields, so whoever changes one of them (by assignment, `model_copy`, unpickling)
        # gets another loop, and nothing is ever ignored silently.
        parts = tuple(getattr(self, name) for name in _PARTS)
        if self._made is None or any(one is not other for one, other in zip(self._made.parts, parts, strict=True)):
            options = {name: getattr(self, name) for name in (*LoopOptions.names(), *FORWARDED)}
            recipe = recipe_of(
                self.llm, self.aligner, continuation=self.continuation, observers=self.observers, **options
            )
            self._made = _Loop(parts, recipe, compile_graph(recipe, checkpointer=False))
        return self._made

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Name what it is made of: headers and bound arguments may be secret, and traces keep this."""
        names = {"llm": type(next(leaves(self.llm)).model).__name__, "aligner": getattr(self.aligner, "name", None)}
        yield from ((name, names.get(name or "", value)) for name, value in super().__repr_args__())

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "__pydantic_private__": None}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.model_post_init(None)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        copied = self.model_copy()
        copied.__dict__.update({name: deepcopy(value, memo) for name, value in vars(self).items()})
        return copied

    @property
    def graph(self) -> AlignedGraph:
        """The loop inside, to look at or to draw."""
        return self._loop.graph

    @property
    def model_name(self) -> str:
        """The upstream's: agents choose their strategies by it."""
        return model_name_of(self.llm)

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Yield the reply, a chunk for every sentence as soon as it has its verdict."""
        model, config = self._called(config, CallbackManager)
        with closing(super(StreamAlignedChat, model).stream(input, config, stop=stop, **kwargs)) as chunks:  # type: ignore[type-var]
            yield from chunks

    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Yield the reply, a chunk for every sentence as soon as it has its verdict."""
        model, config = self._called(config, AsyncCallbackManager)
        chunks = super(StreamAlignedChat, model).astream(input, config, stop=stop, **kwargs)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]
            await model._aclose_open()  # noqa: SLF001

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Return the whole aligned reply."""
        model, config = self._called(config, CallbackManager)
        return super(StreamAlignedChat, model).invoke(input, config, stop=stop, **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Return the whole aligned reply."""
        model, config = self._called(config, AsyncCallbackManager)
        try:
            return await super(StreamAlignedChat, model).ainvoke(input, config, stop=stop, **kwargs)
        finally:
            await model._aclose_open()  # noqa: SLF001

    def stream_events(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Stream the reply as protocol events."""
        model, config = self._called(config, CallbackManager)
        return super(StreamAlignedChat, model).stream_events(input, config, **kwargs)

    def astream_events(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Stream the reply as events."""
        if kwargs.get("version") != "v3":
            return super().astream_events(input, config, **kwargs)
        model, config = self._called(config, AsyncCallbackManager)
        return super(StreamAlignedChat, model).astream_events(input, config, **kwargs)

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools in the upstream's own format; text before a tool call is aligned."""
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
        if not is_plain(self.llm):
            return self._over(with_tools(self.llm, tools, **kwargs))
        bound = chat_model_of(self.llm).bind_tools(tools, **kwargs)
        if isinstance(bound, RunnableBinding) and isinstance(bound.bound, BaseChatModel):
            return self.bind(**bound.kwargs)
        raise ConfigurationError(
            f"{type(chat_model_of(self.llm)).__name__}.bind_tools returns a {type(bound).__name__}, whose tools "
            "cannot be passed on. Bind the tools first and wrap that: StreamAlignedChat(model.bind(tools=...))."
        )

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Do what the upstream does for structured output; a reply in a schema is not aligned."""
        model = chat_model_of(self.llm)
        chain = model.with_structured_output(schema, include_raw=include_raw, **kwargs) if is_plain(self.llm) else None
        aligned = substituted(chain, model, self) if chain is not None else None
        if aligned is not None:
            return cast("Runnable[LanguageModelInput, Any]", aligned)
        return super().with_structured_output(schema, include_raw=include_raw, **kwargs)

    def get_num_tokens(self, text: str) -> int:
        """Count as the upstream does; if that would download something first, by another tokenizer or approximately."""
        model = chat_model_of(self.llm)
        return model.get_num_tokens(text) if counts_offline(model) else self._loop.recipe.counter.text(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Count as the upstream does; if that would download something first, by another tokenizer or approximately."""
        model = chat_model_of(self.llm)
        if counts_offline(model):
            return model.get_num_tokens_from_messages(messages, tools)
        return self._loop.recipe.counter.messages(messages, tools)

    def get_token_ids(self, text: str) -> list[int]:
        """Tokenise as the upstream does; raises `ConfigurationError` if that would download something first."""
        model = chat_model_of(self.llm)
        if not counts_offline(model):
            raise ConfigurationError(
                f"{type(model).__name__} has no tokenizer on this machine, and none is downloaded. `get_num_tokens` "
                "counts without; `custom_get_token_ids=` gives the model one."
            )
        return model.get_token_ids(text)

    @property
    def _llm_type(self) -> str:
        return "stream-aligned"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        options = {name: getattr(self, name) for name in sorted(LoopOptions.names() - {"on_record", "skip"})}
        return {
            "llm": identity_of(self.llm),
            **self._loop.recipe.aligner.identity,
            **options,
            "skip": sorted(self.skip),
            "continuation": str(self.continuation),
            **{name: getattr(self, name) for name in FORWARDED if name not in ("api_key", "stop")},
            # LangChain itself puts the call's `stop` under that name.
            "default_stop": self.stop,
            "configurable": self._chosen(),
        }

    def _chosen(self) -> dict[str, Any]:
        """Return what the call's configuration chooses of the upstream."""
        given = (self._caller.config.get("configurable") or {}) if self._caller else {}
        return {spec.id: given[spec.id] for spec in self.llm.config_specs if spec.id in given}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        own = {**bound_kwargs(self.llm), **self._loop.recipe.kwargs}
        own.pop("stop", None)
        return chat_model_of(self.llm)._get_ls_params(stop=stop, **{**own, **kwargs})  # noqa: SLF001

    def _resolve_model_profile(self) -> ModelProfile | None:
        return chat_model_of(self.llm).profile

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return joined(generate_from_stream(self._stream(messages, stop, run_manager, **kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return joined(await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply = self._reply(messages, stop, run_manager, kwargs)
        with closing(reply.chunks()) as chunks:  # type: ignore[type-var]
            for chunk in chunks:
                yield ChatGenerationChunk(message=chunk)

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        # LangChain leaves the closing of what it iterates to the garbage collector. Held here, it is not collected.
        generations = agenerations(self._reply(messages, stop, run_manager, kwargs))
        self._open.append(generations)
        return generations

    def _reply(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None,
        kwargs: dict[str, Any],
    ) -> Reply:
        run = self._loop.recipe.start(messages, stop=as_stop(stop), kwargs=kwargs)
        return Reply(self.graph, run, self._caller_of(run_manager), observers=self.observers)

    def _called(
        self, config: RunnableConfig | None, kind: type[CallbackManager | AsyncCallbackManager]
    ) -> tuple[Self, RunnableConfig]:
        """Return a copy for one call, which knows its caller, and the config that starts exactly that run.

        LangChain hands no run manager to `_stream`, so that the run's id is chosen here.
        """
        config = ensure_config(config)
        run_id = config.get("run_id") or uuid4()
        manager = kind.configure(config.get("callbacks"))
        model = self.model_copy()
        model._caller = Caller(run_id, manager, config)  # noqa: SLF001  # a copy of this very class
        model._open = []  # noqa: SLF001
        return model, {**config, "callbacks": manager, "run_id": run_id}

    def _caller_of(self, run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None) -> Caller | None:
        if self._caller is not None or run_manager is None:
            return self._caller
        return Caller(run_manager.run_id, run_manager, RunnableConfig())

    async def _aclose_open(self) -> None:
        for generations in self._open:
            await generations.aclose()

    def _over(self, llm: Any) -> StreamAlignedChat:
        """Return the same chat model over another upstream."""
        options = {name: getattr(self, name) for name in self.model_fields_set - {"llm", "aligner", "profile"}}
        return type(self)(llm, self.aligner, **options)


def refuse_unknown(options: Collection[str], kind: type[StreamAlignedChat] = StreamAlignedChat) -> None:
    """Raise `ConfigurationError` that lists the options unless all these are known."""
    known = set(kind.model_fields) - {"llm", "aligner"}
    if unknown := set(options) - known:
        names = ", ".join(sorted(known))
        raise ConfigurationError(f"Unknown option {', '.join(map(repr, sorted(unknown)))}. The options are: {names}.")
