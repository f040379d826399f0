"""Who sees the inner runs and who does not: tracers and observers do, nested; all other handlers do not."""

import asyncio
from contextvars import ContextVar

import pytest
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langchain_core.tracers.context import collect_runs, register_configure_hook
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from stream_aligner_lc import StreamAlignedChat
from tests.leaks.places import BASIC, EVENTS_V3, PLACES, QUESTION
from tests.leaks.probes import (
    ALIGNED,
    DRAFT,
    AsyncListener,
    AsyncTracer,
    Babbler,
    Listener,
    Tracer,
    acorrect,
    correct,
    holds,
    raw_in,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:.*in beta")

ENTRIES = [*BASIC, *EVENTS_V3]
PLACES_TO_BE = ("bare", "chain", "node_that_streams", "agent")
CASES = [(place, entry) for place in PLACES_TO_BE for entry in ENTRIES if place != "chain" or entry in BASIC]
IDS = [f"{place}-{entry.name}" for place, entry in CASES]
HOOK: ContextVar = ContextVar("leak_test_hook", default=None)
register_configure_hook(HOOK, inheritable=True)


def chat(upstream=None, entry=None, **options):
    aligner = acorrect if entry is not None and entry.is_async else correct
    return StreamAlignedChat(upstream or Babbler(), aligner, **options)


def wrapper_above(tracer, run):
    return [above for above in tracer.ancestors(run) if above.name == "StreamAlignedChat"]


@pytest.fixture
def hooked():
    """A handler that LangChain adds to every run by itself."""
    listener = Listener()
    token = HOOK.set(listener)
    yield listener
    HOOK.reset(token)


@pytest.mark.parametrize(("place_name", "entry"), CASES, ids=IDS)
def test_a_tracer_sees_the_upstream_under_the_run_of_the_wrapper(place_name, entry):
    tracer = AsyncTracer() if entry.is_async and place_name != "bare" else Tracer()
    entry.received(PLACES[place_name](chat(entry=entry)), {"callbacks": [tracer]})
    drafts = tracer.upstream_runs()
    assert drafts
    for run in drafts:
        assert run.name == "Babbler"
        assert len(wrapper_above(tracer, run)) == 1
    roots = {tracer.ancestors(run)[-1].id for run in drafts}
    assert len(roots) == 1
    wrappers = [run for run in tracer.runs if run.name == "StreamAlignedChat"]
    assert len(wrappers) == (2 if place_name == "agent" else 1)
    assert not raw_in([run.outputs for run in wrappers])


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_runs_of_one_reply_belong_to_one_trace(entry):
    tracer = AsyncTracer() if entry.is_async else Tracer()
    entry.received(PLACES["bare"](chat(entry=entry)), {"callbacks": [tracer]})
    assert len({run.trace_id for run in tracer.runs}) == 1
    assert [run.name for run in tracer.runs if run.parent_run_id is None] == ["StreamAlignedChat"]
    assert all(run.end_time is not None for run in tracer.runs if run.parent_run_id is None)


@pytest.mark.parametrize("method", ["batch", "abatch"])
def test_replies_of_a_batch_are_traced_each_under_its_own_run(method):
    tracer, listener = Tracer(), Listener()
    config = {"callbacks": [tracer, listener]}
    model = chat(Babbler())
    if method == "batch":
        replies = model.batch([QUESTION] * 3, config)
    else:
        replies = asyncio.run(model.abatch([QUESTION] * 3, config))
    assert [reply.text for reply in replies] == [ALIGNED] * 3
    above = {wrapper_above(tracer, run)[0].id for run in tracer.upstream_runs()}
    assert len(above) == 3
    assert not raw_in(listener.noted)


def test_a_run_collector_collects_the_upstream_below_the_wrapper():
    collector = RunCollectorCallbackHandler()
    chat().invoke(QUESTION, {"callbacks": [collector]})
    (root,) = collector.traced_runs
    assert root.name == "StreamAlignedChat"
    below, runs = [root], []
    while below:
        runs.append(below.pop())
        below += runs[-1].child_runs
    assert raw_in([run.outputs for run in runs if run.name == "Babbler"])
    assert not raw_in([root.outputs])


def test_collect_runs_collects_the_reply_once():
    with collect_runs() as collector:
        chat().invoke(QUESTION)
    assert [run.name for run in collector.traced_runs].count("StreamAlignedChat") == 1


@pytest.mark.parametrize(("place_name", "entry"), CASES, ids=IDS)
def test_an_observer_sees_drafts_and_the_handlers_of_the_call_do_not(place_name, entry):
    observer = AsyncListener() if entry.is_async else Listener()
    listener = AsyncListener() if entry.is_async else Listener()
    model = chat(entry=entry, observers=[observer])
    entry.received(PLACES[place_name](model), {"callbacks": [listener]})
    assert holds(observer.tokens, "QXZJV")
    assert raw_in(observer.named("on_llm_end", "on_llm_error"))
    assert not raw_in(listener.noted)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_handler_of_the_wrapped_model_goes_on_seeing_it(entry):
    own, listener = Listener(), Listener()
    model = chat(Babbler(callbacks=[own]), entry)
    received = entry.received(PLACES["node_that_invokes"](model), {"callbacks": [listener]})
    assert raw_in(own.named("on_llm_new_token"))
    assert own.named("on_chat_model_start")
    assert not raw_in(received)
    assert not raw_in(listener.noted)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_handler_of_the_wrapper_itself_sees_aligned_text_only(entry):
    own = Listener()
    entry.received(PLACES["node_that_invokes"](chat(entry=entry, callbacks=[own])), {})
    assert len(own.named("on_chat_model_start")) == 1
    assert holds(own.named("on_llm_end"), ALIGNED)
    assert not raw_in(own.noted)


@pytest.mark.parametrize(("place_name", "entry"), CASES, ids=IDS)
def test_a_handler_from_a_configure_hook_gets_nothing_raw(place_name, entry, hooked):
    received = entry.received(PLACES[place_name](chat(entry=entry)), {})
    assert not raw_in(received)
    assert holds(hooked.named("on_llm_end"), ALIGNED)
    assert len(hooked.named("on_chat_model_start")) == (2 if place_name == "agent" else 1)
    assert not raw_in(hooked.noted)


@pytest.mark.parametrize("entry", ["invoke", "stream", "ainvoke", "astream"])
def test_usage_is_counted_once_and_as_the_reply_says(entry):
    model = chat()
    with get_usage_metadata_callback() as counted:
        if entry == "invoke":
            usage = model.invoke(QUESTION).usage_metadata
        elif entry == "ainvoke":
            usage = asyncio.run(model.ainvoke(QUESTION)).usage_metadata
        elif entry == "stream":
            usage = [chunk.usage_metadata for chunk in model.stream(QUESTION) if chunk.usage_metadata]
        else:
            usage = asyncio.run(_usage(model))
    if isinstance(usage, list):
        (usage,) = usage
    (total,) = counted.usage_metadata.values()
    assert {key: total[key] for key in usage} == usage


async def _usage(model):
    return [chunk.usage_metadata async for chunk in model.astream(QUESTION) if chunk.usage_metadata]


class _HalfTracer(BaseCallbackHandler):
    """A handler that records, as many vendors' do, without being one of LangChain's tracers."""

    run_inline = True

    def __init__(self):
        self.seen = []

    def on_llm_start(self, serialized, prompts, **kwargs):
        self.seen.append(prompts)

    def on_llm_new_token(self, token, **kwargs):
        self.seen.append(token)

    def on_llm_end(self, response, **kwargs):
        self.seen.append(response)


def test_a_handler_that_runs_inline_and_knows_no_chat_models_gets_nothing_raw():
    handler = _HalfTracer()
    chat().invoke(QUESTION, {"callbacks": [handler]})
    assert holds(handler.seen, ALIGNED)
    assert not raw_in(handler.seen)


def test_the_listeners_of_a_runnable_get_one_run_with_an_aligned_output():
    outputs, inputs = [], []
    model = chat().with_listeners(
        on_start=lambda run: inputs.append(run.inputs), on_end=lambda run: outputs.append(run.outputs)
    )
    model.invoke(QUESTION)
    assert len(inputs) == len(outputs) == 1
    assert holds(outputs, ALIGNED)
    assert not raw_in([inputs, outputs])


@pytest.mark.parametrize(("place_name", "entry"), CASES, ids=IDS)
def test_every_verdict_is_a_custom_event_without_text(place_name, entry):
    listener = AsyncListener() if entry.is_async else Listener()
    entry.received(PLACES[place_name](chat(entry=entry)), {"callbacks": [listener]})
    events = [args[1] for _, args, _ in listener.named("on_custom_event") if args[0] == "stream_aligner_verdict"]
    reply = ["replaced", "accepted", "replaced", "removed", "accepted"]
    turns = [["replaced"], reply] if place_name == "agent" else [reply]
    expected = [
        {"index": index, "verdict": verdict, "kind": "prose"} for turn in turns for index, verdict in enumerate(turn)
    ]
    assert events == expected


@pytest.mark.parametrize("place_name", PLACES)
@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_verdicts_are_among_the_events_of_a_stream(place_name, version):
    place = PLACES[place_name](StreamAlignedChat(Babbler(), acorrect))
    events = [
        event
        async for event in place.runnable.astream_events(place.input, place.config, version=version)
        if event["event"] == "on_custom_event"
    ]
    if version == "v1":
        return  # LangChain has custom events in its second version only
    assert {event["name"] for event in events} == {"stream_aligner_verdict"}
    assert [event["data"]["verdict"] for event in events][-5:] == [
        "replaced",
        "accepted",
        "replaced",
        "removed",
        "accepted",
    ]
    assert not raw_in(events)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_tags_and_metadata_of_the_call_reach_the_traced_upstream_and_hide_nothing(entry):
    tracer = AsyncTracer() if entry.is_async else Tracer()
    config = {"callbacks": [tracer], "tags": ["mine"], "metadata": {"customer": "7"}}
    received = entry.received(PLACES["bare"](chat(entry=entry)), config)
    assert not raw_in(received)
    if entry in EVENTS_V3:
        return  # LangChain hands on neither there
    for run in tracer.upstream_runs():
        assert "mine" in run.tags
        assert run.extra["metadata"]["customer"] == "7"


async def test_two_replies_at_once_do_not_mix_their_handlers():
    model = StreamAlignedChat(Babbler(delay=0.001), acorrect)
    listeners = [AsyncListener() for _ in range(4)]
    tracers = [AsyncTracer() for _ in range(4)]
    await asyncio.gather(
        *(
            model.ainvoke(f"{number}", {"callbacks": [listener, tracer]})
            for number, (listener, tracer) in enumerate(zip(listeners, tracers, strict=True))
        )
    )
    for number, (listener, tracer) in enumerate(zip(listeners, tracers, strict=True)):
        ((_, args, _),) = listener.named("on_chat_model_start")
        assert args[1] == [[HumanMessage(f"{number}")]]
        assert not raw_in(listener.noted)
        assert [run.name for run in tracer.runs].count("StreamAlignedChat") == 1
        assert tracer.upstream_runs()


def test_the_drafts_of_these_tests_are_what_the_bare_upstream_says():
    assert Babbler().invoke(QUESTION).text == DRAFT
