"""A server in a process and a folder of its own, on a free port: started, waited for, stopped, and heard if it dies."""

import os
import random
import socket
import subprocess
import time
from contextlib import suppress
from urllib.error import URLError
from urllib.request import urlopen

SECONDS_TO_START = 180
"""On a machine that has other things to do; a server that is up is not waited for."""
SECONDS_TO_STOP = 20


class Serving:
    """A process that serves until the `with` block ends.

    `command` gets `{port}` filled in, `health` is the path that answers once it is up, `environment` is all that the
    process sees of one (None: this process's own).
    """

    def __init__(
        self,
        folder,
        command,
        *,
        health="/health",
        seconds_to_start=SECONDS_TO_START,
        seconds_to_stop=SECONDS_TO_STOP,
        environment=None,
    ):
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [part.format(port=self.port) for part in command]
        self.environment = {**os.environ} if environment is None else environment
        self._health = f"{self.url}{health}"
        self._seconds = seconds_to_start, seconds_to_stop

    @property
    def log(self):
        """What the server has said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self):
        with (self.folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        died = self._process.poll()
        self._stop()
        if died is not None:
            raise RuntimeError(f"The server died (exit status {died}):\n{self.log}")

    def _wait(self):
        end = time.monotonic() + self._seconds[0]
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The server did not start (exit status {self._process.poll()}):\n{self.log}")
            time.sleep(0.1)

    def _is_up(self):
        try:
            with urlopen(self._health, timeout=2) as answer:
                return answer.status == 200
        except (URLError, TimeoutError, ConnectionError):
            return False

    def _stop(self):
        self._process.terminate()
        try:
            self._process.wait(self._seconds[1])
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port():
    # Below those that the system gives away: until the server takes it, nobody gets it by chance.
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("None of a hundred ports from 20000 to 31999 is free.")
