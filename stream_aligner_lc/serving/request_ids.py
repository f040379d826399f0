"""A name for every answer, which clients tell and logs can be searched for."""

from __future__ import annotations

from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "x-request-id"


class RequestIds:
    """Give every answer that has none a request id, in front of any ASGI application; that of a reply is its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and name the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                if not any(name == REQUEST_ID.encode() for name, _ in headers):
                    message = {**message, "headers": [*headers, (REQUEST_ID.encode(), f"req_{uuid4().hex}".encode())]}
            await send(message)

        await self._app(scope, receive, named)
