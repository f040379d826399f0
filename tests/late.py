"""Who has how long for an answer is said by the test: how fast the machine is decides nothing."""

from contextlib import contextmanager
from unittest.mock import patch

import pytest

from stream_aligner_lc.nodes import AlignerNode

_ENOUGH = 250


@contextmanager
def aligner_limits(given):
    """Let the aligner have `given(drafts, seconds)` seconds for drafts in place of `seconds`."""
    answers, aanswers = AlignerNode._answers, AlignerNode._aanswers

    def limited(self, drafts, context, seconds):
        return answers(self, drafts, context, given(drafts, seconds))

    async def alimited(self, drafts, context, seconds):
        return await aanswers(self, drafts, context, given(drafts, seconds))

    with patch.multiple(AlignerNode, _answers=limited, _aanswers=alimited):
        yield


@pytest.fixture
def only_the_second_is_late():
    """Let `aligner_timeout` end for the second sentence alone; the others have all the time they need."""
    with aligner_limits(lambda drafts, seconds: seconds if drafts[0].index == 1 else _ENOUGH):
        yield
