"""`transformers serve` in a process of its own, on a free port, offline, with an empty cache."""

import os
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

_SECONDS_TO_START = 240
_SECONDS_TO_STOP = 20


class Serving:
    """A process that serves until the `with` block ends; `command` gets `{port}` filled in."""

    def __init__(self, folder, command, *, seconds=_SECONDS_TO_START, **environment):
        self.folder = folder
        self.seconds = seconds
        self.port = _free_port()
        self.command = [part.format(port=self.port) for part in command]
        self.environment = {**os.environ, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", **environment}
        self.base_url = f"http://127.0.0.1:{self.port}/v1"

    @property
    def log(self):
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
        assert died is None, f"The server died (exit status {died}):\n{self.log}"

    def _wait(self):
        end = time.monotonic() + self.seconds
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The server did not start (exit status {self._process.poll()}):\n{self.log}")
            time.sleep(0.2)

    def _is_up(self):
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return answer.status == 200
        except (URLError, TimeoutError, ConnectionError):
            return False

    def _stop(self):
        self._process.terminate()
        try:
            self._process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def transformers_serve(folder):
    """Return `transformers serve`, which loads a model with the first request that names its folder."""
    (folder / "home" / "hub").mkdir(parents=True)
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--host", "127.0.0.1"]
    options = ["--port", "{port}", "--device", "cpu", "--dtype", "float32"]
    return Serving(folder, [*command, *options], HF_HOME=str(folder / "home"))


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
