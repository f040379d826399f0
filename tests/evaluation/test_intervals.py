"""Figures with intervals: they hold the truth as often as they say, and say so where they cannot know."""

import numpy as np
import pytest

from stream_aligner_lc.evaluation import intervals
from stream_aligner_lc.evaluation.intervals import difference_of, mean_of, median_of, ratio_of, share_of
from stream_aligner_lc.evaluation.lengths import controlled_for_length

OUTCOMES = np.array([-1.0, 0.0, 1.0])


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch):
    monkeypatch.setattr(intervals, "NUM_RESAMPLES", 999)


@pytest.mark.parametrize(
    ("count", "chances"), [(60, (0.2, 0.2, 0.6)), (100, (0.02, 0.03, 0.95)), (200, (0.35, 0.3, 0.35))]
)
def test_an_interval_holds_the_truth_in_at_least_930_of_1000_draws(count, chances):
    rng, truth, held = np.random.default_rng(7), float(np.dot(OUTCOMES, chances)), 0
    for run in range(1000):
        estimate = mean_of(rng.choice(OUTCOMES, size=count, p=chances), bounds=(-1, 1), seed=run)
        held += estimate.low <= truth <= estimate.high
    assert held >= 930


def test_the_interval_of_a_share_holds_the_truth_for_rare_things_too():
    rng = np.random.default_rng(8)
    for share in (0.01, 0.3, 0.99):
        drawn = rng.binomial(120, share, size=1000)
        assert sum(share_of(int(hits), 120).low <= share <= share_of(int(hits), 120).high for hits in drawn) >= 930


def test_prompts_that_all_come_out_alike_leave_room_for_those_that_do_not():
    few, many = (mean_of([1.0] * count, bounds=(-1, 1)) for count in (10, 1000))
    assert few.value == many.value == few.high == 1.0
    assert few.low < 0.5 < 0.99 < many.low < 1.0


def test_nothing_at_all_has_the_widest_interval():
    assert mean_of([], bounds=(-1, 1)) == (0.0, -1.0, 1.0, 0)
    assert share_of(0, 0) == (0.0, 0.0, 1.0, 0)


def test_a_difference_is_of_pairs():
    before = np.random.default_rng(1).normal(0, 10, 50)
    estimate = difference_of(before + 1, before)
    assert estimate.low == pytest.approx(1) == estimate.high


def test_one_seed_gives_one_interval_and_all_fields_are_plain():
    values = list(np.random.default_rng(2).random(40))
    assert mean_of(values, seed=3) == mean_of(values, seed=3)
    assert all(type(each) in (float, int) for each in mean_of(values).as_dict().values())
    assert ratio_of(values, [2.0] * 40).value == pytest.approx(np.mean(values) / 2)
    assert median_of(values).low <= np.median(values) <= median_of(values).high


def preferred(rng, count, *, level, slope):
    lengths, others = rng.normal(120, 40, count), rng.normal(80, 30, count)
    differences = lengths - others
    chance = 1 / (1 + np.exp(-(level + slope * np.tanh(differences / differences.std()))))
    return np.where(rng.random(count) < chance, 1.0, -1.0), lengths, others


def test_a_judge_who_only_likes_length_has_no_preference_at_equal_length():
    scores, lengths, others = preferred(np.random.default_rng(4), 600, level=0.0, slope=2.0)
    estimate = controlled_for_length(scores, lengths, others)
    assert np.mean(scores) > 0.25
    assert estimate.low <= 0 <= estimate.high


def test_what_is_preferred_at_equal_length_is_found_under_a_liking_for_length():
    rng, truth, held = np.random.default_rng(5), 2 / (1 + np.exp(-0.8)) - 1, 0
    for _ in range(100):
        estimate = controlled_for_length(*preferred(rng, 200, level=0.8, slope=1.5))
        held += estimate.low <= truth <= estimate.high
    assert held >= 89


@pytest.mark.parametrize("score", [1.0, 0.0, -1.0])
def test_controlling_for_length_needs_no_differences(score):
    estimate = controlled_for_length([score] * 40, [10] * 40, [10] * 40)
    assert estimate.value == pytest.approx(score, abs=0.02)
    assert estimate.low <= estimate.value <= estimate.high
