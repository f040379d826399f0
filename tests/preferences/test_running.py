"""Prompts that make no pair, faults, and wrong calls: what is counted, what is kept, and what is told."""

import pytest
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage

from stream_aligner_lc import ConfigurationError
from stream_aligner_lc.errors import StreamAlignerError
from stream_aligner_lc.rows.reading import RowError
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.annotation.doubles import QUESTIONS, REPLIES, Editor, StatusError, Upstream, asked

TOOL_CALL = AIMessage("I look.", tool_calls=[{"name": "look", "args": {}, "id": "1", "type": "tool_call"}])


@pytest.mark.parametrize(
    ("upstream", "aligner", "options", "why"),
    [
        (Upstream({"What?": ""}), None, {}, "aligned reply is empty"),
        (Upstream({}, default="Bad."), ScriptedAligner({0: ""}), {}, "aligned reply is empty"),
        (ScriptedChatModel(["Fine.", ""]), None, {"shared": False}, "bare reply is empty"),
        (ScriptedChatModel([TOOL_CALL]), None, {}, "aligned reply calls a tool"),
        (ScriptedChatModel(["Fine.", TOOL_CALL]), None, {"shared": False}, "bare reply calls a tool"),
        (ScriptedChatModel(["It is bad.", "", TOOL_CALL]), None, {}, "bare reply calls a tool"),
        (Upstream({}), None, {"max_tokens": 4}, "not whole: it ended with length"),
        (Upstream({}), None, {"max_restarts": 0}, "not whole: it ended with .*max_restarts"),
    ],
)
def test_a_prompt_that_makes_no_pair_is_named_and_makes_no_row(place, upstream, aligner, options, why):
    place.ask("What?")
    summary = place.export(upstream, aligner, concurrency=1, **options)
    ((where, said),) = summary.left_out.items()
    assert where == "prompts.jsonl, line 1"
    assert_matches(why, said)
    assert (summary.pairs, summary.same, summary.failed, summary.written) == (0, 0, {}, True)
    assert place.rows == []


def assert_matches(pattern, text):
    import re

    assert re.search(pattern, text), text


def test_what_is_left_out_is_not_asked_for_again(place):
    place.ask("Nothing?", "What?")
    replies = {"Nothing?": "", "What?": StatusError(500)}
    assert not place.export(Upstream(replies)).written
    again = Upstream({})
    summary = place.export(again)
    assert asked(again) == {"What?"}
    assert (summary.written, list(summary.left_out), summary.pairs) == (True, ["prompts.jsonl, line 1"], 1)


def test_no_row_has_an_empty_side_whatever_happens(place):
    replies = ["", " ", "Bad.", "bad", "It is bad.", StatusError(400), "\n\n", "Fine."]
    place.ask(*(f"{number}?" for number in range(len(replies))))
    script = {f"{number}?": reply for number, reply in enumerate(replies)}
    for shared in (True, False):
        aligner = ReplaceAligner({"bad": "", "It is": "", "Bad.": ""})
        place.export(Upstream(script), aligner, shared=shared, include_same=True, accept_failures=True, overwrite=True)
        assert all(chosen.strip() and rejected.strip() for chosen, rejected in place.sides)
        assert len(place.rows) >= 1


@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_the_pairs_stand_in_the_order_of_the_prompts(place, undisturbed, concurrency):
    upstream = Upstream(REPLIES, delay=0.001)
    place.export(upstream, concurrency=concurrency)
    assert place.out.read_bytes() == undisturbed
    assert upstream.most_open <= concurrency


@pytest.mark.parametrize("shared", [True, False])
def test_an_upstream_that_fails_in_the_bare_reply_fails_the_prompt_and_is_tried_again_later(place, shared):
    place.ask("What?")
    upstream = ScriptedChatModel(["It is bad.", "", StatusError(500, "overloaded")])
    summary = place.export(upstream, concurrency=1, shared=shared)
    ((where, why),) = summary.failed.items()
    assert where == "prompts.jsonl, line 1"
    assert "overloaded" in why
    assert (summary.written, place.out.exists()) == (False, False)
    assert place.export(ScriptedChatModel(["It is bad.", "", "Bad."]), concurrency=1, shared=shared).written


def test_an_upstream_that_fails_for_a_moment_is_asked_again(place):
    place.ask("What?")
    upstream = ScriptedChatModel([StatusError(503), "It is bad.", "", ConnectionError("gone"), " So."])
    assert place.export(upstream, concurrency=1, tries=3).failed == {}
    assert place.sides == [("It is good.", "It is bad. So.")]


@pytest.mark.parametrize("fault", [ConnectionError("gone"), StatusError(401), KeyError("bug")])
def test_an_aligner_that_stays_away_fails_the_prompt_and_makes_no_pair(place, undisturbed, fault):
    aligner = ScriptedAligner({1: lambda draft: fail(fault) if "3" in draft.question else draft.text})
    summary = place.export(Upstream(REPLIES), aligner)
    assert list(summary.failed) == ["prompts.jsonl, line 4"]
    assert not summary.written
    assert not place.out.exists()


def fail(fault):
    raise fault


def test_a_sentence_without_a_usable_answer_stays_as_drafted_and_is_counted(place):
    place.ask("What?")
    aligner = Editor({"It is fine.": {"raw": "Hm."}})
    summary = place.export(Upstream({}), aligner, attempts=2)
    assert summary.unusable == 1
    assert place.sides == [("It is good. It is fine.", "It is bad. It is fine.")]
    assert place.rows[0]["sentences"] == {"replaced": 1, "kept": 1}


def test_failures_can_be_accepted(place):
    place.ask(*QUESTIONS)
    summary = place.export(Upstream({**REPLIES, QUESTIONS[0]: StatusError(500)}), accept_failures=True)
    assert (summary.written, list(summary.failed)) == (True, ["prompts.jsonl, line 1"])
    assert [row["id"] for row in place.rows] == [str(number) for number in range(1, len(QUESTIONS))]


def test_many_failures_in_a_row_end_the_work_and_say_how_to_go_on(place):
    place.ask(*(f"{number}?" for number in range(30)))
    upstream = Upstream({f"{number}?": StatusError(401, "No key.") for number in range(30)})
    with pytest.raises(StreamAlignerError, match=r"20 prompts failed in a row.*No key.*pairs\.jsonl\.part"):
        place.export(upstream, concurrency=1)


def test_a_prompt_that_is_longer_than_the_context_is_skipped_and_named(place):
    place.ask("Long?", "Short?")
    summary = place.export(Upstream({"Long?": ContextOverflowError("9000 tokens")}))
    assert list(summary.skipped) == ["prompts.jsonl, line 1"]
    assert (summary.written, summary.pairs) == (True, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"question": "What?"}\n{"answer": "x"}\n', "line 2, field 'question'"),
        ('{"question": "What?"}\nbroken\n', "line 2"),
        ('{"question": "a", "id": 1}\n{"question": "b", "id": 1}\n', "line 2, field 'id'.*line 1"),
        ('{"question": ""}\n', "line 1, field 'question'"),
    ],
)
def test_a_broken_prompt_is_told_before_a_model_is_asked(place, content, said):
    place.prompts.write_text(content)
    upstream = Upstream({})
    with pytest.raises(RowError, match=said):
        place.export(upstream)
    assert upstream.calls == []
    assert not place.journal.exists()


def test_an_empty_file_of_prompts_is_an_error(place):
    place.prompts.write_text("")
    with pytest.raises(ConfigurationError, match="empty"):
        place.export()


def test_a_policy_for_an_aligner_that_is_told_none_is_an_error(place):
    place.ask("What?")
    with pytest.raises(ConfigurationError, match=r"policy.*provider:model"):
        place.export(Upstream({}), AcceptAligner(), policy="Nothing bad.")


@pytest.mark.parametrize("option", ["concurrency", "tries", "limit", "attempts"])
@pytest.mark.parametrize("value", [0, True, "2"])
def test_numbers_must_be_whole_and_positive(place, option, value):
    place.ask("What?")
    with pytest.raises(ConfigurationError, match=option):
        place.export(Upstream({}), Editor({}), **{option: value})


@pytest.mark.parametrize("name", ["prompts.jsonl", "folder", "missing/pairs.jsonl"])
def test_a_place_that_cannot_be_written_is_told_before_a_model_is_asked(place, name):
    place.ask("What?")
    (place.folder / "folder").mkdir()
    place.out = place.folder / name
    upstream = Upstream({})
    with pytest.raises(ConfigurationError, match=name):
        place.export(upstream, overwrite=True)
    assert upstream.calls == []


def test_a_file_that_is_there_is_replaced_only_if_told_to(place):
    place.ask("What?")
    place.out.write_text("precious")
    upstream = Upstream({})
    with pytest.raises(ConfigurationError, match=r"pairs\.jsonl.*--overwrite"):
        place.export(upstream)
    assert upstream.calls == []
    assert place.out.read_text() == "precious"
    assert place.export(overwrite=True).written


def test_an_unknown_option_is_told(place):
    place.ask("What?")
    with pytest.raises(ConfigurationError, match="granularty"):
        place.export(granularty="sentence")
