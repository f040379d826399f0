"""`bench`: what it counts, and in which order it asks."""

import json

import pytest

from stream_aligner_lc import named
from stream_aligner_lc.cli import main
from stream_aligner_lc.testing import ReplaceAligner
from stream_aligner_lc.timing.measuring import Figures, Reading, compare
from tests.annotation.doubles import Editor, Upstream


def test_both_come_second_equally_often_and_the_warm_up_is_not_counted():
    upstream = Upstream({})
    comparison = compare(["A?", "B?", "Warm?"], upstream, ReplaceAligner(bad="good"))
    firsts = [(prompt[0].text, len(prompt)) for prompt in upstream.prompts]
    bare, restarted = 1, 2
    assert firsts == [
        ("Warm?", bare), ("Warm?", bare), ("Warm?", restarted),
        ("A?", bare), ("A?", bare), ("A?", restarted),
        ("B?", bare), ("B?", restarted), ("B?", bare),
    ]  # fmt: skip
    assert comparison.questions == 2
    assert (comparison.bare.calls, comparison.aligned.calls) == (2, 4)
    assert comparison.aligned.sentences == {"replaced": 2, "accepted": 2}
    assert comparison.ratios["calls"] == 2


def test_one_question_is_both_warm_up_and_counted():
    assert compare(["A?"], Upstream({}), ReplaceAligner()).questions == 1


def test_what_was_written_in_vain_is_what_was_not_shown():
    upstream = Upstream({"A?": "It is bad. It is fine."})
    assert compare(["A?"], upstream, ReplaceAligner()).aligned.written_per_shown == 1
    assert compare(["A?"], upstream, ReplaceAligner(bad="good")).aligned.written_per_shown > 1


def test_figures_are_medians_and_rates_are_of_sums():
    figures = Figures.of(
        [
            Reading(1.0, 2.0, 10, verdicts=[("accepted", 0.1), ("replaced", 0.5)], written=30, shown=20),
            Reading(3.0, 4.0, 50, calls=2, verdicts=[("accepted", 0.3)], written=30, shown=30),
            Reading(2.0, 6.0, 0),
        ]
    )
    assert (figures.first_sentence_seconds, figures.seconds, figures.calls) == (2.0, 4.0, 4)
    assert figures.tokens_per_second == 5
    assert figures.aligner_seconds == {"accepted": pytest.approx(0.2), "replaced": 0.5}
    assert figures.written_per_shown == pytest.approx(1.2)


def test_the_bundled_pair_is_measured_by_default(capsys):
    assert main(["bench", "--limit", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["questions"] == 2
    assert told["upstream"] == "demo"
    assert told["aligner"] == "sums-aligner"
    assert told["aligned"]["calls"] >= told["bare"]["calls"] == 2
    assert told["ratios"]["seconds"] == pytest.approx(told["aligned"]["seconds"] / told["bare"]["seconds"])


def test_prompts_of_a_file_are_asked_and_shown_as_a_table(tmp_path, monkeypatch, capsys):
    models = {"x:upstream": Upstream({}), "x:aligner": Editor({})}
    monkeypatch.setattr(named, "model_named", lambda name, **_: models[name])
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"question": "A?"}\n{"question": "B?"}\n')
    assert main(["bench", str(prompts), "--upstream", "x:upstream", "--aligner", "x:aligner"]) == 0
    shown = capsys.readouterr().out
    assert "1 question" in shown
    for title in ("first sentence, median", "tokens a second", "sentences replaced", "aligner for one, median"):
        assert title in shown


def test_a_file_without_prompts_is_said_so(tmp_path, capsys):
    (tmp_path / "empty.jsonl").write_text("\n")
    assert main(["bench", str(tmp_path / "empty.jsonl")]) == 1
    assert "empty.jsonl" in capsys.readouterr().err
