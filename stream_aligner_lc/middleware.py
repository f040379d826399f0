"""`StreamAlignerMiddleware`: every reply of an agent aligned, by one line in `create_agent`.

Rule: the middleware sees no text. It puts the aligned chat model in the place of the agent's own, and that model does
the rest; so whatever holds for `StreamAlignedChat` holds in an agent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGenerationChunk

from stream_aligner_lc.aligners import as_aligner, coerced
from stream_aligner_lc.chat_model import StreamAlignedChat, refuse_unknown
from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.errors import AlignerError, ConfigurationError, UpstreamError
from stream_aligner_lc.models import chat_model_of
from stream_aligner_lc.options import LoopOptions

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
except ImportError as fault:
    raise ImportError(
        "StreamAlignerMiddleware needs the package 'langchain': pip install 'stream-aligner-lc[agents]'."
    ) from fault

try:  # Private: what `init_chat_model(configurable_fields=...)` makes. It builds its model anew for every call.
    from langchain.chat_models.base import _ConfigurableModel

    _CONFIGURABLE: tuple[type, ...] = (_ConfigurableModel,)
except ImportError:  # pragma: no cover
    _CONFIGURABLE = ()

NUM_KEPT = 8
"""So many models are kept wrapped: an agent that chooses among more of them wraps one again."""
# What a chat model is told about its own runs, which are the wrapper's runs now.
_OF_ITS_RUNS = ("cache", "disable_streaming", "metadata", "name", "tags")


class StreamAlignerMiddleware(AgentMiddleware[Any, Any, Any]):
    """Correct every sentence that an agent's model says, while it says it.

    `aligner` and `options` are those of `StreamAlignedChat`, which is put around whatever chat model the agent's next
    call uses: its own one, or the one that another middleware chose, wherever in the list that stands. Text is aligned,
    tool calls and structured output pass. A model that is aligned already stays as it is. Put it last in the list, so
    that a middleware which looks at the model (one for a provider's prompt cache, say) finds the one that it knows, and
    one that tries again sees the errors.

    Raises `ConfigurationError` for a wrong option, and for a model that cannot be aligned when it is first used. While
    a reply is written, `AlignerError` and `UpstreamError` as `StreamAlignedChat` does, in words that quote nothing,
    because agents put them into messages; what happened is their `__cause__`.

    >>> from langchain.agents import create_agent
    >>> from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
    >>> middleware = [StreamAlignerMiddleware(ReplaceAligner(green="blue"))]
    >>> agent = create_agent(ScriptedChatModel("The sky is green. It rains."), middleware=middleware)
    >>> agent.invoke({"messages": [("user", "How is the weather?")]})["messages"][-1].text
    'The sky is blue. It rains.'
    """

    def __init__(self, aligner: Any = None, **options: Any) -> None:
        super().__init__()
        refuse_unknown(options)
        LoopOptions(**{name: options[name] for name in LoopOptions.names() & set(options)})
        self._aligner = None if aligner is None else coerced(aligner)
        self._options = options
        self._kept = lru_cache(NUM_KEPT)(self._wrapped)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind the models that are kept wrapped."""
        return {**vars(self), "_kept": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _kept=lru_cache(NUM_KEPT)(self._wrapped))

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Let the aligned model answer."""
        return handler(_aligned(request, self.align))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Let the aligned model answer."""
        return await handler(_aligned(request, self.align))

    def align(self, model: Any) -> Any:
        """Return the aligned chat model around `model`, the same one for the same model; one that is aligned, itself.

        Raises `ConfigurationError` for what is no chat model.
        """
        if isinstance(model, _CONFIGURABLE):
            # The run's configuration chooses, and it is around here as it is in the call itself.
            return self._wrapped(_Same(_chosen(model)))
        if all(isinstance(leaf.model, StreamAlignedChat) for leaf in leaves(model)):
            return model
        return self._kept(_Same(model))

    def _wrapped(self, same: _Same) -> StreamAlignedChat:
        model = same.model
        aligner = as_aligner(None, model) if self._aligner is None else self._aligner
        return _AgentsChat(llm=model, aligner=aligner, **{**_about_its_runs(model), **self._options})


@dataclass(init=False)
class _AlignedRequest(ModelRequest[Any]):
    """A request whose model is aligned, whoever sets it: middleware further in may choose another model."""

    align: Callable[[Any], Any] = lambda model: model

    def __init__(self, *, align: Callable[[Any], Any], **given: Any) -> None:
        object.__setattr__(self, "align", align)
        super().__init__(**given)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, self.align(value) if name == "model" else value)


def _aligned(request: ModelRequest[Any], align: Callable[[Any], Any]) -> ModelRequest[Any]:
    return _AlignedRequest(align=align, **{field.name: getattr(request, field.name) for field in fields(ModelRequest)})


class _Same:
    """A model as a key: by identity, because chat models are equal by their values and have no hash."""

    __slots__ = ("model",)

    def __init__(self, model: Any) -> None:
        self.model = model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.model is other.model

    def __hash__(self) -> int:
        return id(self.model)


class _AgentsChat(StreamAlignedChat):
    """The chat model in an agent, where what an error says ends up in messages, states and checkpoints."""

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name of its runs: what it is for everyone else."""
        return super().get_name(suffix, name=name or self.name or StreamAlignedChat.__name__)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        with _discreetly():
            yield from super()._stream(*args, **kwargs)

    def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        generations = _adiscreetly(super()._astream(*args, **kwargs))
        self._open.insert(0, generations)
        return generations


async def _adiscreetly(generations: AsyncIterator[ChatGenerationChunk]) -> AsyncGenerator[ChatGenerationChunk]:
    with _discreetly():
        async with aclosing(generations):  # type: ignore[type-var]
            async for generation in generations:
                yield generation


@contextmanager
def _discreetly() -> Iterator[None]:
    try:
        yield
    except (AlignerError, UpstreamError) as error:
        raise _discreet(error) from error


def _discreet(error: AlignerError | UpstreamError) -> AlignerError | UpstreamError:
    """Return the error without the words of others: an aligner's own exception may quote the draft."""
    kind = type(error.__cause__ or error).__name__
    if isinstance(error, UpstreamError):
        return UpstreamError(
            f"The model being corrected failed in the middle of its reply ({kind}; the `__cause__` says more).",
            released=error.released,
        )
    return type(error)(
        f"The aligner failed ({kind}; the `__cause__` says more). With on_aligner_error='keep' StreamAlignerMiddleware "
        "shows the draft in such a case, with 'stop' it ends the reply.",
        released=error.released,
        draft=error.draft,
    )


def _chosen(model: Any) -> Any:
    try:
        return model._model()  # noqa: SLF001  # langchain has no public name for it
    except Exception as fault:
        raise ConfigurationError(
            f"The configurable model of this agent could not be made: {fault} Name a model in the run's "
            "`configurable`, or give `init_chat_model` one to start from."
        ) from fault


def _about_its_runs(model: Any) -> dict[str, Any]:
    inner: BaseChatModel = chat_model_of(model)
    return {name: getattr(inner, name) for name in _OF_ITS_RUNS if name in inner.model_fields_set}
