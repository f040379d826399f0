"""Every channel in every place: the aligned text arrives, and nothing raw does."""

import pytest

from stream_aligner_lc import StreamAlignedChat
from tests.leaks.places import BASIC, CASES, PLACES, SINGLE_MODES
from tests.leaks.probes import (
    ALIGNED,
    BEFORE_TOOL_ALIGNED,
    Babbler,
    Listener,
    Tracer,
    acorrect,
    corrector_for,
    holds,
    raw_in,
    watched,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:.*in beta")


def every_case():
    for place_name, channel in CASES:
        yield pytest.param("text", place_name, channel, id=f"text-{place_name}-{channel.name}")
    # The form of content is the model's affair: not every graph and mode need be read for each.
    for form in ("output version v1", "content blocks"):
        for place_name, channel in CASES:
            if place_name in ("bare", "node_that_streams", "agent") and channel.name not in SINGLE_MODES:
                yield pytest.param(form, place_name, channel, id=f"{form}-{place_name}-{channel.name}")


@pytest.mark.parametrize(("form", "place_name", "channel"), list(every_case()))
def test_nothing_raw_reaches_any_reader(form, place_name, channel, monkeypatch):
    if form == "output version v1":
        monkeypatch.setenv("LC_OUTPUT_VERSION", "v1")
    model = StreamAlignedChat(Babbler(blocks=form == "content blocks"), corrector_for(channel))
    watch = watched(channel, PLACES[place_name](model))

    assert not watch.raw
    if channel.carries_text_in(place_name):
        assert holds(watch.received, ALIGNED)
        assert holds(watch.received, BEFORE_TOOL_ALIGNED) is (place_name == "agent")
    assert holds(watch.listener.named("on_llm_end"), ALIGNED)
    assert len(watch.listener.named("on_chat_model_start")) == (2 if place_name == "agent" else 1)
    assert watch.tracer.upstream_runs()


@pytest.mark.parametrize("place_name", PLACES)
def test_a_sync_handler_in_an_async_run_gets_nothing_raw(place_name):
    model = StreamAlignedChat(Babbler(), acorrect)
    listener, tracer = Listener(), Tracer()
    for channel in BASIC:
        if channel.is_async:
            channel.received(PLACES[place_name](model), {"callbacks": [listener, tracer]})
    assert holds(listener.tokens, ALIGNED)
    assert not raw_in(listener.noted)
    assert tracer.upstream_runs()
