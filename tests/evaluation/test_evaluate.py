"""An evaluation from prompts to figures: what is asked, kept, counted and told."""

import json
import re
import sys
from itertools import pairwise

import pytest

from stream_aligner_lc import ConfigurationError
from stream_aligner_lc.errors import StreamAlignerError
from stream_aligner_lc.evaluation import evaluate
from stream_aligner_lc.evaluation.judging.criteria import CRITERIA
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedChatModel
from tests.annotation.doubles import StatusError, Upstream, asked
from tests.evaluation.test_judging import Judging


class Place:
    """Where the prompts stand, and the folder for what comes of them."""

    def __init__(self, folder):
        self.prompts = folder / "prompts.jsonl"
        self.out = folder / "out"

    def ask(self, *rows):
        self.prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def evaluate(self, upstream=None, aligner=None, **options):
        upstream = Upstream({}) if upstream is None else upstream
        aligner = ReplaceAligner(bad="good") if aligner is None else aligner
        return evaluate(self.prompts, upstream, aligner, out=self.out, **{"tries": 1, "upstream_retries": 0, **options})

    @property
    def rows(self):
        return [json.loads(line) for line in (self.out / "replies.jsonl").read_text().splitlines()]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def prefers_good(first, second=None):
    if second is None:
        return "GRADE: [[PASS]]" if re.search(r"REPLY: \[\[.*good", first, re.DOTALL) else "GRADE: [[FAIL]]"
    return (
        "BETTER: [[TIE]]"
        if ("good" in first) == ("good" in second)
        else f"BETTER: [[{'A' if 'good' in first else 'B'}]]"
    )


@pytest.mark.parametrize("package", ["scipy", "math_verify"])
def test_a_package_that_the_figures_need_is_missed_before_a_model_is_asked(package, place, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    place.ask({"question": "What?"})
    upstream = Upstream({})
    with pytest.raises(ConfigurationError, match=rf"needs {package}, .*pip install 'stream-aligner-lc\[evaluate\]'"):
        place.evaluate(upstream)
    assert not place.out.exists()


def test_both_replies_and_what_the_aligner_did_are_kept_with_the_prompts_own_fields(place):
    place.ask({"id": "x", "question": "What?", "topic": "weather"})
    results = place.evaluate().results
    (row,) = place.rows
    assert row["topic"] == "weather"
    assert (row["bare"]["text"], row["aligned"]["text"]) == ("It is bad. It is fine.", "It is good. It is fine.")
    assert [each["verdict"] for each in row["aligned"]["sentences"]] == ["replaced", "accepted"]
    assert row["aligned"]["restarts"] == 1
    assert results.edits.verdicts == {"replaced": 1, "accepted": 1}
    assert results.edits.changed.value == 0.5
    assert results.edits.replies_changed.value == 1.0
    assert results.edits.benign_changed is None
    assert json.loads((place.out / "results.json").read_text())["edits"]["changed"]["value"] == 0.5


def test_the_times_of_a_reply_are_in_order(place):
    place.ask({"question": "What?"})
    place.evaluate(Upstream({}, default="One. Two is bad. Three.", delay=0.01))
    aligned = place.rows[0]["aligned"]
    drafting = [each["drafting"] for each in aligned["sentences"]]
    aligning = [each["aligning"] for each in aligned["sentences"]]
    for (began, done), (started, ended) in zip(drafting, aligning, strict=True):
        assert 0 <= began < done <= started <= ended <= aligned["seconds"]
    assert all(done <= later[0] for (_, done), later in pairwise(drafting))
    assert drafting[1][1] - drafting[1][0] >= 0.02
    assert aligning[0][1] <= aligned["first_sentence_seconds"] <= aligned["seconds"]


def test_waste_is_what_was_written_by_what_was_shown(place):
    place.ask({"question": "What?"})
    assert place.evaluate(aligner=AcceptAligner()).results.costs.waste.value == 1.0
    place.evaluate(restart=True, lookahead=0)
    row = place.rows[0]["aligned"]
    assert row["upstream_characters"] > len(row["text"])


def test_final_answers_are_compared_with_the_reference(place):
    place.ask({"question": "1?", "reference": "4"}, {"question": "2?", "answer": "1/2"}, {"question": "3?"})
    replies = {"1?": "The answer is 5.", "2?": "The answer is 0.5.", "3?": "It is bad."}
    answers = place.evaluate(Upstream(replies), ReplaceAligner({"5.": "4."})).results.answers
    assert (answers.bare.value, answers.aligned.value, answers.bare.size) == (0.5, 0.5, 2)
    assert [row.get("right") for row in place.rows] == [
        {"bare": False, "aligned": True},
        {"bare": True, "aligned": False},
        None,
    ]


def test_a_judge_compares_by_each_criterion_and_grades_where_there_is_a_rubric(place):
    place.ask(
        {"question": "1?", "kind": "harmful"},
        {"question": "2?", "kind": "ordinary"},
        {"question": "3?", "rubric": "It must be good."},
        {"question": "4?"},
    )
    judge = Judging(by=prefers_good, asked=[])
    evaluation = place.evaluate(judge=judge)
    results = evaluation.results
    assert set(results.preferences) == set(CRITERIA)
    assert {each.net.value for each in results.preferences.values()} == {1.0}
    assert {name: (each.bare.value, each.aligned.value) for name, each in results.rubrics.items()} == {
        "harmful": (0.0, 1.0),
        "ordinary": (0.0, 1.0),
        "all": (0.0, 1.0),
    }
    assert len(judge.asked) == 3 * 4 * 2 + 3 * 2
    assert evaluation.judge.input > 0
    assert results.edits.benign_replies_changed.size == 1


def test_another_judge_uses_the_replies_that_are_there(place):
    place.ask({"question": "1?"}, {"question": "2?"})
    upstream = Upstream({})
    place.evaluate(upstream)
    calls = len(upstream.calls)
    judge = Judging(by=prefers_good, asked=[])
    assert place.evaluate(upstream, judge=judge, criteria=["honesty"]).results.preferences["honesty"].wins == 4
    place.evaluate(upstream, judge=judge, criteria=["honesty", "helpfulness"])
    assert len(upstream.calls) == calls
    assert len(judge.asked) == 8


def test_prompts_that_fail_are_named_and_tried_again_alone(place):
    place.ask({"question": "1?"}, {"question": "2?"})
    with pytest.raises(StreamAlignerError, match=r"1 of 2 prompts failed in the stage 'replies'.*line 2.*same command"):
        place.evaluate(Upstream({"2?": StatusError(500)}))
    assert not (place.out / "results.json").exists()
    again = Upstream({})
    assert place.evaluate(again).results.prompts == 2
    assert asked(again) == {"2?"}


def test_a_failure_is_said_to_be_the_judges_where_it_is(place):
    place.ask({"question": "1?"})
    judge = ScriptedChatModel([StatusError(500)])
    with pytest.raises(StreamAlignerError, match=r"in the stage 'judge-helpfulness'.*The judge failed: StatusError"):
        place.evaluate(judge=judge, criteria="helpfulness")


def test_failures_can_be_accepted_and_are_named(place):
    place.ask({"question": "1?"}, {"question": "2?"})
    evaluation = place.evaluate(Upstream({"2?": StatusError(500)}), accept_failures=True)
    assert evaluation.results.prompts == 1
    assert list(evaluation.left_out) == ["prompts.jsonl, line 2"]


def test_work_with_another_upstream_does_not_go_on_in_the_same_folder(place):
    place.ask({"question": "1?"})
    place.evaluate()
    other = Upstream({}, model_name="other")
    with pytest.raises(ConfigurationError, match=r"other work.*'upstream'.*restart=True"):
        place.evaluate(other)
    place.evaluate(other, restart=True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"criteria": ["beauty"]}, "no criterion 'beauty'.*'helpfulness'"),
        ({"concurrency": 0}, "`concurrency` must be"),
        ({"attempts": 0}, "`attempts` must be"),
        ({"unknown": 1}, "Unknown option 'unknown'"),
    ],
)
def test_a_wrong_call_is_told_before_anybody_is_asked(place, options, why):
    place.ask({"question": "1?"})
    upstream = Upstream({})
    with pytest.raises(ConfigurationError, match=why):
        place.evaluate(upstream, **options)
    assert not upstream.calls


def test_whoever_comes_second_changes_from_prompt_to_prompt(place):
    place.ask(*({"question": f"{number}?"} for number in range(40)))
    upstream = Upstream({})
    place.evaluate(upstream, concurrency=1)
    # The aligned reply needs a restart, so two calls for one question in a row begin it.
    firsts = [len(call.messages) for call in upstream.calls]
    assert {1, 2} == set(firsts)
    assert sum(one == 1 == other for one, other in pairwise(firsts)) > 5


def test_progress_is_told_for_each_stage(place):
    place.ask({"question": "1?"}, {"question": "2?"})
    told = []
    place.evaluate(judge=Judging(by=prefers_good), show=lambda stage, summary: told.append((stage, summary.finished)))
    assert told[0] == ("replies", 0)
    assert ("replies", 2) in told
    assert ("judge-honesty", 2) in told


def test_an_evaluation_runs_inside_an_event_loop(place):
    import asyncio

    place.ask({"question": "1?"})

    async def notebook():
        return place.evaluate(ScriptedChatModel("Fine.")).results.prompts

    assert asyncio.run(notebook()) == 1
