"""A person at the graph `review`, as Studio answers for them: each correction accepted, edited or rejected."""

import re

import pytest

from tests.studio.reading import asking


async def asked(client, problem):
    """Return a thread whose run waits for a person, and what the person is shown."""
    thread = await client.threads.create()
    values = await client.runs.wait(thread["thread_id"], "review", input=asking(problem.question))
    (interrupt,) = values["__interrupt__"]
    return thread["thread_id"], interrupt["value"]


async def answered(client, thread, answer):
    """Return the reply after an answer to the first correction; the others are accepted."""
    values = await client.runs.wait(thread, "review", command={"resume": answer})
    while "__interrupt__" in values:
        values = await client.runs.wait(thread, "review", command={"resume": "accept"})
    return values["messages"][-1]["content"]


def result_of(step):
    return int(re.findall(r"\d+", step)[-1])


async def test_a_run_waits_at_its_first_correction(client, problem):
    thread, shown = await asked(client, problem)
    assert set(shown) == {"draft", "correction", "prefix", "index"}
    assert result_of(shown["draft"]) != result_of(shown["correction"])
    state = await client.threads.get_state(thread)
    assert state["next"] == ["review"]
    assert [each["value"] for each in state["interrupts"]] == [shown]


async def test_the_upstream_goes_on_from_what_a_person_wrote(client, problem):
    thread, shown = await asked(client, problem)
    right = result_of(shown["correction"])
    edited = re.sub(rf"{right}\.$", f"{right + 1}.", shown["correction"])
    reply = await answered(client, thread, {"text": edited})
    assert reply.startswith(f"{shown['prefix']} {edited} ")
    assert shown["draft"] not in reply
    # What follows is said of the edited number, and of no other.
    assert str(right + 1) in reply.removeprefix(f"{shown['prefix']} {edited}")


@pytest.mark.parametrize(("answer", "stays"), [("accept", "correction"), ("reject", "draft")])
async def test_a_correction_stays_where_it_is_accepted_and_the_draft_where_it_is_rejected(
    client, problem, answer, stays
):
    thread, shown = await asked(client, problem)
    reply = await answered(client, thread, answer)
    assert reply.startswith(f"{shown['prefix']} {shown[stays]} ")
    assert str(result_of(shown[stays])) in reply.removeprefix(f"{shown['prefix']} {shown[stays]}")
