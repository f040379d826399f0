"""Fixtures that every test shares."""

import asyncio
import os
import signal

import pytest
from hypothesis import HealthCheck, settings
from langchain_core.messages import HumanMessage

from stream_aligner_lc import StreamAlignedChat, build_graph
from tests.browsing import browser, driver  # noqa: F401  # fixtures: one Chromium for the tests of all pages
from tests.late import only_the_second_is_late  # noqa: F401  # a fixture

# The models of these tests are small: several cores only wait for each other, above all where tests run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is, and nothing about what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# A shell starts what runs in its background with Ctrl-C ignored, and the programs that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

QUESTION = "How are things?"


def _collect(model, prompt, **kwargs):
    return list(model.stream(prompt, **kwargs))


def _acollect(model, prompt, **kwargs):
    async def collect():
        return [chunk async for chunk in model.astream(prompt, **kwargs)]

    return asyncio.run(collect())


@pytest.fixture(params=[_collect, _acollect], ids=["sync", "async"])
def collect(request):
    """Read a whole stream, in both colours."""
    return request.param


def _chat(upstream, aligner, **options):
    return StreamAlignedChat(upstream, aligner, **options).invoke(QUESTION)


def _achat(upstream, aligner, **options):
    return asyncio.run(StreamAlignedChat(upstream, aligner, **options).ainvoke(QUESTION))


def _graph(upstream, aligner, **options):
    state = build_graph(upstream, aligner, **options).invoke({"messages": [HumanMessage(QUESTION)]})
    return state["messages"][-1]


def _agraph(upstream, aligner, **options):
    state = asyncio.run(build_graph(upstream, aligner, **options).ainvoke({"messages": [HumanMessage(QUESTION)]}))
    return state["messages"][-1]


@pytest.fixture(params=[_chat, _achat, _graph, _agraph], ids=["chat", "async chat", "graph", "async graph"])
def reply(request):
    """Return the whole reply of an upstream and an aligner."""
    return request.param


@pytest.fixture(params=["sync", "async"])
def run(request):
    """Invoke a graph in both colours."""
    if request.param == "sync":
        return lambda graph, *args, **kwargs: graph.invoke(*args, **kwargs)
    return lambda graph, *args, **kwargs: asyncio.run(graph.ainvoke(*args, **kwargs))


@pytest.fixture(params=["sync", "async"])
def stream(request):
    """Read a graph's stream in both colours."""
    if request.param == "sync":
        return lambda graph, *args, **kwargs: list(graph.stream(*args, **kwargs))

    async def read(graph, *args, **kwargs):
        return [item async for item in graph.astream(*args, **kwargs)]

    return lambda graph, *args, **kwargs: asyncio.run(read(graph, *args, **kwargs))
