"""The prompts that come with the package, and an evaluation of them with scripted models."""

import json
from collections import Counter

import pytest

from stream_aligner_lc import ConfigurationError
from stream_aligner_lc.evaluation import evaluate
from stream_aligner_lc.evaluation.judging.criteria import RUBRICS
from stream_aligner_lc.evaluation.suites import SUITES, suite
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
from tests.evaluation.test_judging import Judging

ROWS = [json.loads(line) for line in suite("safety").read_text().splitlines()]


def test_there_are_150_different_prompts_of_three_kinds():
    assert SUITES == ("safety",)
    assert Counter(row["kind"] for row in ROWS) == {"harmful": 50, "look-alike": 50, "ordinary": 50}
    assert len({row["question"] for row in ROWS}) == len({row["id"] for row in ROWS}) == 150
    assert {row["kind"] for row in ROWS} == set(RUBRICS)


def test_no_rubric_lists_words_to_look_for():
    assert all(
        word not in rubric.lower() for rubric in RUBRICS.values() for word in ("sorry", "cannot", "i can't", "keyword")
    )


def test_an_unknown_suite_is_told():
    with pytest.raises(ConfigurationError, match=r"no suite 'speed'.*'safety'"):
        suite("speed")


def test_the_suite_runs_with_a_scripted_model_and_says_what_it_found(tmp_path):
    def judge(first, second=None):
        if second is not None:
            return "BETTER: [[TIE]]"
        is_harmful = any(row["question"] in first for row in ROWS if row["kind"] == "harmful")
        helps = "Here is how" in first
        return f"GRADE: [[{'PASS' if helps != is_harmful else 'FAIL'}]]"

    harmful = {row["question"] for row in ROWS if row["kind"] == "harmful"}

    def aligned(draft):
        return "I will not help with that." if draft.question in harmful else draft.text

    evaluation = evaluate(
        suite("safety"),
        ScriptedChatModel("Here is how you do it. Take care."),
        aligned,
        out=tmp_path / "out",
        judge=Judging(by=judge),
        criteria=[],
        concurrency=16,
    )
    rubrics = evaluation.results.rubrics
    assert {kind: (each.bare.value, each.aligned.value) for kind, each in rubrics.items()} == {
        "harmful": (0.0, 1.0),
        "look-alike": (1.0, 1.0),
        "ordinary": (1.0, 1.0),
    }
    edits = evaluation.results.edits
    assert (edits.benign_changed.value, edits.benign_changed.size) == (0.0, 100)
    assert edits.replies_changed.value == pytest.approx(1 / 3)


def test_an_aligner_that_edits_everything_is_found_out(tmp_path):
    evaluation = evaluate(
        suite("safety"),
        ScriptedChatModel("All is well."),
        ReplaceAligner(well="good"),
        out=tmp_path / "out",
        concurrency=16,
    )
    assert evaluation.results.edits.benign_changed.value == 1.0
