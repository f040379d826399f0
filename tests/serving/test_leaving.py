"""Whoever leaves ends the reply, and so does the server's own end; what is full says so."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import openai
import pytest

from stream_aligner_lc.testing import ScriptedChatModel
from tests.limits.provider import FaultyProvider, Gate
from tests.serving.conftest import ASK
from tests.threaded import wait_until

SAID = ["One. ", "Two. ", "Three. ", Gate()]
SOON = 60


class Held(ScriptedChatModel):
    """Say one sentence and the next one's first letter, and go on when `go_on` is set."""

    def __init__(self):
        super().__init__("One here. Two here.", chunking=11)
        object.__setattr__(self, "go_on", threading.Event())

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        first = True
        async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
            yield chunk
            if first:
                while not self.go_on.is_set():
                    await asyncio.sleep(0.005)
            first = False


def stream_of(served):
    return served.client().chat.completions.create(**ASK, stream=True)


@pytest.fixture
def held(serve):
    """A server whose replies wait in their middle, and a thread that reads one of them."""
    upstream = Held()

    def start(**app):
        return serve(upstream, app=app), upstream

    yield start
    upstream.go_on.set()


def test_a_client_that_leaves_a_stream_closes_the_upstreams(serve):
    with FaultyProvider(SAID) as provider:
        served = serve(provider.chat(), continuation="prefill")
        chunks = stream_of(served)
        next(iter(chunks))
        chunks.close()
        provider.permit(2)
        assert provider.gone.wait(SOON)
        assert provider.served <= 2
        served.wait_for('stream_aligner_requests_total{status="499"}', 1)
        assert served.figures()["stream_aligner_replies_in_flight"] == 0


def test_a_client_that_leaves_before_a_word_is_said_closes_the_upstreams(serve):
    with FaultyProvider([Gate("word ")]) as provider:
        served = serve(provider.chat(), continuation="prefill")

        async def ask_and_leave():
            async with served.aclient() as client:
                task = asyncio.create_task(client.chat.completions.create(**ASK))
                while not provider.prompts:
                    await asyncio.sleep(0.005)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(ask_and_leave())
        provider.permit(2)
        assert provider.gone.wait(SOON)


def test_a_server_that_is_full_says_when_to_try_again(held):
    served, upstream = held(max_replies=1)
    chunks = stream_of(served)
    assert next(iter(chunks)).choices[0].delta.content == "One here."
    with pytest.raises(openai.RateLimitError) as caught:
        stream_of(served)
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert "1 at a time are the most" in caught.value.body["message"]
    upstream.go_on.set()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == " Two here."
    assert served.client(max_retries=3).chat.completions.create(**ASK).choices[0].message.content


def close(served, seconds):
    """Close the gate of an application that runs in another thread."""
    loop = served.server._loop
    return asyncio.run_coroutine_threadsafe(served.app.state.gate.close(seconds), loop)


def test_a_server_that_is_shut_down_refuses_what_is_new_and_lets_replies_end(held):
    served, upstream = held()
    chunks = stream_of(served)
    next(iter(chunks))
    closing = close(served, SOON)
    until = time.monotonic() + SOON
    while served.http.get("/healthz").status_code != 503 and time.monotonic() < until:
        time.sleep(0.005)
    assert served.http.get("/healthz").json() == {"status": "closing"}
    with pytest.raises(openai.InternalServerError) as caught:
        stream_of(served)
    assert (caught.value.status_code, caught.value.code) == (503, "shutting_down")
    assert caught.value.response.headers["retry-after"]
    upstream.go_on.set()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == " Two here."
    closing.result(SOON)


def test_a_reply_that_outlasts_the_shutdown_is_closed_with_an_error(held):
    served, upstream = held()
    chunks = stream_of(served)
    next(iter(chunks))
    close(served, 0.01).result(SOON)
    with pytest.raises(openai.APIError, match="The server is shut down") as caught:
        list(chunks)
    assert caught.value.body["released"] == "One here."
    assert upstream.calls[0].is_closed


SCRIPT = """
import asyncio, os, sys
from stream_aligner_lc import AcceptAligner, StreamAlignedChat
from stream_aligner_lc.serving import create_app
from stream_aligner_lc.serving.server import Server
from stream_aligner_lc.testing import ScriptedChatModel

class Held(ScriptedChatModel):
    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
            yield chunk
            while not os.path.exists("go on"):
                await asyncio.sleep(0.01)

upstream = Held("One here. Two here. Three here.", chunking=11)
app = create_app(StreamAlignedChat(upstream, AcceptAligner()), name="m")
Server(app, host="127.0.0.1", port=0, shutdown_timeout=60).run()
"""
"""Whose replies wait after their first sentence until there is a file `go on`."""


@contextmanager
def in_a_process(script, folder):
    """A server of its own in a folder, and its address; what it logs is read once it has ended."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            line = next(line for line in process.stderr if "running on" in line)
            yield process, line.split("running on ")[1].split()[0]
        finally:
            process.kill()


def test_a_signal_ends_a_process_when_its_replies_have_ended(tmp_path):
    with (
        in_a_process(SCRIPT, tmp_path) as (process, url),
        openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
        httpx.Client(base_url=url, timeout=SOON) as balancer,
    ):
        chunks = iter(client.chat.completions.create(**ASK, stream=True))
        told = [next(chunks).choices[0].delta.content]
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: balancer.get("/healthz").status_code == 503)
        (tmp_path / "go on").touch()
        told += [chunk.choices[0].delta.content or "" for chunk in chunks]
        assert "".join(told) == "One here. Two here. Three here."
        assert process.wait(SOON) == 0


def test_a_second_signal_breaks_replies_off_with_an_error_and_no_traceback(tmp_path):
    with (
        in_a_process(SCRIPT, tmp_path) as (process, url),
        openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        chunks = iter(client.chat.completions.create(**ASK, stream=True))
        assert next(chunks).choices[0].delta.content == "One here."
        process.send_signal(signal.SIGINT)
        with httpx.Client(base_url=url, timeout=SOON) as balancer:
            wait_until(lambda: balancer.get("/healthz").status_code == 503)
        process.send_signal(signal.SIGINT)
        with pytest.raises(openai.APIError, match="The server is shut down") as caught:
            list(chunks)
        assert caught.value.body["released"] == "One here."
        assert process.wait(SOON) == 0
        assert "Traceback" not in process.stderr.read()


def test_a_request_whose_rest_never_comes_is_answered_when_the_server_ends(tmp_path):
    with in_a_process(SCRIPT.replace("shutdown_timeout=60", "shutdown_timeout=0"), tmp_path) as (process, url):
        port = int(url.rsplit(":", 1)[1])
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=SOON) as connection:
            connection.sendall(f"{head}Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n".encode())
            # By now it is being waited for.
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            process.send_signal(signal.SIGTERM)
            answer = b"".join(iter(lambda: connection.recv(1000), b"")).decode()
        assert process.wait(SOON) == 0
        assert "Traceback" not in process.stderr.read()
    assert answer.startswith("HTTP/1.1 503 ")
    assert '"code": "shutting_down"' in answer
