"""The harness finds what it is there for: each of these breaks one promise in the library, and is caught.

A harness that finds nothing proves nothing unless it would have found something.
"""

import threading
from dataclasses import replace

import pytest

from stream_aligner_lc import AlignerError, accounts, content, echo, nodes, readers, spacing
from stream_aligner_lc.corrections import Decision
from stream_aligner_lc.intake import Intake
from stream_aligner_lc.ledger import Ledger
from stream_aligner_lc.outlet import Outlet
from stream_aligner_lc.pacing import Patience
from stream_aligner_lc.upstream import Upstream
from tests.leaks.probes import MARKS
from tests.soak.running import no_waiting, run
from tests.soak.scripts import LONG, Fault, Leaving, Scenario, Sentence

MARK = MARKS[0]


@pytest.fixture(autouse=True)
def no_scenario_outlives_its_test(monkeypatch):
    """Wait for a scenario that was given up as hanging: its patches end with it, and would end the next test's."""
    yield
    for thread in threading.enumerate():
        if thread.name == "scenario":
            thread.join(60)
            assert not thread.is_alive()


def said(text, after):
    return Sentence(text, after, shown=text)


SENTENCES = (
    said("The first sentence is here.", " "),
    Sentence(f"The second has a {MARK}.", " ", "replace", "The second has a mule."),
    said("The third sentence stands.", "\n\n"),
    said("The fourth one ends it.", ""),
)


def found(**fields):
    """Return the first words of what is found in a scenario."""
    parts = {"seed": 0, "kind": "mixed", "sentences": SENTENCES, **fields}
    with no_waiting():
        return {finding.split(":")[0].split(" ")[0] for finding in run(Scenario(**parts))}


def test_nothing_is_found_where_nothing_is_broken():
    assert found() == set()
    assert found(faults={1: Fault("drop", 8), 2: Fault("busy")}) == set()


def test_a_draft_that_is_released_before_its_verdict_is_a_leak(monkeypatch):
    monkeypatch.setattr(nodes, "decide", lambda draft, answer, **_: Decision("accepted", draft.text))
    assert "leak" in found()


def test_a_join_that_loses_the_space_is_a_gap(monkeypatch):
    monkeypatch.setattr(spacing, "join", lambda *_: "")
    assert "gap" in found()


def test_a_restart_that_does_not_come_is_found(monkeypatch):
    monkeypatch.setattr(Ledger, "_leave_stream", lambda *_, **__: None)
    assert "0" in found()  # "0 restarts where 1 are meant"


def test_a_restart_that_forgets_the_prefix_is_found(monkeypatch):
    opened = Upstream._open
    monkeypatch.setattr(Upstream, "_open", lambda self, call, kind: opened(self, replace(call, prefix=""), kind))
    assert "the" in found()  # "the restart after ... goes on from ''"


def test_a_call_that_is_made_twice_is_found(monkeypatch):
    judge = Ledger.judge

    def restless(self, *args, **kwargs):
        judge(self, *args, **kwargs)
        self.progress["restart"] = not self.is_over
        self._waiting = [] if self.progress["restart"] else self._waiting

    monkeypatch.setattr(Ledger, "judge", restless)
    assert "call" in found()


def test_a_stream_that_is_never_closed_remains(monkeypatch):
    monkeypatch.setattr("tests.soak.running._GOING", 0.1)
    monkeypatch.setattr(readers.ThreadReader, "close", lambda self: None)
    monkeypatch.setattr(readers, "CLOSE_SECONDS", 0.01)
    sentences = tuple(said(f"Sentence number {n} is here.", " ") for n in range(30))
    assert "remains" in found(sentences=sentences, leaving=Leaving("close", 1), options={"lookahead": 0})


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_reply_that_does_not_end_is_a_hang(monkeypatch, colour):
    monkeypatch.setattr("tests.soak.running.PATIENCE", 0.5)
    sentences = (*SENTENCES[:1], Sentence("The second is slow.", " ", "slow", "The second is slow."))
    monkeypatch.setattr("tests.soak.doubles._SLOW", 1)
    assert found(sentences=sentences, colour=colour) == {"hang"}


def test_a_sentence_too_many_is_found(monkeypatch):
    monkeypatch.setattr(Ledger, "_is_enough", lambda *_: False)
    assert "gap" in found(options={"max_sentences": 2})


def test_a_verdict_behind_align_first_is_found(monkeypatch):
    monkeypatch.setattr(Ledger, "_needs_verdict", lambda *_: True)
    assert "the" in found(options={"align_first": 1}, sentences=SENTENCES[:1] + SENTENCES[2:])


def test_a_stop_sequence_that_is_released_is_found(monkeypatch):
    monkeypatch.setattr(Ledger, "_until_stop", lambda _, text: text)
    assert "gap" in found(options={"stop": "mule"})


def test_a_thought_that_is_dropped_and_shown_is_found(monkeypatch):
    assert found(thought="hm", options={"reasoning": "drop"}) == found(thought="hm") == set()
    monkeypatch.setattr(content, "_REASONING_KEYS", set())
    assert "thoughts" in found(thought="hm", options={"reasoning": "drop"})


def test_a_tool_call_that_is_lost_is_found(monkeypatch):
    calling = {"calls_tool": True, "sentences": SENTENCES[:1]}
    assert found(**calling) == set()
    monkeypatch.setattr(Outlet, "let_out_chunk", lambda *_: None)
    assert "tools" in found(**calling)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_whitespace_of_the_stream_that_was_left_is_a_gap(monkeypatch, colour):
    sentences = (SENTENCES[0], replace(SENTENCES[1], after="\n"))
    assert found(sentences=sentences, colour=colour) == set()
    monkeypatch.setattr(
        Ledger, "_end", lambda self, _: self.progress.update(finish="", metadata={"finish_reason": "stop"})
    )
    assert "gap" in found(sentences=sentences, colour=colour)


LIMITED = {"options": {"max_tokens": 20}, "chunking": (3,)}


@pytest.mark.parametrize("overruns", [False, True])
def test_a_limit_that_is_not_shared_out_is_found(monkeypatch, overruns):
    assert found(**LIMITED, overruns=overruns) == set()
    monkeypatch.setattr(Ledger, "tokens_left", property(lambda self: self._terms.max_tokens))
    assert "max_tokens" in found(**LIMITED, overruns=overruns)


def test_a_limit_that_nobody_keeps_is_found(monkeypatch):
    monkeypatch.setattr(
        "stream_aligner_lc.upstream.Intake", lambda *args, **named: Intake(*args, **{**named, "max_chunks": None})
    )
    assert "gap" in found(**LIMITED, overruns=True, sentences=(SENTENCES[0], *SENTENCES[2:]))


STARTED_OVER = {"faults": {3: Fault("anew")}, "sentences": (*SENTENCES[:3], replace(SENTENCES[1], raw=f"One {MARK}."))}


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_reply_that_is_said_over_again_is_found(monkeypatch, colour):
    assert found(**STARTED_OVER, colour=colour) == set()
    monkeypatch.setattr(echo, "judge_opening", lambda *_, **__: "new")
    assert "gap" in found(**STARTED_OVER, colour=colour)


@pytest.mark.parametrize("lookahead", [0, 5])
def test_a_tool_call_behind_a_replaced_sentence_that_is_lost_is_found(monkeypatch, lookahead):
    calling = {"calls_tool": True, "options": {"lookahead": lookahead}, "sentences": SENTENCES[:2], "chunking": (400,)}
    assert found(**calling) == set()
    monkeypatch.setattr(Outlet, "let_out_chunk", lambda *_: None)
    assert "tools" in found(**calling)


def test_a_tool_call_is_due_also_where_a_sentence_behind_the_replaced_one_would_have_failed(monkeypatch):
    failing = Sentence("The third sentence fails.", "", "raise", "The third sentence fails.")
    calling = {"calls_tool": True, "sentences": (*SENTENCES[:2], failing), "chunking": (400,)}
    assert found(**calling) == set()
    monkeypatch.setattr(Outlet, "let_out_chunk", lambda *_: None)
    assert "tools" in found(**calling)


def test_a_restart_without_the_tools_is_found(monkeypatch):
    calling = {"calls_tool": True, "options": {"lookahead": 0}, "chunking": (2,)}
    assert found(**calling) == set()
    kwargs = Upstream._kwargs
    monkeypatch.setattr(
        Upstream, "_kwargs", lambda self, most: {**kwargs(self, most), **({"tools": []} if self._left else {})}
    )
    assert "call" in found(**calling)  # "call 2 has no tools"


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_an_upstream_that_stalls_and_is_waited_for_is_a_hang(monkeypatch, colour):
    stalling = {"faults": {1: Fault("stall", 8)}, "options": {"upstream_timeout": LONG}, "colour": colour}
    assert found(**stalling) == set()
    monkeypatch.setattr("tests.soak.running.PATIENCE", 0.5)
    monkeypatch.setattr("tests.soak.doubles._FOR_EVER", 2.0)
    monkeypatch.setattr(Patience, "wait", lambda self, seconds: seconds)
    assert "hang" in found(**stalling)


STALLED = Sentence("The second one takes for ever.", " ", "stall", "The second one takes for ever.")


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("policy", ["raise", "keep", "stop"])
def test_an_aligner_that_stalls_and_is_not_found_out_is_an_error(monkeypatch, colour, policy):
    stalling = {"options": {"aligner_timeout": LONG, "on_aligner_error": policy}, "colour": colour}
    stalling["sentences"] = (SENTENCES[0], STALLED, SENTENCES[2])
    assert found(**stalling) == set()
    monkeypatch.setattr(nodes.AlignerNode, "_too_late", lambda *_: AlignerError("The aligner failed."))
    monkeypatch.setattr("tests.soak.running.PATIENCE", 5.0)
    assert ("error" in found(**stalling)) is (policy == "raise")


def late(monkeypatch):
    """Return what is found of a reply whose time is over behind its first sentence."""
    judge = nodes._judge

    def judge_and_end(run, *args):
        judge(run, *args)
        args[0].cut_short("timeout")

    monkeypatch.setattr(nodes, "_judge", judge_and_end)
    # A limit that is really short could be over before the first verdict.
    monkeypatch.setattr("tests.soak.running.SHORT", LONG)
    return found(options={"reply_timeout": LONG})


def test_a_reply_whose_time_is_over_is_a_beginning(monkeypatch):
    assert late(monkeypatch) == set()


def test_a_verdict_that_is_not_counted_is_found_where_time_is_over(monkeypatch):
    totals = accounts.totals
    monkeypatch.setattr(accounts, "totals", lambda *args: {**totals(*args), "sentences": {}})
    assert late(monkeypatch) == {"verdicts"}


def test_a_second_end_is_found_where_time_is_over(monkeypatch):
    update = Ledger.update

    def doubled(self, **named):
        new = update(self, **named)
        if self.is_over:
            new["last_release"]["chunks"].append(new["last_release"]["chunks"][-1])
        return new

    monkeypatch.setattr(Ledger, "update", doubled)
    assert late(monkeypatch) == {"end"}


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_an_aligner_that_stalls_and_is_never_cancelled_is_found(monkeypatch, colour):
    monkeypatch.setattr("tests.soak.doubles.Corrector.cancel", lambda *_: None)
    stalling = {"options": {"aligner_timeout": LONG, "on_aligner_error": "keep"}, "colour": colour}
    assert found(**stalling, sentences=(SENTENCES[0], STALLED, SENTENCES[2])) == {"cancel"}
