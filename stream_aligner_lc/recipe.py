"""What every reply of one loop is made of: the parts and options, checked once, and the start of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from pydantic import SecretStr

from stream_aligner_lc.accounts import Terms
from stream_aligner_lc.aligners import Aligner, as_aligner
from stream_aligner_lc.continuation import Continuation, choose_continuation
from stream_aligner_lc.continuation.leaves import warn
from stream_aligner_lc.corrections import Verdict
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.models import (
    as_upstream,
    chat_model_of,
    declares,
    max_tokens_of,
    model_name_of,
    names_its_end,
    retry_of,
    stop_of,
)
from stream_aligner_lc.nodes import Run
from stream_aligner_lc.options import FORWARDED, LoopOptions
from stream_aligner_lc.upstream import Upstream, UpstreamModel


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What every run of one graph is made of."""

    # Headers and arguments of calls may be secret.
    llm: UpstreamModel = field(repr=False)
    aligner: Aligner
    continuation: Continuation
    options: LoopOptions
    observers: Sequence[BaseCallbackHandler] = ()
    stop: Sequence[str] | None = None
    kwargs: Mapping[str, Any] = field(repr=False)
    interrupt_on: Verdict | None = None
    counter: TokenCounter = field(repr=False, compare=False)
    """Counts the tokens that the upstream does not report."""

    def start(
        self,
        messages: Sequence[BaseMessage] | None = None,
        *,
        stop: Sequence[str] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> Run:
        """Return what one run shares: a stream that is not open yet, and the terms of this reply."""
        kwargs = {**self.kwargs, **(kwargs or {})}
        stop = stop if stop is not None else self.stop
        max_tokens = kwargs.pop("max_tokens", None)
        upstream = Upstream(
            self.llm,
            self.continuation,
            self.options,
            stop=stop,
            max_tokens=max_tokens,
            kwargs=kwargs,
            observers=self.observers,
            retry=retry_of(self.llm),
            names_end=names_its_end(self.llm),
            counter=self.counter,
        )
        terms = Terms(
            options=self.options,
            stop=tuple(stop or stop_of(self.llm)),
            max_tokens=max_tokens if max_tokens is not None else max_tokens_of(self.llm),
            exact=self.continuation.exact,
            names={"aligner": self.aligner.name, "continuation": self.continuation.name},
            model_name=model_name_of(self.llm),
            interrupt_on=self.interrupt_on,
            own_tokens=self.counter.own,
        )
        return Run(upstream, terms, messages)


def recipe_of(
    llm: Any,
    aligner: Any,
    *,
    continuation: str | Callable[..., Any] = "auto",
    observers: Sequence[BaseCallbackHandler] = (),
    interrupt_on: Verdict | None = None,
    **options: Any,
) -> Recipe:
    """Check the parts and options of a loop.

    `options` are those of the loop and those that go with every upstream call. Raises `ConfigurationError`.
    """
    if unknown := set(options) - LoopOptions.names() - set(FORWARDED):
        known = ", ".join(sorted(LoopOptions.names() | {"continuation", "observers", *FORWARDED}))
        raise ConfigurationError(f"Unknown option {', '.join(map(repr, sorted(unknown)))}. The options are: {known}.")
    if interrupt_on not in (None, "replaced"):
        raise ConfigurationError(f"`interrupt_on` must be 'replaced' or None, got {interrupt_on!r}.")
    upstream = as_upstream(llm)
    chosen = as_aligner(aligner, upstream)
    loop = LoopOptions(**{name: options[name] for name in LoopOptions.names() & set(options)})
    if chosen.granularity not in (None, loop.granularity):
        warn(
            f"{chosen.name} was trained to correct a {chosen.granularity} at a time and is given a {loop.granularity}. "
            f"Pass granularity={chosen.granularity!r}."
        )
    return Recipe(
        llm=upstream,
        aligner=chosen,
        continuation=choose_continuation(upstream, continuation),
        options=loop,
        observers=_handlers(observers),
        stop=as_stop(options.get("stop")),
        kwargs=_forwarded(upstream, options),
        interrupt_on=interrupt_on,
        counter=TokenCounter(upstream, chosen.num_tokens),
    )


def as_stop(stop: Any) -> list[str] | None:
    """Return stop sequences as a list; one string is one sequence, and an empty one stops nothing.

    Raises `ConfigurationError` for anything else.
    """
    if stop is None:
        return None
    sequences = [stop] if isinstance(stop, str) else stop
    if not isinstance(sequences, list | tuple) or not all(isinstance(each, str) for each in sequences):
        raise ConfigurationError(f"`stop` must be a string or a list of strings, got {stop!r}.")
    return [each for each in sequences if each]


def _handlers(observers: Any) -> tuple[BaseCallbackHandler, ...]:
    handlers = observers if isinstance(observers, list | tuple) else None
    if handlers is None or not all(isinstance(each, BaseCallbackHandler) for each in handlers):
        raise ConfigurationError(f"`observers` must be a list of LangChain callback handlers, got {observers!r}.")
    return tuple(handlers)


def _forwarded(llm: UpstreamModel, options: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: options[name] for name in FORWARDED if name != "stop" and options.get(name) is not None}
    if isinstance(key := given.get("api_key"), str):
        given["api_key"] = SecretStr(key)  # traces show the arguments of a call
    for name in ("max_retries", "api_key"):
        if name in given and declares(llm, name):
            # The client exists already, and refuses them in a call.
            model = type(chat_model_of(llm)).__name__
            raise ConfigurationError(
                f"`{name}` belongs to the upstream's client, which is made already: use {model}({name}=...)."
            )
    return given
