"""A server that speaks OpenAI's API, through its client: completions, chat completions, and the list of models."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError
from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.remote.calls import Calls, Stop
from stream_aligner_lc.remote.refusals import Refusal, RefusedError, explained, too_slow, unreachable, words_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import CompletionUsage

T = TypeVar("T")
_calls = Calls()


class Said(NamedTuple):
    """What a server answered."""

    text: str
    ids: list[int] | None
    """The tokens of the answer, where the server returns them."""
    is_finished: bool
    """Whether it came to an end by itself."""
    num_tokens: int
    """Tokens read and written, as reported."""
    num_cached: int
    """Those of the prompt that the server had read before, where it says so."""


class Model(NamedTuple):
    """One entry of a server's list of models."""

    name: str
    max_tokens: int | None
    """How many tokens it can attend to, where the server says so."""


class Service:
    """One model of one server. Connections are pooled and opened when they are needed; importing openai waits, too.

    Every method raises `StoppedError` once `stopped` is set, `RefusedError` if the server refuses, and `AlignerError`
    if it does not answer.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str,
        timeout: float | None,
        max_retries: int,
        default_headers: Mapping[str, str],
    ) -> None:
        self.base_url, self.model = base_url, model
        self._options: dict[str, Any] = {
            "api_key": api_key,
            "timeout": timeout,
            "max_retries": max_retries,
            "default_headers": dict(default_headers),
        }
        self._client: AsyncOpenAI | None = None
        self._lock = threading.Lock()

    def complete(
        self, prompt: str | Sequence[int], *, max_tokens: int, more: Mapping[str, Any], stopped: threading.Event
    ) -> Said:
        """Go on with a prompt, greedily; `more` are fields of the request that OpenAI's own API does not have."""
        asked = prompt if isinstance(prompt, str) else list(prompt)

        async def request(client: AsyncOpenAI) -> Said:
            answer = await client.completions.create(
                model=self.model, prompt=asked, max_tokens=max_tokens, temperature=0, extra_body=dict(more)
            )
            choice = answer.choices[0]
            ids = getattr(choice, "token_ids", None)
            return Said(choice.text, ids, choice.finish_reason == "stop", *_counts(answer.usage))

        return self._done(request, stopped)

    def chat(self, messages: Sequence[Mapping[str, str]], *, stopped: threading.Event) -> Said:
        """Answer a conversation, greedily."""
        asked: Any = [dict(message) for message in messages]

        async def request(client: AsyncOpenAI) -> Said:
            answer = await client.chat.completions.create(model=self.model, messages=asked, temperature=0)
            choice = answer.choices[0]
            text = choice.message.content or ""
            return Said(text, None, choice.finish_reason == "stop", *_counts(answer.usage))

        return self._done(request, stopped)

    def models(self, *, stopped: threading.Event) -> list[Model]:
        """Return what the server offers; empty if it does not say."""

        async def request(client: AsyncOpenAI) -> list[Model]:
            listed = await client.with_options(max_retries=0).models.list()
            return [Model(model.id, getattr(model, "max_model_len", None)) for model in listed.data]

        try:
            return self._done(request, stopped)
        except RefusedError as fault:
            if fault.refusal.status in {401, 403}:
                raise
            return []

    def explained(self, refusal: Refusal, hidden: Sequence[str], *, stopped: threading.Event) -> StreamAlignerError:
        """Return the error for a refusal, in view of what the server offers."""
        offered: list[Model] = []
        with suppress(RefusedError, StreamAlignerError, StoppedError):
            offered = self.models(stopped=stopped)
        names = [model.name for model in offered]
        return explained(refusal, base_url=self.base_url, model=self.model, offered=names, hidden=hidden)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            _calls.start(client.close()).result()

    def _done(self, request: Callable[[AsyncOpenAI], Awaitable[T]], stopped: threading.Event) -> T:
        import openai  # noqa: PLC0415  # takes half a second

        client = self._opened()

        async def run() -> T:
            return await request(client)

        try:
            return _waited_for(_calls.start(run()), stopped)
        except openai.APIStatusError as fault:
            refusal = Refusal(fault.status_code, words_of(fault.body, fault.response.text or fault.message))
            raise RefusedError(refusal) from fault
        except openai.APITimeoutError as fault:
            raise too_slow(self.base_url, self._options["timeout"]) from fault
        except openai.APIConnectionError as fault:
            raise unreachable(fault, self.base_url) from fault

    def _opened(self) -> AsyncOpenAI:
        with self._lock:
            if self._client is None:
                self._client = _client(self.base_url, self._options)
            return self._client


def _client(base_url: str, options: Mapping[str, Any]) -> AsyncOpenAI:
    from openai import AsyncOpenAI  # noqa: PLC0415  # takes half a second

    return AsyncOpenAI(base_url=base_url, **options)


def check_installed() -> None:
    """Raise `ConfigurationError` unless the client is installed, which takes no import to see."""
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("openai") is None:
        raise ConfigurationError(
            "ServerAligner needs openai, which is not installed: pip install 'stream-aligner-lc[remote]'."
        )


def _waited_for(request: Future[T], stopped: threading.Event) -> T:
    return stopped.result_of(request) if isinstance(stopped, Stop) else request.result()


def _counts(usage: CompletionUsage | None) -> tuple[int, int]:
    if usage is None:
        return 0, 0
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    return usage.total_tokens, cached or 0
