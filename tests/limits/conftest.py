"""What has to be as it was before, once a reader has gone."""

import asyncio
import threading
import time

import pytest


class Left:
    """The threads that were there before."""

    def __init__(self):
        self._before = set(threading.enumerate())

    def threads(self, *, within=10.0):
        """Return which threads of the loop are still there; those that are ending are given time to end."""
        until = time.monotonic() + within
        while (found := self._found()) and time.monotonic() < until:
            time.sleep(0.005)
        return found

    def tasks(self):
        """Return which tasks are there beside the one that asks."""
        return asyncio.all_tasks() - {asyncio.current_task()}

    def _found(self):
        new = set(threading.enumerate()) - self._before
        return [thread.name for thread in new if thread.name.startswith(("upstream", "aligner"))]


@pytest.fixture
def left():
    """See what is left of a reply."""
    return Left()
