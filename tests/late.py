"""One sentence whose `aligner_timeout` runs out, and no other: how fast the machine is decides nothing."""

import pytest

from stream_aligner_lc.nodes import AlignerNode

_ENOUGH = 250


@pytest.fixture
def only_the_second_is_late(monkeypatch):
    """Let `aligner_timeout` end for the second sentence alone; the others have all the time they need."""
    answers, aanswers = AlignerNode._answers, AlignerNode._aanswers

    def given(drafts, seconds):
        return seconds if drafts[0].index == 1 else _ENOUGH

    monkeypatch.setattr(
        AlignerNode,
        "_answers",
        lambda self, drafts, context, seconds: answers(self, drafts, context, given(drafts, seconds)),
    )
    monkeypatch.setattr(
        AlignerNode,
        "_aanswers",
        lambda self, drafts, context, seconds: aanswers(self, drafts, context, given(drafts, seconds)),
    )
