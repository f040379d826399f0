"""The sums: drawn alike for a seed, solved rightly, told in several ways, and held out by construction."""

import random

import pytest

from stream_aligner_lc import segment
from stream_aligner_lc.sums.problems import (
    LARGEST,
    NUM_STEPS,
    PHRASINGS,
    Step,
    answer_of,
    closing,
    draw,
    is_held_out,
    problem_of,
    problems,
    tell,
)


def test_a_seed_draws_the_same_problems_and_another_seed_others():
    assert problems(20, seed=5) == problems(20, seed=5)
    assert not set(problems(200, seed=5)) & set(problems(200, seed=6))


def test_more_problems_begin_with_the_same_ones():
    assert problems(50, seed=1)[:20] == problems(20, seed=1)


@pytest.mark.parametrize("problem", problems(200, seed=0), ids=lambda problem: str(problem.steps))
def test_a_problem_is_solved_within_its_bounds(problem):
    assert NUM_STEPS[0] <= len(problem.steps) <= NUM_STEPS[1]
    for step, sentence in zip(problem.steps, problem.solution, strict=False):
        left, _, right = sentence.rstrip(".").partition(" = ")
        assert eval(left) == int(right) == step.after
        assert 1 <= step.after <= LARGEST
        assert 1 <= step.amount <= LARGEST
    assert [step.before for step in problem.steps[1:]] == [step.after for step in problem.steps[:-1]]
    assert problem.is_right(" ".join(problem.solution))
    assert not problem.is_right(" ".join([*problem.solution[:-1], closing(problem.answer + 1)]))


def test_all_kinds_of_steps_and_all_lengths_and_phrasings_come_up():
    drawn = problems(600, seed=4)
    assert {step.sign for problem in drawn for step in problem.steps} == {"+", "-", "*"}
    assert {len(problem.steps) for problem in drawn} == set(range(NUM_STEPS[0], NUM_STEPS[1] + 1))
    assert max(step.after for problem in drawn for step in problem.steps) > 90
    starts = {problem.question.split()[0] for problem in drawn}
    assert {"There", "Start", "I", "In"} < starts


def test_no_problem_is_both_trained_on_and_held_out():
    rng = random.Random(0)
    trained = {draw(rng).steps for _ in range(3000)}
    held_out = {problem.steps for problem in problems(3000, seed=0)}
    assert not trained & held_out
    assert not any(map(is_held_out, trained))
    assert all(map(is_held_out, held_out))


def test_how_a_problem_is_told_does_not_decide_where_it_belongs():
    steps = problems(1, seed=3)[0].steps
    told = {tell(random.Random(seed), steps) for seed in range(300)}
    assert len(told) > 100
    assert {problem_of(question).steps for question in told} == {steps}


@pytest.mark.parametrize("problem", problems(100, seed=9), ids=lambda problem: str(problem.steps))
def test_a_problem_is_read_off_its_words(problem):
    assert problem_of(problem.question) == problem


@pytest.mark.parametrize(
    "question", ["", "Why?", "Start with 4. What is the result?", "Start with 4. Sing. What is the result?"]
)
def test_what_is_no_problem_is_read_as_none(question):
    assert problem_of(question) is None


def test_every_phrasing_can_be_told_apart_from_the_others():
    steps = (Step(4, "+", 5), Step(9, "*", 2), Step(18, "-", 3))
    for phrasing in PHRASINGS:
        rng = random.Random(1)
        while phrasing.question.split()[0] not in (question := tell(rng, steps)):
            pass
        assert problem_of(question).steps == steps


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
