"""What a server takes in at most: the environment says how much, and what is more is refused before it is read.

In a program of one's own nothing is limited by default: who calls is who would have to be protected.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from stream_aligner_lc.errors import ConfigurationError

MAX_INPUT, MAX_BODY = "STREAM_ALIGNER_MAX_INPUT", "STREAM_ALIGNER_MAX_BODY"
_CHARACTERS = 1_000_000
_BYTES = 16 * 1024 * 1024

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def max_input() -> int:
    """Return how many characters a conversation may have: STREAM_ALIGNER_MAX_INPUT, else a million.

    Raises `ConfigurationError` if the variable holds no such number.
    """
    return _number(MAX_INPUT, _CHARACTERS)


def max_body() -> int:
    """Return how many bytes a request may have: STREAM_ALIGNER_MAX_BODY, else 16 MiB; raises as `max_input`."""
    return _number(MAX_BODY, _BYTES)


def _detail(_: Message, __: int, said: str) -> dict[str, Any]:
    return {"detail": said}


class _UnreadError(Exception):
    """The request is answered without having been read."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.said = said


class BodyLimit:
    """Answer 413 to requests of more than `max_bytes`, in front of any ASGI application.

    What is declared as too long is not read at all, what is not declared no further than the limit. Where nothing of a
    body comes for `patience` seconds the answer is 408. `body_of` makes it of
    the request's scope, the status and what there is to say.
    """

    def __init__(
        self,
        app: App,
        *,
        max_bytes: int,
        patience: float = 60.0,
        body_of: Callable[[Message, int, str], Mapping[str, Any]] = _detail,
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.patience = patience
        self.body_of = body_of

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read the body, and hand it on whole."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            message = await self._read(_declared(scope), receive)
        except _UnreadError as unread:
            await self._refuse(scope, unread, send)
            return
        await self.app(scope, _first(message, receive), send)

    async def _read(self, declared: int, receive: Receive) -> Message:
        body, length = bytearray(), declared
        while length <= self.max_bytes:
            message = await self._next(receive)
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            length = max(declared, len(body))
            if length <= self.max_bytes and not message.get("more_body"):
                return {**message, "body": bytes(body)}
        said = f"The request has more than {self.max_bytes} bytes. Shorten it, or raise {MAX_BODY} on the server."
        raise _UnreadError(413, said)

    async def _next(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self.patience):
                return await receive()
        except TimeoutError as late:
            raise _UnreadError(408, f"Nothing came for {self.patience:g} seconds. Send the request again.") from late

    async def _refuse(self, scope: Message, unread: _UnreadError, send: Send) -> None:
        content = json.dumps(self.body_of(scope, unread.status, unread.said)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        # The rest of the request will not be read.
        headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": unread.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _first(message: Message, receive: Receive) -> Receive:
    waiting = [message]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


def _declared(scope: Message) -> int:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(length) if length.isdigit() else 0


def _number(variable: str, default: int) -> int:
    given = os.environ.get(variable) or str(default)
    if not given.isdecimal() or not int(given):
        raise ConfigurationError(f"{variable} must be a whole number of at least 1, got {given!r}.")
    return int(given)
