"""What a server takes in at most: the environment says how much, and what is more is refused before it is read.

In a program of one's own nothing is limited by default: who calls is who would have to be protected.
"""

from __future__ import annotations

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


def _detail(said: str) -> dict[str, Any]:
    return {"detail": said}


class BodyLimit:
    """Answer 413 to requests of more than `max_bytes`, in front of any ASGI application.

    What is declared as too long is not read at all, what is not declared no further than the limit. `body_of` makes the
    answer of what there is to say.
    """

    def __init__(self, app: App, *, max_bytes: int, body_of: Callable[[str], Mapping[str, Any]] = _detail) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.body_of = body_of

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read the body, and hand it on whole."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _declared(scope) > self.max_bytes:
            await self._refuse(send)
            return
        body, message = bytearray(), await receive()
        while message["type"] == "http.request":
            body += message.get("body", b"")
            if len(body) > self.max_bytes:
                await self._refuse(send)
                return
            if not message.get("more_body"):
                message["body"] = bytes(body)
                break
            message = await receive()
        await self.app(scope, _first(message, receive), send)

    async def _refuse(self, send: Send) -> None:
        said = f"The request has more than {self.max_bytes} bytes. Shorten it, or raise {MAX_BODY} on the server."
        content = json.dumps(self.body_of(said)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        # The rest of the request will not be read.
        headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 413, "headers": headers})
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
