"""A server that speaks OpenAI's API, through its client: completions, chat completions, and the list of models."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import finalize

from tenacity import AsyncRetrying

from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError
from stream_aligner_lc.faults import is_transient
from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.remote.access import NO_KEY, without_secrets
from stream_aligner_lc.remote.answers import Model, Said, chat_of, completion_of, models_of
from stream_aligner_lc.remote.calls import Calls, Stop
from stream_aligner_lc.remote.refusals import (
    Refusal,
    RefusedError,
    UnreadableError,
    explained,
    quotes,
    too_slow,
    unreachable,
    unreadable,
    words_of,
)
from stream_aligner_lc.retries import asks_too_long, retrying

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")
_calls = Calls()
_LIKE_A_KEY = 16


class Service:
    """One model of one server. Connections are pooled and opened when they are needed; importing openai waits, too.

    A request takes at most `timeout` seconds from end to end, however slowly an answer trickles, and is made up to
    `max_retries` times more. Every method raises `StoppedError` once `stopped` is set, `RefusedError` if the server
    refuses, and `AlignerError` if it does not answer, or with something else.
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
        self.model = model
        self.address = without_secrets(base_url)
        """What errors call it."""
        self._base_url, self._timeout, self._max_retries = base_url, timeout, max_retries
        self._options: dict[str, Any] = {"api_key": api_key, "default_headers": dict(default_headers)}
        self._client: AsyncOpenAI | None = None
        self._process: int | None = None
        self._closing: finalize[..., Service] | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave connections and locks behind."""
        more = {"timeout": self._timeout, "max_retries": self._max_retries}
        return _service, (self._base_url, self.model, {**self._options, **more})

    def complete(
        self, prompt: str | Sequence[int], *, max_tokens: int, more: Mapping[str, Any], stopped: threading.Event
    ) -> Said:
        """Go on with a prompt, greedily; `more` are fields of the request that OpenAI's own API does not have."""
        asked = prompt if isinstance(prompt, str) else list(prompt)

        async def request(client: AsyncOpenAI) -> Said:
            answer = await client.completions.create(
                model=self.model, prompt=asked, max_tokens=max_tokens, temperature=0, extra_body=dict(more)
            )
            return completion_of(answer)

        return self._done(request, stopped)

    def chat(self, messages: Sequence[Mapping[str, str]], *, stopped: threading.Event) -> Said:
        """Answer a conversation, greedily."""
        asked: Any = [dict(message) for message in messages]

        async def request(client: AsyncOpenAI) -> Said:
            return chat_of(await client.chat.completions.create(model=self.model, messages=asked, temperature=0))

        return self._done(request, stopped)

    def models(self, *, stopped: threading.Event) -> list[Model]:
        """Return what the server offers; empty if it does not say."""

        async def request(client: AsyncOpenAI) -> list[Model]:
            try:
                return models_of(await client.models.list())
            except (AttributeError, JSONDecodeError, UnicodeDecodeError):
                return []  # the client reads a list page by page, of whatever came

        try:
            return self._done(request, stopped, max_retries=0)
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
        hidden = [*hidden, *self._secrets]
        return explained(refusal, base_url=self.address, model=self.model, offered=names, hidden=hidden)

    def tellable(self, cause: BaseException | None) -> BaseException | None:
        """Return the cause of an error, or None if its words, which are the server's, quote the key."""
        return None if any(quotes(str(cause), secret) for secret in self._secrets) else cause

    @property
    def _secrets(self) -> list[str]:
        key, headers = self._options["api_key"], self._options["default_headers"].values()
        # Shorter values are versions, names and the like, which a server may well say.
        return [*([] if key == NO_KEY else [key]), *(value for value in headers if len(value) >= _LIKE_A_KEY)]

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            self._client, closing = None, self._closing
        if closing is not None and (closed := closing()) is not None:
            closed.result()

    def _done(
        self,
        request: Callable[[AsyncOpenAI], Awaitable[T]],
        stopped: threading.Event,
        *,
        max_retries: int | None = None,
    ) -> T:
        import openai  # noqa: PLC0415  # takes half a second

        client = self._opened()
        attempts = 1 + (self._max_retries if max_retries is None else max_retries)

        async def once() -> T:
            # The client's own time-out starts again with every byte.
            async with asyncio.timeout(self._timeout):
                return await request(client)

        async def run() -> T:
            return await AsyncRetrying(**retrying(attempts, _is_worth_it, lambda: None))(once)

        try:
            return _waited_for(_calls.start(run()), stopped)
        except openai.APIStatusError as fault:
            refusal = Refusal(fault.status_code, words_of(fault.body, fault.response.text or fault.message))
            raise RefusedError(refusal) from fault
        except (openai.APITimeoutError, TimeoutError) as fault:
            raise too_slow(self.address, self._timeout) from fault
        except openai.APIConnectionError as fault:
            raise unreachable(fault, self.address) from fault
        except (UnreadableError, JSONDecodeError, UnicodeDecodeError, openai.APIError) as fault:
            raise unreadable(fault, self.address) from fault

    def _opened(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI  # noqa: PLC0415  # takes half a second

        with self._lock:
            # A forked process must not write into the connections of the one it comes from.
            if self._client is None or self._process != os.getpid():
                options = {**self._options, "timeout": self._timeout, "max_retries": 0}
                self._client, self._process = AsyncOpenAI(base_url=self._base_url, **options), os.getpid()
                # Nobody has to close an aligner that is let go.
                self._closing = finalize(self, _closed, self._client, self._process)
                self._closing.atexit = False
            return self._client


def _service(base_url: str, model: str, options: Mapping[str, Any]) -> Service:
    return Service(base_url, model, **options)


def _closed(client: AsyncOpenAI, process: int) -> Future[None] | None:
    return _calls.start(client.close()) if process == os.getpid() else None


def _is_worth_it(fault: BaseException) -> bool:
    return is_transient(fault) and asks_too_long(fault) is None


def check_installed() -> None:
    """Raise `ConfigurationError` unless the client is installed, which takes no import to see."""
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("openai") is None:
        raise ConfigurationError(
            "ServerAligner needs openai, which is not installed: pip install 'stream-aligner-lc[remote]'."
        )


def _waited_for(request: Future[T], stopped: threading.Event) -> T:
    return stopped.result_of(request) if isinstance(stopped, Stop) else request.result()
