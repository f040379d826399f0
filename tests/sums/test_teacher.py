"""The teacher that knows the rules: right steps from any prefix, civil halves, and everything else as it is."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from stream_aligner_lc import Draft
from stream_aligner_lc.civility.rude import rude_sentences
from stream_aligner_lc.sums.problems import closing, problems
from stream_aligner_lc.sums.teacher import right_sentence, teach

PROBLEM = problems(1, seed=0)[0]


@pytest.mark.parametrize("problem", problems(30, seed=1), ids=lambda problem: str(problem.steps))
def test_step_by_step_it_says_the_solution(problem):
    said = []
    for _ in problem.solution:
        taught = teach(Draft([HumanMessage(problem.question)], " ".join(said), "1 + 1 = 3."))
        said.append(taught.text)
        assert taught.end == (len(said) == len(problem.solution))
    assert tuple(said) == problem.solution
    assert right_sentence(problem, " ".join(said)) is None


def test_it_goes_on_from_a_wrong_step_that_was_released():
    first = PROBLEM.steps[0]
    wrong = first.said(first.after + 1)
    second = PROBLEM.steps[1]._replace(before=first.after + 1)
    assert right_sentence(PROBLEM, wrong) == second.said()


def test_it_knows_the_last_problem_of_a_conversation():
    messages = [
        HumanMessage(problems(1, seed=2)[0].question),
        AIMessage("The answer is 3."),
        HumanMessage(PROBLEM.question),
    ]
    assert teach(Draft(messages, "", "The answer is 7.")).text == PROBLEM.solution[0]


def test_after_the_answer_nothing_is_changed():
    said = " ".join(PROBLEM.solution)
    assert teach(Draft([HumanMessage(PROBLEM.question)], said, "That was easy.")).text == "That was easy."
    assert closing(PROBLEM.answer) in said


def test_what_is_no_step_is_no_matter_of_sums():
    asked = [HumanMessage(PROBLEM.question)]
    assert teach(Draft(asked, "", "Let me think about it.")).text == "Let me think about it."


def test_rude_sentences_become_civil_and_others_stay():
    for sentence in rude_sentences(200, seed=3):
        assert teach(Draft([HumanMessage("Hm?")], "", sentence.text)).text == sentence.civil
        assert teach(Draft([HumanMessage("Hm?")], "", sentence.civil)).text == sentence.civil
