"""Faults and limits: what is tried again, what is counted, and what ends the work."""

import asyncio
from dataclasses import replace

import pytest
from langchain_core.exceptions import ContextOverflowError

from stream_aligner_lc import ChatTransformers, ConfigurationError
from stream_aligner_lc.errors import StreamAlignerError
from stream_aligner_lc.resumable import running
from stream_aligner_lc.rows.reading import RowError
from stream_aligner_lc.sums import pair
from tests.annotation.doubles import QUESTIONS, REPLIES, Editor, StatusError, Upstream, asked


@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_no_more_replies_are_written_at_once_than_the_limit_says(place, concurrency):
    place.ask(*QUESTIONS)
    upstream = Upstream(REPLIES, delay=0.002)
    place.annotate(upstream, concurrency=concurrency)
    assert upstream.most_open == min(concurrency, len(QUESTIONS))


def test_a_teacher_that_fails_for_a_moment_is_asked_again(place):
    place.ask("What?")
    teacher = Editor({"It is bad.": [ConnectionError("gone"), StatusError(503), "It is good."]})
    summary = place.annotate(teacher=teacher, tries=3)
    assert [row["correction"] for row in place.rows] == ["It is good.", "It is fine."]
    assert (summary.failed, summary.unusable) == ({}, 0)


def test_an_upstream_that_fails_for_a_moment_is_asked_again(place):
    place.ask("What?")
    upstream = Upstream({"What?": [ConnectionError("gone"), StatusError(429), "Fine."]})
    assert place.annotate(upstream, tries=3).written
    assert [row["last"] for row in place.rows] == ["Fine."]


@pytest.mark.parametrize("fault", [ConnectionError("gone"), StatusError(500), StatusError(401), KeyError("bug")])
def test_a_teacher_that_stays_away_fails_the_prompt_and_never_makes_a_row(place, fault, undisturbed):
    teacher = Editor({"About Question 3?": fault})
    upstream = Upstream(REPLIES)
    summary = place.annotate(upstream, teacher)
    assert list(summary.failed) == ["prompts.jsonl, line 4"]
    assert "teacher" in summary.failed["prompts.jsonl, line 4"]
    assert (summary.done, summary.written, summary.unusable) == (11, False, 0)
    assert not place.out.exists()

    again = Upstream(REPLIES)
    assert place.annotate(again).written
    assert asked(again) == {"Question 3?"}
    assert place.out.read_bytes() == undisturbed
    assert not place.journal.exists()


def test_an_upstream_that_stays_away_fails_the_prompt(place, undisturbed):
    summary = place.annotate(Upstream({**REPLIES, "Question 0?": StatusError(500, "overloaded")}))
    ((where, why),) = summary.failed.items()
    assert where == "prompts.jsonl, line 1"
    assert "overloaded" in why
    assert "upstream" in why
    assert place.annotate(Upstream(REPLIES)).written
    assert place.out.read_bytes() == undisturbed


def test_failures_can_be_accepted_after_one_more_try(place):
    place.ask(*QUESTIONS)
    replies = {**REPLIES, "Question 0?": StatusError(500), "Question 1?": StatusError(500)}
    assert not place.annotate(Upstream(replies)).written
    mended = Upstream({**replies, "Question 1?": "Fine now."})
    summary = place.annotate(mended, accept_failures=True)
    assert asked(mended) == {"Question 0?", "Question 1?"}
    assert (summary.written, list(summary.failed), summary.done) == (True, ["prompts.jsonl, line 1"], 11)
    assert {row["question"] for row in place.rows} == set(QUESTIONS[1:])
    assert not place.journal.exists()


@pytest.mark.parametrize(
    "fault",
    [
        ContextOverflowError("The input has 9000 tokens."),
        StatusError(400, "This model's maximum context length is 8192 tokens."),
        StatusError(400, "prompt is too long: 9000 tokens > 8192 maximum"),
    ],
)
@pytest.mark.parametrize("who", ["upstream", "teacher"])
def test_a_prompt_that_is_longer_than_the_context_is_skipped_and_named(place, fault, who):
    place.ask("Long?", "Short?")
    upstream = Upstream({"Long?": fault if who == "upstream" else "A long one."})
    summary = place.annotate(upstream, Editor({"A long one.": fault}))
    assert list(summary.skipped) == ["prompts.jsonl, line 1"]
    assert (summary.failed, summary.written, summary.done) == ({}, True, 1)
    assert {row["question"] for row in place.rows} == {"Short?"}


def test_a_rate_limit_that_counts_tokens_is_no_long_prompt(place):
    place.ask("What?")
    fault = StatusError(429, "Too many tokens per minute in your context window.")
    summary = place.annotate(Upstream({"What?": fault}))
    assert (summary.skipped, len(summary.failed)) == ({}, 1)


def test_a_skipped_prompt_is_not_asked_again(place):
    place.ask("Long?", "Short?")
    fault = ContextOverflowError("too long")
    place.annotate(Upstream({"Long?": fault, "Short?": StatusError(500)}))
    again = Upstream({})
    summary = place.annotate(again)
    assert asked(again) == {"Short?"}
    assert (summary.written, len(summary.skipped)) == (True, 1)


def test_a_local_model_skips_what_it_cannot_attend_to(place):
    place.ask("1 + 1 " * 2000, "Start with 12. Add 30.")
    summary = place.annotate(ChatTransformers(pair.UPSTREAM, device="cpu", temperature=0))
    assert list(summary.skipped) == ["prompts.jsonl, line 1"]
    assert summary.rows > 0
    assert {row["upstream"] for row in place.rows} == {"sums-upstream"}


def test_a_model_that_can_never_be_used_ends_the_work_at_once(place):
    place.ask(*QUESTIONS)
    upstream = Upstream({question: ConfigurationError("No such model.") for question in QUESTIONS})
    with pytest.raises(ConfigurationError, match="No such model"):
        place.annotate(upstream, concurrency=1)
    assert len(upstream.calls) == 1


def test_many_failures_in_a_row_end_the_work_and_say_how_to_go_on(place, monkeypatch):
    monkeypatch.setattr(running, "MAX_FAILED_IN_A_ROW", 5)
    monkeypatch.setattr("stream_aligner_lc.resumable.working.MAX_FAILED_IN_A_ROW", 5)
    place.ask(*QUESTIONS)
    upstream = Upstream({**REPLIES, **{question: StatusError(401, "No key.") for question in QUESTIONS[2:]}})
    with pytest.raises(StreamAlignerError, match=r"5 prompts failed in a row.*line 7.*No key.*rows\.jsonl\.part"):
        place.annotate(upstream, concurrency=1)
    assert asked(upstream) == set(QUESTIONS[:7])
    again = Upstream(REPLIES)
    assert place.annotate(again).written
    assert asked(again) == set(QUESTIONS[2:])


def test_failures_that_are_accepted_end_nothing(place):
    place.ask(*(f"{number}?" for number in range(30)))
    upstream = Upstream({}, default="x")
    upstream.script.update({f"{number}?": StatusError(500) for number in range(29)})
    summary = place.annotate(upstream, accept_failures=True)
    assert (summary.written, len(summary.failed), summary.done) == (True, 29, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"question": "What?"}\n{"answer": "x"}\n', "line 2, field 'question'"),
        ('{"question": "What?"}\nbroken\n', "line 2"),
        ('{"question": "a", "id": 1}\n{"question": "b", "id": 1}\n', "line 2, field 'id'"),
    ],
)
def test_a_broken_prompt_is_told_before_a_model_is_asked(place, content, said):
    place.prompts.write_text(content)
    upstream = Upstream({})
    with pytest.raises(RowError, match=said):
        place.annotate(upstream)
    assert upstream.calls == []
    assert not place.journal.exists()


def test_an_empty_file_of_prompts_is_an_error(place):
    place.prompts.write_text("")
    with pytest.raises(ConfigurationError, match="empty"):
        place.annotate()


@pytest.mark.parametrize("name", ["prompts.jsonl", "folder", "missing/rows.jsonl"])
def test_a_place_that_cannot_be_written_is_told_before_a_model_is_asked(place, name):
    place.ask("What?")
    (place.folder / "folder").mkdir()
    place.out = place.folder / name
    upstream = Upstream({})
    with pytest.raises(ConfigurationError, match=name):
        place.annotate(upstream, overwrite=True)
    assert upstream.calls == []


@pytest.mark.parametrize("option", ["concurrency", "tries", "limit", "attempts"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "2"])
def test_numbers_must_be_whole_and_positive(place, option, value):
    place.ask("What?")
    with pytest.raises(ConfigurationError, match=option):
        place.annotate(**{option: value})


def test_an_unknown_option_is_told(place):
    place.ask("What?")
    with pytest.raises(ConfigurationError, match="granularty"):
        place.annotate(granularty="sentence")


def test_it_can_be_called_where_an_event_loop_runs(place):
    place.ask("What?")

    async def notebook():
        return place.annotate()

    assert asyncio.run(notebook()).written


def test_every_total_is_shown_from_the_first_to_the_last(place):
    place.ask(*QUESTIONS)
    shown = []
    place.annotate(Upstream(REPLIES), show=lambda summary: shown.append(replace(summary)))
    assert [summary.finished for summary in shown] == list(range(len(QUESTIONS) + 1))
