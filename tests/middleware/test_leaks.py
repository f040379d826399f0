"""Every channel of an agent with the middleware: the aligned text arrives, and nothing raw does."""

import pytest
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver

from tests.leaks.places import BASIC, EVENTS_V3, GRAPH_MODES, SINGLE_MODES, look_up
from tests.leaks.probes import (
    ALIGNED,
    BEFORE_TOOL_ALIGNED,
    Babbler,
    Tracer,
    acorrect,
    correct,
    corrector_for,
    holds,
    raw_in,
    watched,
)
from tests.middleware.agents import ASKED, alone, inside_another_graph, with_a_model_chosen_further_in

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:.*in beta")

CHANNELS = [*BASIC, *EVENTS_V3, *GRAPH_MODES]


def cases():
    for channel in CHANNELS:
        for place in (alone, inside_another_graph, with_a_model_chosen_further_in):
            if place is not with_a_model_chosen_further_in or channel.name not in SINGLE_MODES:
                yield pytest.param("text", place, channel, id=f"{place.__name__}-{channel.name}")
        if channel.name not in SINGLE_MODES:
            yield pytest.param("blocks", alone, channel, id=f"blocks-{channel.name}")


@pytest.mark.parametrize(("form", "place", "channel"), list(cases()))
def test_nothing_raw_reaches_any_reader_of_an_agent(form, place, channel):
    watch = watched(channel, place(Babbler(blocks=form == "blocks"), corrector_for(channel)))

    assert not watch.raw
    if channel.carries_text_in("agent"):
        assert holds(watch.received, ALIGNED)
        assert holds(watch.received, BEFORE_TOOL_ALIGNED)
    assert holds(watch.listener.named("on_llm_end"), ALIGNED)
    assert len(watch.listener.named("on_chat_model_start")) == 2
    assert watch.tracer.upstream_runs()


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_without_the_middleware_the_same_agent_is_caught(channel):
    if channel.carries_text_in("agent"):
        place = alone(Babbler(), None)
        place.runnable = create_agent(Babbler(), [look_up], checkpointer=InMemorySaver())
        assert raw_in(channel.received(place, {}))


def test_the_runs_of_an_agents_model_have_the_name_that_they_have_elsewhere():
    tracer = Tracer()
    place = alone(Babbler(), correct)
    place.runnable.invoke(place.input, {**place.config, "callbacks": [tracer]})
    wrappers = [run for run in tracer.runs if run.name == "StreamAlignedChat"]
    assert len(wrappers) == 2
    assert not raw_in([run.outputs for run in wrappers])


def test_an_agent_streams_its_reply_sentence_by_sentence():
    place = alone(Babbler(), correct)
    steps = place.runnable.stream(ASKED, place.config, stream_mode="messages")
    texts = [chunk.text for chunk, _ in steps if chunk.type == "AIMessageChunk" and chunk.text]
    assert texts[-4:] == ["The horse runs fast.", " It is quick.", " One horse sleeps here.", " The end."]


async def test_readers_of_events_hear_of_every_verdict():
    place = alone(Babbler(), acorrect)
    events = place.runnable.astream_events(ASKED, place.config, version="v2")
    verdicts = [e["data"]["verdict"] async for e in events if e["name"] == "stream_aligner_verdict"]
    assert verdicts == ["replaced", "replaced", "accepted", "replaced", "removed", "accepted"]
