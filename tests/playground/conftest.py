"""A real server of the playground alone."""

from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
from fastapi import FastAPI

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.playground import router
from tests.threaded import Threaded


@contextmanager
def serving(llm, **options):
    app = FastAPI()
    app.include_router(router(llm, **options))
    with Threaded(uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))) as server:
        yield server.url


@pytest.fixture
def served():
    """Serve an upstream and an aligner, and return the address."""
    with ExitStack() as stack:

        def serve(upstream, aligner, *, of_router=None, **options):
            llm = StreamAlignedChat(upstream, aligner, **options)
            return stack.enter_context(serving(llm, **(of_router or {})))

        yield serve
