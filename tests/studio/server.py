"""The real server in a process and a folder of its own: nobody's key, no network, no state left in the checkout."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
CONFIG = json.loads((ROOT / "langgraph.json").read_text())
_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 10
_OURS = ("LANGCHAIN", "LANGGRAPH", "LANGSMITH", "STREAM_ALIGNER")


def graphs():
    """Return the graphs of `langgraph.json`, with paths that hold in any folder."""
    return {name: {**graph, "path": str(ROOT / graph["path"])} for name, graph in CONFIG["graphs"].items()}


class Server:
    """`langgraph dev` on a free port until the `with` block ends; `more` are the places of further graphs."""

    def __init__(self, folder, more, **environment):
        self.folder = folder
        http = {"app": str(ROOT / CONFIG["http"]["app"])}
        self.config = {"dependencies": [str(ROOT)], "graphs": {**graphs(), **more}, "http": http}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self.environment |= {
            "LANGGRAPH_CLI_NO_ANALYTICS": "1",
            "LANGGRAPH_NO_VERSION_CHECK": "1",
            "LANGSMITH_TRACING": "false",
            "HF_HUB_OFFLINE": "1",
            **environment,
        }
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def log(self):
        """What the server has said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self):
        (self.folder / "langgraph.json").write_text(json.dumps(self.config))
        options = ["--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                # Jobs: the runs of a test need not wait for each other.
                [sys.executable, "-m", "langgraph_cli", "dev", *options, "--n-jobs-per-worker", "32"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        self._stop()

    def _wait(self):
        end = time.monotonic() + _SECONDS_TO_START
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The server did not start (exit status {self._process.poll()}):\n{self.log}")
            time.sleep(0.1)

    def _is_up(self):
        try:
            with urlopen(f"{self.url}/ok", timeout=1) as answer:
                return answer.status == 200
        except (URLError, TimeoutError, ConnectionError):
            return False

    def _stop(self):
        died = self._process.poll()
        self._process.terminate()
        try:
            self._process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if died is not None:
            raise RuntimeError(f"The server died (exit status {died}):\n{self.log}")


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
