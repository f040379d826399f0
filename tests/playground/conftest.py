"""A real server of the playground alone."""

import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
from fastapi import FastAPI

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.playground import router
from tests.browsing import wait_until


@contextmanager
def serving(llm, **options):
    app = FastAPI()
    app.include_router(router(llm, **options))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def served():
    """Serve an upstream and an aligner, and return the address."""
    with ExitStack() as stack:

        def serve(upstream, aligner, *, of_router=None, **options):
            llm = StreamAlignedChat(upstream, aligner, **options)
            return stack.enter_context(serving(llm, **(of_router or {})))

        yield serve
