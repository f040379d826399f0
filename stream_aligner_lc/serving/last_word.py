"""An answer for requests that the end of the server cuts off."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_aligner_lc.serving.gate import Gate


class LastWord:
    """Answer what is cancelled while the `gate` is closing, such as a request half of whose body never came.

    The cancellation ends here: a server that it reached would log it as a fault of the application's.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and have the last word if nothing was said."""
        is_begun = False

        async def noted(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            refusal = self._gate.refusal() if self._gate.is_closing and scope["type"] == "http" else None
            if refusal is None:
                raise
            if not is_begun:
                await refusal.response(scope, receive, send)
