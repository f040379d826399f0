"""The sums: drawn alike for a seed, solved rightly, and wrong in the ways that are meant."""

from itertools import pairwise

import pytest

from stream_aligner_lc import segment
from stream_aligner_lc.sums.problems import LARGEST, NUM_EVENTS, answer_of, closing, problems, step
from stream_aligner_lc.sums.rows import slip


def test_a_seed_draws_the_same_problems_and_another_seed_others():
    assert problems(20, seed=5) == problems(20, seed=5)
    assert not set(problems(200, seed=5)) & set(problems(200, seed=6))


def test_more_problems_begin_with_the_same_ones():
    assert problems(50, seed=1)[:20] == problems(20, seed=1)


@pytest.mark.parametrize("problem", problems(200, seed=0), ids=lambda problem: str(problem.changes))
def test_a_problem_is_told_and_solved_within_its_bounds(problem):
    told = [int(word.strip(".")) for word in problem.question.split() if word.strip(".").isdigit()]
    assert told == [problem.start, *map(abs, problem.changes)]
    assert NUM_EVENTS[0] <= len(problem.changes) <= NUM_EVENTS[1]
    assert all(1 <= value <= LARGEST for value in problem.values)
    for sentence in problem.solution[:-1]:
        left, _, right = sentence.rstrip(".").partition(" = ")
        assert eval(left) == int(right)
    assert answer_of(" ".join(problem.solution)) == problem.answer


def test_a_solution_is_cut_into_its_sentences():
    for problem in problems(100, seed=2):
        assert [piece.text.strip() for piece in segment(" ".join(problem.solution))] == list(problem.solution)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 12.", 12),
        ("1 + 1 = 3. The answer is 3. The answer is 2.", 2),
        ("1 + 1 = 2.", None),
        ("The answer is", None),
        ("The answer is -4.", -4),
    ],
)
def test_the_last_answer_that_is_given_counts(text, answer):
    assert answer_of(text) == answer


def test_the_upstream_forgets_a_carry_in_about_one_step_of_six():
    changes = [change for problem in problems(2000, seed=3) for change in pairwise(problem.values)]
    slipped = [slip(before, after - before) - after for before, after in changes]
    wrong = [error for error in slipped if error]
    assert 0.13 < len(wrong) / len(slipped) < 0.21
    assert set(wrong) == {-10, 10}


def test_a_step_and_its_end_are_said_as_sentences():
    assert step(5, -3, 2) == "5 - 3 = 2."
    assert closing(2) == "The answer is 2."
