"""The program in a process of its own, at a terminal or not."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "stream_aligner_lc"]
_SECONDS = 120


def environment(**more):
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "200", **more}


def run(*arguments, input="", **more):
    """Run the program to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], input=input, capture_output=True, text=True, errors="surrogateescape", check=False,
        env=environment(**more),
    )  # fmt: skip


class AtTerminal:
    """The program at a terminal: what it shows is `shown`, and `say` types."""

    def __init__(self, *arguments):
        self.shown = ""
        self._terminal, other = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=other, stdout=other, stderr=other, env=environment(), start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # there are no threads here
        )  # fmt: skip
        os.close(other)
        os.set_blocking(self._terminal, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def say(self, text):
        os.write(self._terminal, text.encode())

    def wait_for(self, text, *, times=1):
        end = time.monotonic() + _SECONDS
        while self.shown.count(text) < times:
            assert time.monotonic() < end, self.shown
            self._read()

    def end(self):
        """Wait until the program has ended, and return its status."""
        end = time.monotonic() + _SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < end, self.shown
            self._read()
        self._read()
        return self.process.returncode

    def _read(self):
        try:
            self.shown += os.read(self._terminal, 65536).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:  # the program has closed it
            time.sleep(0.05)


def _take_terminal():
    # Ctrl-C reaches the process whose controlling terminal this is.
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
