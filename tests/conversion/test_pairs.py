"""Which sentence of a correction stands in place of which sentence of the answer."""

import pytest
from hypothesis import example, given, settings

from stream_aligner_lc.conversion import Pair, align, aligned
from stream_aligner_lc.conversion.beads import MARGIN
from tests.conversion.examples import EXAMPLES, NAMES, cores, corrected, sentences
from tests.texts import markdown


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_a_pair_made_by_hand_is_found(example):
    found = align(example["answer"], example["correction"])
    assert [[pair.last, pair.correction] for pair in found] == example["pairs"]


@given(corrected())
@example(("", "Only this."))
@example(("Only this.", ""))
@example(("```\ncode\n```", "No code."))
@example(("No code.", "```\ncode\n```"))
@settings(max_examples=150)
def test_nothing_of_either_text_is_lost_and_all_stays_in_order(texts):
    answer, correction = texts
    pairs = align(answer, correction)
    assert "".join(pair.space + pair.correction for pair in pairs) == correction.strip()
    assert [pair.last for pair in pairs if pair.last] == cores(answer.strip())
    for pair in pairs:
        assert not pair.space.strip()
        assert pair.correction == pair.correction.strip()
        assert pair.correction or not pair.space, "whitespace belongs to what stands behind it"


@given(markdown)
@settings(max_examples=100)
def test_a_text_that_was_left_alone_is_accepted_sentence_by_sentence(text):
    assert all(pair.last == pair.correction for pair in align(text, text))


@given(corrected())
@settings(max_examples=60)
def test_the_beads_hold_every_sentence_once(texts):
    shapes = aligned(*texts).shapes
    for side, text in enumerate(texts):
        assert sum(int(shape.split("-")[side]) * count for shape, count in shapes.items()) == len(cores(text.strip()))


def test_whitespace_around_either_text_is_no_part_of_it():
    assert align("\n It rains.\n", "  It pours. ") == [Pair("It rains.", "It pours.")]


@pytest.mark.parametrize(
    ("answer", "correction", "pairs"),
    [
        ("", "", []),
        (" \n", "\t", []),
        ("", "Go home.", [("", "Go home.")]),
        ("Go home. Now.", "", [("Go home.", ""), ("Now.", "")]),
        ("Go home. Now.", "Go home. Now.", [("Go home.", "Go home."), ("Now.", "Now.")]),
        ("One two. Three.", "Xyz uvw.", [("One two.", "Xyz uvw."), ("Three.", "")]),
        ("One two.", "Xyz uvw. Rst!", [("One two.", "Xyz uvw. Rst!")]),
        ("?!", "😀", [("?!", "😀")]),
    ],
)
def test_empty_equal_and_unrelated_texts(answer, correction, pairs):
    assert [(pair.last, pair.correction) for pair in align(answer, correction)] == pairs


def test_a_correction_keeps_the_whitespace_inside_it():
    found = align("Take these. They help.", "Take these:\n\n- one\n- two\n\nThey help.")
    assert found == [
        Pair("Take these.", "Take these:\n\n- one\n- two"),
        Pair("They help.", "They help.", "\n\n"),
    ]


def test_a_sentence_prefers_itself_to_its_double():
    found = align("Stop. Stop! Go.", "Stop! Go.")
    assert [pair.correction for pair in found] == ["", "Stop!", "Go."]


def test_an_insertion_does_not_cross_a_block_that_is_passed_through():
    code = "```\nx = 1\n```"
    behind = align(f"Look.\n\n{code}", f"Look.\n\n{code}\n\nIt sets x.")
    assert [(pair.last, pair.correction, pair.is_judged) for pair in behind] == [
        ("Look.", "Look.", True),
        (code, f"{code}\n\nIt sets x.", False),
    ]
    between = align(f"{code}\n\nRun it.", f"{code}\n\nIt sets x.\n\nRun it.")
    assert [pair.correction for pair in between] == [code, "It sets x.\n\nRun it."]


def test_prose_never_stands_for_code():
    code = "```\nrun the old engine\n```"
    found = align(f"Do it.\n\n{code}\n\nThen wait.", "Do it.\n\nrun the old engine\n\nThen wait.")
    assert [(pair.last, pair.correction) for pair in found] == [
        ("Do it.", "Do it.\n\nrun the old engine"),
        (code, ""),
        ("Then wait.", "Then wait."),
    ]


def test_a_table_is_passed_through():
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    found = align(f"See:\n\n{table}\n\nBad man.", f"See:\n\n{table}\n\nGood man.")
    assert [pair.correction for pair in found] == ["See:", table, "Good man."]
    assert [pair.is_judged for pair in found] == [True, False, True]


@pytest.mark.parametrize(
    ("answer", "correction", "shape"),
    [
        ("Our shop sells fresh bread. Our shop sells old cheese.", "Our shop sells fresh bread and old cheese.", "2-1"),
        ("Our shop sells fresh bread and old cheese.", "Our shop sells fresh bread. It sells old cheese.", "1-2"),
        ("It rains.", "It rains.", "1-1"),
        ("It rains.", "", "1-0"),
        ("", "It rains.", "0-1"),
    ],
)
def test_the_shape_of_a_bead_is_told(answer, correction, shape):
    assert set(aligned(answer, correction).shapes) == {shape}


def test_two_sentences_whose_parts_are_put_together_anew_stand_for_each_other_in_order():
    answer = "Anna swims and dances. Peter sings and cooks."
    correction = "Anna swims, Peter sings. Anna dances, Peter cooks."
    found = aligned(answer, correction)
    assert set(found.shapes) == {"2-2"}
    assert [pair[:2] for pair in found.pairs] == list(zip(cores(answer), cores(correction), strict=True))


@pytest.mark.parametrize("place", [0, 1, 150, 299, 300])
def test_a_long_insertion_is_found_wherever_it_stands(place):
    answer, added = sentences(300, seed=1), sentences(170, seed=2)
    correction = answer[:place] + added + answer[place:]
    corrections = [pair.correction for pair in align(" ".join(answer), " ".join(correction))]
    whole = " ".join(added)
    if place == 0:
        assert corrections == [f"{whole} {answer[0]}", *answer[1:]]
    else:
        assert corrections == [*answer[: place - 1], f"{answer[place - 1]} {whole}", *answer[place:]]


@pytest.mark.parametrize("place", [0, 1, 60, 130])
def test_a_long_cut_is_found_wherever_it_is(place):
    answer = sentences(300, seed=3)
    correction = answer[:place] + answer[place + 170 :]
    corrections = [pair.correction for pair in align(" ".join(answer), " ".join(correction))]
    assert corrections == [*answer[:place], *[""] * 170, *answer[place + 170 :]]


def test_what_is_dropped_here_and_put_in_there_is_found_within_the_reach():
    answer, added = sentences(200, seed=4), sentences(55, seed=5)
    correction = answer[:10] + answer[65:180] + added + answer[180:]
    pairs = align(" ".join(answer), " ".join(correction))
    assert [pair.correction for pair in pairs[:65]] == answer[:10] + [""] * 55
    assert [pair.correction for pair in pairs[65:179]] == answer[65:179]
    assert pairs[179].correction == " ".join([answer[179], *added])


@pytest.mark.parametrize("seed", [6, 7])
def test_three_hundred_sentences_are_compared_with_those_of_three_hundred_others_within_reach(seed, compared):
    answer = sentences(300, seed=seed)
    correction = sentences(300, seed=8) if seed == 6 else [text.replace("window", "door") for text in answer]
    pairs = align(" ".join(answer), " ".join(correction))
    # One or two of each side; with all of the others that would be 363,000 or so.
    assert 300 <= len(compared) <= 4 * 301 * (2 * MARGIN + 1)
    assert [pair.last for pair in pairs] == answer
