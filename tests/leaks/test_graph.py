"""`build_graph`, where a person traces: raw text stands under the state key `draft`, and nowhere else."""

import asyncio

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from stream_aligner_lc import build_graph
from tests.leaks.places import BASIC, EVENTS_V3, GRAPH_MODES, QUESTION, SINGLE_MODES, Place
from tests.leaks.probes import (
    ALIGNED,
    AsyncListener,
    AsyncTracer,
    Babbler,
    Listener,
    Tracer,
    acorrect,
    correct,
    holds,
    raw_in,
    without_drafts,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:.*in beta")

CHANNELS = [*BASIC, *EVENTS_V3, *GRAPH_MODES]
# Where not even a draft may stand: what readers of the reply are given.
ALIGNED_ONLY = ("invoke", "ainvoke", "batch", "abatch", "stream_mode-messages", "stream_mode-custom")


def direct(channel, saver=None, **options):
    graph = build_graph(options.pop("upstream", None) or Babbler(), _aligner(channel), checkpointer=saver, **options)
    return Place(graph, {"messages": [("user", QUESTION)]}, {"configurable": {"thread_id": "1"}})


def as_a_subgraph(channel, saver=None, **options):
    inner = direct(channel, **options).runnable
    outer = StateGraph(MessagesState).add_node("aligned", inner).add_edge(START, "aligned")
    graph = outer.compile(checkpointer=saver)
    return Place(graph, {"messages": [("user", QUESTION)]}, {"configurable": {"thread_id": "1"}})


def called_in_a_node(channel, saver=None, **options):
    inner = direct(channel, **options).runnable

    def call(state):
        return {"messages": inner.invoke({"messages": state["messages"]})["messages"]}

    async def acall(state):
        return {"messages": (await inner.ainvoke({"messages": state["messages"]}))["messages"]}

    outer = StateGraph(MessagesState).add_node("aligned", RunnableLambda(call, acall)).add_edge(START, "aligned")
    graph = outer.compile(checkpointer=saver)
    return Place(graph, {"messages": [("user", QUESTION)]}, {"configurable": {"thread_id": "1"}})


def _aligner(channel):
    return acorrect if channel is not None and channel.is_async else correct


WAYS = [direct, as_a_subgraph, called_in_a_node]
BY_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def every_case():
    for channel in CHANNELS:
        yield pytest.param(direct, False, channel, id=f"direct-{channel.name}")
        yield pytest.param(direct, True, channel, id=f"direct-{channel.name}-checkpointer")
        if channel.name not in SINGLE_MODES:
            for way in (as_a_subgraph, called_in_a_node):
                yield pytest.param(way, True, channel, id=f"{way.__name__}-{channel.name}-checkpointer")


@pytest.mark.parametrize(("way", "durable", "channel"), list(every_case()))
def test_raw_text_stands_only_under_the_key_draft(way, channel, durable):
    saver = InMemorySaver() if durable else None
    listener = AsyncListener() if channel.is_async else Listener()
    tracer = AsyncTracer() if channel.is_async else Tracer()
    received = channel.received(way(channel, saver), {"callbacks": [listener, tracer]})

    assert not raw_in(without_drafts(received))
    if any(channel.name.removeprefix("a").startswith(name) for name in ALIGNED_ONLY):
        assert not raw_in(received)
    assert not raw_in(without_drafts(listener.noted))
    assert tracer.upstream_runs()
    names = {name for name, _, _ in listener.noted}
    assert not names & {"on_chat_model_start", "on_llm_start", "on_llm_new_token", "on_llm_end", "on_stream_event"}
    carries_nothing = "custom" in channel.name or ("checkpoints" in channel.name and saver is None)
    assert holds(received, ALIGNED) is not carries_nothing
    if saver is not None:
        stored = [list(place) for place in saver.list(None)]
        assert stored
        assert not raw_in(without_drafts(stored))
        assert holds(stored, ALIGNED)


@pytest.mark.parametrize("mode", ["updates", "debug", "tasks"])
def test_the_walker_has_something_to_take_away(mode):
    place = direct(None)
    received = list(place.runnable.stream(place.input, place.config, stream_mode=mode))
    assert raw_in(received)
    assert not raw_in(without_drafts(received))


def _streamed(place, is_async, **kwargs):
    if not is_async:
        return list(place.runnable.stream(place.input, place.config, **kwargs))

    async def read():
        return [item async for item in place.runnable.astream(place.input, place.config, **kwargs)]

    return asyncio.run(read())


@BY_WAY
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("blocks", [False, True], ids=["text", "blocks"])
@pytest.mark.parametrize("environment", [None, "v1"])
def test_the_messages_stream_is_the_aligned_reply(way, is_async, blocks, environment, monkeypatch):
    if environment:
        monkeypatch.setenv("LC_OUTPUT_VERSION", environment)
    place = way(None, upstream=Babbler(blocks=blocks))
    pairs = [pair for _, pair in _streamed(place, is_async, stream_mode="messages", subgraphs=True)]
    text = "".join(message.text for message, _ in pairs if type(message).__name__ == "AIMessageChunk")
    assert text == ALIGNED
    assert not raw_in(pairs)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("blocks", [False, True], ids=["text", "blocks"])
@pytest.mark.parametrize("options", [{}, {"feedback": False}, {"lookahead": 0}, {"granularity": "paragraph"}], ids=repr)
def test_options_do_not_move_drafts_elsewhere(is_async, blocks, options):
    saver = InMemorySaver()
    place = direct(None, saver, upstream=Babbler(blocks=blocks), **options)
    if options.get("granularity"):
        place.runnable = build_graph(
            Babbler(blocks=blocks),
            lambda draft: draft.text.replace("QXZJV", "horse").replace(" Drop the VKQJX now.", ""),
            checkpointer=saver,
            **options,
        )
    modes = ["values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"]
    received = _streamed(place, is_async, stream_mode=modes, subgraphs=True)
    assert not raw_in(without_drafts(received))
    assert not raw_in(without_drafts([list(each) for each in saver.list(None)]))
    assert holds(received, ALIGNED)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_events_of_tokens_never_hold_a_draft(version):
    place = direct(None)
    events = [event async for event in place.runnable.astream_events(place.input, place.config, version=version)]
    kinds = {event["event"] for event in events}
    assert not {kind for kind in kinds if "chat_model" in kind or "llm" in kind}
    assert raw_in([event for event in events if event["event"].startswith("on_chain")])
    assert not raw_in(without_drafts(events))


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_the_verdicts_of_a_graph_are_custom_events_without_text(is_async):
    listener = AsyncListener() if is_async else Listener()
    place = direct(None)
    place.config = {**place.config, "callbacks": [listener]}
    _streamed(place, is_async)
    events = [args[1] for _, args, _ in listener.named("on_custom_event")]
    assert [event["verdict"] for event in events] == ["replaced", "accepted", "replaced", "removed", "accepted"]
    assert [set(event) for event in events] == [{"index", "verdict", "kind"}] * 5


def test_the_state_of_a_finished_thread_holds_nothing_raw():
    saver = InMemorySaver()
    place = direct(None, saver)
    place.runnable.invoke(place.input, place.config)
    assert not raw_in(list(place.runnable.get_state(place.config)))
    history = [list(snapshot) for snapshot in place.runnable.get_state_history(place.config)]
    assert raw_in(history)
    assert not raw_in(without_drafts(history))


def test_a_second_turn_in_a_thread_is_as_clean_as_the_first():
    saver = InMemorySaver()
    place = direct(None, saver)
    modes = ["values", "updates", "messages", "custom", "debug"]
    for _ in range(2):
        received = list(place.runnable.stream(place.input, place.config, stream_mode=modes))
        assert not raw_in(without_drafts(received))
    assert not raw_in(without_drafts([list(each) for each in saver.list(None)]))
    assert place.runnable.get_state(place.config).values["messages"][-1].text == ALIGNED


def test_the_output_of_a_graph_has_no_place_for_drafts():
    assert list(build_graph(Babbler(), correct).get_output_jsonschema()["properties"]) == ["messages"]
