"""The cheapest row of beads: what it costs, and how far it looks."""

import pytest

from stream_aligner_lc.conversion.beads import GAP, MAX_PLACES, SHAPES, TooLongError, beads
from stream_aligner_lc.conversion.likeness import Features
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.segmentation import segment
from tests.conversion.examples import sentences


def distance(one, other):
    return Features.of(one).distance(Features.of(other))


def test_an_equal_text_costs_nothing_and_any_change_something():
    assert distance("It rains.", "It rains.") == 0
    assert 0 < distance("It rains.", "It rains!") < 0.1


def test_what_has_more_words_in_common_costs_less():
    steps = ["The doctor is late.", "The doctor is very late.", "The doctor comes late.", "A nurse comes early."]
    costs = [distance(steps[0], step) for step in steps]
    assert costs == sorted(costs)
    assert costs[2] < 2 * GAP < costs[3]


def test_a_text_of_another_length_costs_more_and_not_without_end():
    short, long, longest = distance("ab", "cd"), distance("ab", "cd" * 5), distance("ab", "cd" * 5000)
    assert short < long < longest < 1.4


def test_characters_count_where_no_space_parts_words():
    assert distance("今天下雨。", "今天下大雨。") < GAP
    assert distance("今天下雨。", "你是笨蛋。") > 2 * GAP


def test_the_beads_of_both_texts_are_in_order_and_complete():
    answer, correction = segment("One. Two three four. Five."), segment("Two three. Four. Five. Six.")
    row = beads(answer, correction)
    assert [i for bead in row for i in bead.answer] == list(range(len(answer)))
    assert [j for bead in row for j in bead.correction] == list(range(len(correction)))
    assert {bead.shape for bead in row} <= set(SHAPES)


def test_two_texts_that_take_too_long_are_refused_with_the_way_out_before_any_are_compared(compared):
    long = [piece for text in sentences(1800, seed=1) for piece in segment(text)]
    other = [piece for text in sentences(1800, seed=2) for piece in segment(text)]
    told = r"1800 sentences cannot be aligned with 1800.*granularity 'response'"
    with pytest.raises(TooLongError, match=told) as caught:
        beads(long, other)
    assert not compared
    assert isinstance(caught.value, ConfigurationError)
    assert f"{MAX_PLACES:,}" in str(caught.value)


def test_a_long_text_with_one_change_is_not_too_long():
    long = [piece for text in sentences(5000, seed=1) for piece in segment(text)]
    changed = [*long[:2500], *segment("Xyz."), *long[2501:]]
    assert len(beads(long, changed)) in (5000, 5001)
