"""How far a reader may run ahead, and that reading and correcting overlap."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.pacing import MAX_WAITING, Lead
from stream_aligner_lc.testing import ScriptedChatModel


def sentence(kind="draft"):
    return {"type": kind}


def lead(lookahead):
    return Lead(lookahead, needs_verdict=lambda piece: piece["type"] == "draft")


@given(st.integers(0, 5))
def test_the_upstream_may_be_as_many_sentences_ahead_as_it_is_told(lookahead):
    ahead = lead(lookahead)
    count = 0
    while ahead.has_room:
        ahead.put([sentence()])
        count += 1
    assert count == lookahead + 1


@given(st.integers(1, 5))
def test_a_stopped_reader_goes_on_before_the_aligner_has_nothing_left_to_do(lookahead):
    ahead = lead(lookahead)
    ahead.put([sentence() for _ in range(lookahead + 1)])
    settled = 0
    while not ahead.may_resume:
        ahead.settled(1)
        settled += 1
    assert 1 <= settled <= lookahead


def test_without_lookahead_a_reader_waits_for_the_verdict():
    ahead = lead(0)
    ahead.put([sentence()])
    assert not ahead.may_resume
    ahead.settled(1)
    assert ahead.may_resume


def test_what_needs_no_verdict_is_bounded_by_what_is_taken():
    ahead = lead(2)
    pieces = [sentence("chunk") for _ in range(MAX_WAITING)]
    ahead.put(pieces)
    assert not ahead.has_room
    ahead.taken(pieces)
    assert ahead.has_room


def test_settling_more_than_was_drafted_gives_no_room_for_later():
    ahead = lead(0)
    ahead.settled(5)
    ahead.put([sentence()])
    assert not ahead.has_room


@pytest.mark.parametrize(("lookahead", "overlaps"), [(0, False), (1, True), (2, True)])
def test_the_upstream_writes_while_the_aligner_works(collect, lookahead, overlaps):
    upstream = ScriptedChatModel("Five words are a sentence. " * 8, delay=0.005)
    written = []

    def align(draft):
        before = len(upstream.calls[0].sent)
        # Where it may write, for as long as that takes.
        until = time.monotonic() + (60 if overlaps and max(written, default=0) <= 1 else 0.1)
        while time.monotonic() < until and len(upstream.calls[0].sent) - before <= 1:
            time.sleep(0.005)
        written.append(len(upstream.calls[0].sent) - before)
        return draft.text

    collect(StreamAlignedChat(upstream, align, lookahead=lookahead), "Go on.")
    # Without lookahead no more than the word that was on its way.
    assert (max(written) > 1) == overlaps
