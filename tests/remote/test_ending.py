"""Whoever no longer wants an answer closes the request."""

import asyncio
import socket
import threading

import pytest

from stream_aligner_lc import ServerAligner
from stream_aligner_lc.local.completions import StoppedError
from tests.remote import sentences

SECONDS = 300


class Silence:
    """A server that takes every request and answers none; it sees requests come, and connections close."""

    def __init__(self):
        self.asked, self.closed = threading.Event(), threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._server.getsockname()[1]}/v1"

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.close()

    def _serve(self):
        connection, _ = self._server.accept()
        with connection:
            while connection.recv(65536):
                self.asked.set()
            self.closed.set()


@pytest.fixture
def silence():
    with Silence() as silence:
        yield silence


@pytest.fixture
def aligner(silence):
    return ServerAligner(silence.base_url, "any", template="prompted", max_retries=0, timeout=None)


def test_cancel_closes_the_request_of_a_sync_caller(silence, aligner):
    draft, ended = sentences.spoken()[0], []

    def ask():
        with pytest.raises(StoppedError):
            aligner.invoke(draft)
        ended.append(draft)

    thread = threading.Thread(target=ask)
    thread.start()
    assert silence.asked.wait(SECONDS)
    aligner.cancel(draft)
    thread.join(SECONDS)
    assert ended
    assert silence.closed.wait(SECONDS)


async def test_cancelling_a_task_closes_its_request(silence, aligner):
    task = asyncio.create_task(aligner.ainvoke(sentences.spoken()[0]))
    assert await asyncio.to_thread(silence.asked.wait, SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(silence.closed.wait, SECONDS)
