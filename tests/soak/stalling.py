"""Whoever stalls does so for good, and for nobody else does a limit run out: no clock decides what a seed comes to."""

from contextlib import contextmanager
from unittest.mock import patch

from stream_aligner_lc import upstream
from stream_aligner_lc.pacing import Patience
from tests.late import aligner_limits

# How long is waited, in seconds, before it is looked whether an upstream stalls, and for an aligner that does.
_LOOK, _PATIENCE = 0.002, 0.005


@contextmanager
def limits_of(world):
    """Let `upstream_timeout` and `aligner_timeout` run out soon for what stalls in this world, and there alone."""
    scenario = world.scenario
    numbers = iter(range(1_000_000))

    class Waiting(Patience):
        def __init__(self, seconds):
            super().__init__(seconds)
            self._number = next(numbers)

        def wait(self, seconds):
            if self._seconds is not None and world.stalls(self._number):
                self._since = float("-inf")
            left = super().wait(seconds)
            return left if left is None else min(left, _LOOK)

    def least(drafts, seconds):
        return _PATIENCE if seconds is not None and world.unit_of(drafts[0]).answer == "stall" else seconds

    stalls = any(fault.kind == "stall" for fault in scenario.faults.values())
    waiting = patch.object(upstream, "Patience", Waiting if stalls else Patience)
    with waiting, aligner_limits(least):
        yield
