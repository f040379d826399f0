"""Is a final answer the right one? A hundred pairs that were labelled by hand, and the rules behind them."""

import json
from pathlib import Path

import pytest

from stream_aligner_lc.evaluation.maths import final_answer, is_same_answer

PAIRS = [json.loads(line) for line in (Path(__file__).parent / "answers.jsonl").read_text().splitlines()]


def test_the_scorer_agrees_with_a_hundred_labels():
    assert len(PAIRS) == 100
    wrong = [each for each in PAIRS if is_same_answer(each["reference"], each["reply"]) != each["same"]]
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (r"First \boxed{7}, then \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{\text{no {nested} end", r"\text{no {nested} end"),
        ("The answer is 5. No: the answer is 6, I think.", "6"),
        ("12 eggs, of which #### 10", "10"),
        ("That makes 3 boxes of 12 eggs.", "12 eggs"),
        ("**Answer:** 42", "42"),
        ("She has twelve apples left.", "twelve apples left"),
        ("Hm.", None),
        ("", None),
        ("I don't know, perhaps 7.", None),
    ],
)
def test_the_answer_is_found_where_models_put_it(reply, answer):
    assert final_answer(reply) == answer


@pytest.mark.parametrize(
    ("reference", "reply"),
    [
        ("7", "The answer is \\boxed{}."),
        ("7", "The answer is."),
        ("1/0", "The answer is 0."),
        ("7", "\\boxed{\\frac{1}{"),
        ("7", "$$$$"),
        ("7", "The answer is " + "9" * 5000),
        ("9^9^9^9", "\\boxed{9^{9^{9^{9}}}}"),
        ("7", "\ud800 7 \x00"),
    ],
)
def test_whatever_a_reply_holds_comparing_it_ends(reference, reply):
    assert is_same_answer(reference, reply) in (True, False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.5", "1/2"),
        ("1,500 m", "1.5 km"),
        ("75 minutes", "1.25 hours"),
        ("two hundred and five", "205"),
        ("$3", "300 cents"),
    ],
)
def test_a_number_is_the_same_in_any_notation_and_both_ways_round(one, other):
    assert is_same_answer(one, f"The answer is {other}.")
    assert is_same_answer(other, f"The answer is {one}.")


def test_a_reference_may_be_a_whole_solution_that_ends_with_the_answer():
    assert is_same_answer("Half of 144 is 72.\n#### 72", "It is 72.")
    assert is_same_answer(r"We get $x^2=4$, hence \boxed{2}.", "It is 2.")
