"""The agent of `langgraph.json`, as Studio runs it: the tool's exercise, solved by the bundled pair, aligned."""

import pytest

from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import answer_of, problems
from tests.studio.reading import asking, turn


@pytest.fixture
def number(problem):
    """The exercise that the upstream alone gets wrong."""
    return 1 + list(problems(50, seed=0)).index(problem)


async def test_the_agent_looks_the_exercise_up_and_solves_it_aligned(client, problem, number):
    thread = await client.threads.create()
    messages = await turn(client, thread, "agent", asking(f"Please solve exercise {number}."))
    assert [kind for kind, _ in messages] == ["human", "ai", "tool", "ai"]
    assert messages[2][1] == problem.question
    assert answer_of(messages[3][1]) == problem.answer


async def test_its_tokens_are_the_aligned_sentences_and_no_slip_of_the_upstream_is_among_them(client, problem, number):
    bare = pair.upstream().invoke(problem.question).text
    asked = asking(f"Solve exercise {number}.")
    events = [
        event.data async for event in client.runs.stream(None, "agent", input=asked, stream_mode="messages-tuple")
    ]
    said = [message["content"] for message, _ in (data for data in events if isinstance(data, list))]
    said = [text for text in said if text and text != problem.question]
    assert len(said) > 2
    assert answer_of("".join(said)) == problem.answer
    assert "".join(said) != bare


async def test_a_question_that_names_no_exercise_is_answered_by_the_pair_itself(client, problem):
    thread = await client.threads.create()
    messages = await turn(client, thread, "agent", asking(problem.question))
    assert [kind for kind, _ in messages] == ["human", "ai"]
    assert answer_of(messages[1][1]) == problem.answer


async def test_an_exercise_that_is_not_there_is_said_to_be_missing(client):
    thread = await client.threads.create()
    messages = await turn(client, thread, "agent", asking("Solve exercise 99."))
    assert [kind for kind, _ in messages] == ["human", "ai", "tool", "ai"]
    assert messages[3][1] == "There is no exercise 99, the last one is exercise 50."


async def test_studio_finds_the_agent_and_a_form_with_messages(client):
    (assistant,) = await client.assistants.search(graph_id="agent")
    schemas = await client.assistants.get_schemas(assistant["assistant_id"])
    assert list(schemas["input_schema"]["properties"]) == ["messages"]
    assert "exercise" in assistant["description"]
