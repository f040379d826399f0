"""A web server in a thread of this process, on a free port of this machine; and waiting for what it does."""

import socket
import threading
import time

SECONDS_TO_START = 60
"""On a machine that has other things to do; a server that is up is not waited for."""


class Threaded:
    """A server of uvicorn's that runs until the `with` block ends; `url` is its address."""

    def __init__(self, server):
        self.server = server
        self.thread = threading.Thread(target=self._run)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.server.started or not self.thread.is_alive(), seconds=SECONDS_TO_START)
        assert self.server.started, "the server did not start"
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join()

    def _run(self):
        with self._listening:
            self.server.run(sockets=[self._listening])


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
