"""The application in a process of its own, which ends only when its replies have."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from stream_aligner_lc.errors import ConfigurationError

_PATIENT = 2
"""How many signals end the server in order."""


class Server(uvicorn.Server):
    """Serve until a signal comes; then refuse what is new, and give what runs `shutdown_timeout` seconds.

    uvicorn by itself stops listening at once: then a client is not told to go elsewhere, it finds nobody. A second
    signal breaks off what runs, which its clients are told; a third one ends the process without a word. `fault` is why
    the models could not be loaded, which ends it, too.
    """

    def __init__(self, app: FastAPI, *, host: str, port: int, shutdown_timeout: float, log_level: str = "info") -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level=log_level,
            # The parser that is always there, whatever else is installed. The other one, httptools, loses the body of a
            # request that offers to go on in HTTP/2, as Java's client does with every first one.
            http="h11",
            ws="none",
            # What runs has had its time when uvicorn begins to close; the rest is a matter of moments.
            timeout_graceful_shutdown=5,
            # Whoever keeps connections for their next request is to close them first: at the same moment, that request
            # is lost. OpenAI's client keeps them for 5 seconds, as uvicorn does by itself, load balancers for 60.
            timeout_keep_alive=75,
        )
        super().__init__(config)
        self.fault: BaseException | None = None
        self._app = app
        self._shutdown_timeout = shutdown_timeout
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signals = 0
        self._closing: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and see how the loading of models ends; raises `ConfigurationError` where nothing can listen."""
        try:
            await super().startup(sockets)
        except SystemExit as end:
            # uvicorn's way to give up, once it has logged why.
            if not isinstance(end.__context__, OSError):
                raise
            raise ConfigurationError(
                f"Nothing can listen on {self.config.host}, port {self.config.port}: {end.__context__}. Choose another "
                "--port (0 takes a free one), or another --host."
            ) from end.__context__
        self._loop = asyncio.get_running_loop()
        self._app.state.readiness.begin().add_done_callback(self._loaded)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to close; the second time, give nothing any more time; the third time, end."""
        self._signals += 1
        if self._loop is None or self._signals > _PATIENT:
            self.should_exit = self.force_exit = True
            return
        self._loop.call_soon_threadsafe(self._close_now if self._signals == _PATIENT else self._begin_to_close)

    def _begin_to_close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(self._shutdown_timeout))

    def _close_now(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
        self.config.timeout_graceful_shutdown = 1
        self._closing = asyncio.create_task(self._close(0.0))

    async def _close(self, seconds: float) -> None:
        await self._app.state.gate.close(seconds)
        self.should_exit = True

    def _loaded(self, loading: asyncio.Task[None]) -> None:
        self.fault = None if loading.cancelled() else loading.exception()
        if self.fault is not None:
            self.should_exit = True
