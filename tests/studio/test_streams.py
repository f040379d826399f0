"""What comes out of the server: the aligned reply, whoever reads it, and raw text under the key `draft` alone."""

import json
from urllib.request import urlopen

import pytest

from stream_aligner_lc import StreamAlignedChat, build_graph
from stream_aligner_lc.sums.problems import answer_of
from tests.leaks.probes import ALIGNED, MARKS, Babbler, correct, holds, raw_in, without_drafts
from tests.studio.doubles import outer_of
from tests.studio.reading import MODES, QUESTION, WAYS, WITH_DRAFTS, asking, until_over


def test_the_first_run_of_a_fresh_server_is_answered_by_the_bundled_pair(server, problem):
    reply = server.first["messages"][-1]
    assert answer_of(reply["content"]) == problem.answer
    assert reply["response_metadata"]["stream_aligner"]["sentences"]["replaced"]


def test_every_stream_mode_of_the_server_is_read_here(server):
    with urlopen(f"{server.url}/openapi.json") as answer:
        schemas = json.load(answer)["components"]["schemas"]
    assert set(schemas["RunCreateStateful"]["properties"]["stream_mode"]["anyOf"][1]["enum"]) == set(MODES)


@pytest.mark.parametrize("name", WAYS)
def test_a_reader_gets_the_aligned_reply_and_raw_text_under_the_key_draft_only(name, streams):
    received = streams[name]
    assert "error" not in dict(received)
    assert not raw_in(without_drafts(received))
    if WAYS[name].modes != ("custom",):
        assert holds(received, ALIGNED)


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if not WITH_DRAFTS & set(way.modes)])
def test_a_reader_who_does_not_trace_gets_no_drafts_at_all(name, streams):
    assert not raw_in(streams[name])


@pytest.mark.parametrize("mode", ["debug", "tasks", "checkpoints", "events"])
def test_a_person_who_traces_sees_the_drafts(mode, streams):
    assert raw_in(streams[f"aligned-{mode}"])


@pytest.mark.parametrize("graph", ["as_model", "in_agent"])
def test_a_chat_model_in_a_graph_shows_no_drafts_to_anybody(graph, streams):
    read = [received for name, received in streams.items() if WAYS[name].graph == graph]
    assert holds(read, ALIGNED)
    assert not raw_in(read)


async def test_the_newest_protocol_carries_the_aligned_reply_and_drafts_under_their_key_only(client):
    async with client.threads.stream(assistant_id="aligned") as thread:
        await thread.run.start(input=QUESTION)
        received = [event async for event in until_over(thread.events)]
    assert not raw_in(without_drafts(received))
    assert holds(received, ALIGNED)


@pytest.mark.parametrize("graph", ["aligned", "outer"])
async def test_the_newest_protocol_streams_the_reply_sentence_by_sentence(graph, client):
    async with client.threads.stream(assistant_id=graph) as thread:
        await thread.run.start(input=QUESTION)
        said = [event["params"]["data"] async for event in until_over(thread.events) if event["method"] == "messages"]
    deltas = [each["delta"]["text"] for each in said if each["event"] == "content-block-delta"]
    assert "".join(deltas) == ALIGNED
    assert len(deltas) > 2
    assert [said[0]["event"], said[-1]["event"]] == ["message-start", "message-finish"]


def test_a_reader_of_custom_events_gets_the_verdicts(streams):
    verdicts = [data["stream_aligner_verdict"] for event, data in streams["aligned-custom"] if event == "custom"]
    assert [verdict["index"] for verdict in verdicts] == list(range(len(verdicts)))
    assert {"accepted", "replaced"} <= {verdict["verdict"] for verdict in verdicts}


@pytest.mark.parametrize("graph", ["aligned", "outer", "as_model", "provider"])
async def test_a_reply_through_the_server_is_the_same_as_without(graph, client):
    messages = [("user", "What does it do?")]
    by_server = await client.runs.wait(None, graph, input=QUESTION)
    inner = build_graph(Babbler(), correct)
    expected = [
        StreamAlignedChat(Babbler(), correct).invoke(messages),
        inner.invoke({"messages": messages})["messages"][-1],
        outer_of(inner).invoke({"messages": messages})["messages"][-1],
    ]
    assert {by_server["messages"][-1]["content"], *(message.text for message in expected)} == {ALIGNED}


async def test_the_bundled_pair_says_the_same_as_a_graph_and_as_a_chat_model(server, client, problem):
    by_model = await client.runs.wait(None, "pair_as_model", input=asking(problem.question))
    assert server.first["messages"][-1]["content"] == by_model["messages"][-1]["content"]


def test_the_log_has_neither_drafts_nor_blocking_calls(server, streams):
    assert not [mark for mark in MARKS if mark in server.log]
    assert "Blocking" not in server.log
