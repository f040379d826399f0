"""The real server on 127.0.0.1, on a free port, in a thread of its own, and OpenAI's real client."""

import time

import httpx
import pytest
from openai import AsyncOpenAI, OpenAI

from stream_aligner_lc import AcceptAligner, StreamAlignedChat
from stream_aligner_lc.serving import create_app
from stream_aligner_lc.serving.server import Server
from stream_aligner_lc.testing import ScriptedChatModel
from tests.threaded import Threaded

ASK = {"model": "m", "messages": [{"role": "user", "content": "How are things?"}]}


class Served(Threaded):
    """An application that is served until the `with` block ends."""

    def __init__(self, app, *, shutdown_timeout=5.0):
        server = Server(app, host="127.0.0.1", port=0, shutdown_timeout=shutdown_timeout, log_level="warning")
        super().__init__(server)
        self.app = app
        self.http = httpx.Client(base_url=self.url, timeout=60)
        self._clients = [self.http]

    def __exit__(self, *_):
        for client in self._clients:
            client.close()
        super().__exit__()

    def client(self, **options):
        client = OpenAI(**{"base_url": f"{self.url}/v1", "api_key": "none", "max_retries": 0, "timeout": 60, **options})
        self._clients.append(client)
        return client

    def aclient(self, **options):
        return AsyncOpenAI(
            **{"base_url": f"{self.url}/v1", "api_key": "none", "max_retries": 0, "timeout": 60, **options}
        )

    def figures(self):
        """What Prometheus would read, by name and labels."""
        lines = [line for line in self.http.get("/metrics").text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def wait_for(self, name, value, *, seconds=20):
        """A figure that is counted when the answer is already at the client's."""
        until = time.monotonic() + seconds
        while (found := self.figures().get(name)) != value and time.monotonic() < until:
            time.sleep(0.01)
        assert found == value, (name, found)


@pytest.fixture
def serve():
    """Serve an upstream, or an aligned model, and end all servers with the test."""
    opened = []

    def start(upstream, aligner=None, *, shutdown_timeout=5.0, app=None, **options):
        upstream = ScriptedChatModel(upstream) if isinstance(upstream, str) else upstream
        llm = upstream
        if not isinstance(upstream, StreamAlignedChat):
            llm = StreamAlignedChat(upstream, aligner or AcceptAligner(), **options)
        served = Served(create_app(llm, **{"name": "m", **(app or {})}), shutdown_timeout=shutdown_timeout)
        opened.append(served.__enter__())
        return served

    yield start
    for served in opened:
        served.__exit__()
