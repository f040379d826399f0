"""A thread as a person uses it in Studio: chat, look back, change a draft, go on from there, cancel."""

import asyncio

import pytest

from stream_aligner_lc.pages import pieces_of
from tests.leaks.probes import ALIGNED, raw_in, without_drafts
from tests.studio.doubles import HEARTBEAT, SECONDS_A_TOKEN
from tests.studio.reading import QUESTION, asking, turn

ASKED = ("human", QUESTION["messages"][0]["content"])
ANSWERED = ("ai", ALIGNED)


@pytest.fixture
async def thread(client):
    """A new thread."""
    return await client.threads.create()


async def history_of(client, thread):
    """Return the states of a thread, the oldest first."""
    return (await client.threads.get_history(thread["thread_id"], limit=100))[::-1]


def waiting(history, number):
    """Return the first state in which the sentence of that number waits for its verdict."""
    return next(
        state for state in history if state["next"] == ["aligner"] and state["values"]["progress"]["index"] == number
    )


async def test_a_second_message_gets_a_second_reply_and_the_first_ones_stay(client, thread):
    await turn(client, thread, "aligned")
    messages = await turn(client, thread, "aligned", asking("And then?"))
    assert messages == [ASKED, ANSWERED, ("human", "And then?"), ANSWERED]


async def test_a_thread_keeps_raw_text_under_the_key_draft_only(client, thread):
    await turn(client, thread, "aligned")
    history = await history_of(client, thread)
    assert raw_in(history)
    assert not raw_in(without_drafts(history))
    assert not raw_in(await client.threads.get_state(thread["thread_id"]))
    assert not raw_in(await client.threads.get(thread["thread_id"]))


async def test_a_run_from_an_earlier_checkpoint_goes_on_from_the_text_released_by_then(client, thread):
    await turn(client, thread, "aligned")
    state = waiting(await history_of(client, thread), 1)
    assert state["values"]["released"] == [["The horse runs fast."]]
    assert await turn(client, thread, "aligned", None, checkpoint=state["checkpoint"]) == [ASKED, ANSWERED]


async def test_a_draft_that_a_person_changes_is_what_gets_its_verdict(client, thread):
    await turn(client, thread, "aligned")
    state = waiting(await history_of(client, thread), 1)
    draft = {**state["values"]["draft"][0], "text": "It is slow."}
    forked = await client.threads.update_state(
        thread["thread_id"], {"draft": [draft]}, as_node="upstream", checkpoint=state["checkpoint"]
    )
    _, (_, reply) = await turn(client, thread, "aligned", None, checkpoint=forked["checkpoint"])
    assert reply == ALIGNED.replace("It is quick.", "It is slow.")


async def test_another_question_at_an_unfinished_reply_starts_a_new_one(client, thread):
    await turn(client, thread, "aligned")
    state = waiting(await history_of(client, thread), 1)
    messages = await turn(client, thread, "aligned", checkpoint=state["checkpoint"])
    assert messages == [ASKED, ASKED, ANSWERED]


@pytest.mark.parametrize("action", ["interrupt", "rollback"])
async def test_a_cancelled_run_stops_the_upstream_and_the_server_goes_on(action, server, client, thread):
    heartbeat = server.folder / HEARTBEAT
    heartbeat.unlink(missing_ok=True)
    run = await client.runs.create(thread["thread_id"], "slow", input=QUESTION)
    while not heartbeat.exists() or len(heartbeat.read_text()) < 20:
        await asyncio.sleep(SECONDS_A_TOKEN)

    await client.runs.cancel(thread["thread_id"], run["run_id"], wait=True, action=action)

    stopped = heartbeat.read_text()
    await asyncio.sleep(10 * SECONDS_A_TOKEN)
    assert heartbeat.read_text() == stopped
    assert stopped.endswith(".closed")
    assert await turn(client, thread, "aligned") == [ASKED] * (action == "interrupt") + [ASKED, ANSWERED]


async def test_a_cancelled_reply_is_resumed_from_its_last_released_sentence(client, thread):
    before = await released_by_slow(client, thread, QUESTION, more_than=0)
    after = await released_by_slow(client, thread, None, more_than=len(pieces_of(before["released"])))
    assert pieces_of(after["released"])[: len(pieces_of(before["released"]))] == pieces_of(before["released"])
    assert (before["progress"]["calls"], after["progress"]["calls"]) == (1, 2)


async def released_by_slow(client, thread, question, *, more_than):
    """Return the state of a cancelled run that released more than so many sentences."""
    run = await client.runs.create(thread["thread_id"], "slow", input=question)
    values = {}
    while len(pieces_of(values.get("released", ()))) <= more_than:
        await asyncio.sleep(SECONDS_A_TOKEN)
        values = (await client.threads.get_state(thread["thread_id"]))["values"] or {}
    await client.runs.cancel(thread["thread_id"], run["run_id"], wait=True)
    return (await client.threads.get_state(thread["thread_id"]))["values"]


async def test_a_person_edits_a_correction_and_accepts_the_next(client, thread):
    first = await client.runs.wait(thread["thread_id"], "reviewed", input=QUESTION)
    (interrupt,) = first["__interrupt__"]
    assert set(interrupt["value"]) == {"draft", "correction", "prefix", "index"}
    assert interrupt["value"]["correction"] == "The horse runs fast."
    await client.runs.wait(thread["thread_id"], "reviewed", command={"resume": {"text": "The pony runs fast."}})
    messages = await turn(client, thread, "reviewed", None, command={"resume": "accept"})
    assert messages == [ASKED, ("ai", ALIGNED.replace("The horse", "The pony"))]
    history = await history_of(client, thread)
    assert not raw_in([without_drafts(state["values"]) for state in history])


async def test_without_a_model_the_graph_is_drawn_and_a_run_says_what_to_set(client, thread):
    assert {node["id"] for node in (await client.assistants.get_graph("model"))["nodes"]} >= {"upstream", "aligner"}
    run = await client.runs.wait(thread["thread_id"], "model", input=QUESTION, raise_error=False)
    assert run["__error__"]["error"] == "ConfigurationError"
    assert "STREAM_ALIGNER_UPSTREAM" in run["__error__"]["message"]


async def test_studio_finds_each_graph_by_its_name_and_a_form_with_messages(client):
    for name in ("sums", "model", "review"):
        (assistant,) = await client.assistants.search(graph_id=name)
        assert assistant["name"] == name
        assert assistant["description"]
        schemas = await client.assistants.get_schemas(assistant["assistant_id"])
        assert list(schemas["input_schema"]["properties"]) == ["messages"]
        assert list(schemas["output_schema"]["properties"]) == ["messages"]
        assert "draft" in schemas["state_schema"]["properties"]
