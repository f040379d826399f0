"""Bindings, fallbacks, retries and configurable fields, around the wrapper and inside it."""

import asyncio

import pytest
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import ConfigurableField

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedChatModel

TEXT = "The sky is green. It rains."
ALIGNED = "The sky is blue. It rains."
BLUE = ReplaceAligner(green="blue")
RETRY = {"stop_after_attempt": 3, "wait_exponential_jitter": False}


def failing(*turns, **options):
    return ScriptedChatModel([ConnectionError("away"), *turns], **options)


def look(at: str) -> str:
    """Look at something."""
    return at


def test_arguments_bound_outside_reach_every_upstream_call(ask):
    model = StreamAlignedChat(ScriptedChatModel(TEXT), BLUE)
    assert ask(model.bind(temperature=0.5, seed=3), "Go on.").text == ALIGNED
    assert [call.kwargs for call in model.llm.calls] == [{"temperature": 0.5, "seed": 3}] * 2


def test_arguments_bound_inside_reach_every_upstream_call(ask):
    upstream = ScriptedChatModel(TEXT)
    assert ask(StreamAlignedChat(upstream.bind(temperature=0.5).bind(seed=3), BLUE), "Go on.").text == ALIGNED
    assert [call.kwargs for call in upstream.calls] == [{"temperature": 0.5, "seed": 3}] * 2


def test_the_innermost_argument_yields_to_the_one_of_the_call(ask):
    upstream = ScriptedChatModel(TEXT)
    model = StreamAlignedChat(upstream.bind(temperature=0.1), AcceptAligner(), temperature=0.2)
    ask(model, "Go on.")
    ask(model, "Go on.", temperature=0.3)
    assert [call.kwargs["temperature"] for call in upstream.calls] == [0.2, 0.3]


def test_forwarded_options_reach_every_upstream_call(ask):
    upstream = ScriptedChatModel(TEXT)
    ask(StreamAlignedChat(upstream, BLUE, temperature=0.5, timeout=3), "Go on.")
    assert [call.kwargs for call in upstream.calls] == [{"temperature": 0.5, "timeout": 3}] * 2


def test_an_option_that_is_changed_later_counts(ask):
    model = StreamAlignedChat(ScriptedChatModel(TEXT), AcceptAligner())
    model.temperature = 0.5
    ask(model, "Go on.")
    copied = model.model_copy(update={"temperature": 0.7})
    ask(copied, "Go on.")
    assert [call.kwargs for call in model.llm.calls] == [{"temperature": 0.5}, {"temperature": 0.7}]


FIELDS = {
    "temperature": (0.5, lambda model: model.calls[-1].kwargs.get("temperature"), 0.5),
    "stop": (["rains"], lambda model: model.calls[-1].stop, ["rains"]),
    "max_tokens": (3, lambda model: len(model.calls[-1].sent), 3),
}


@pytest.mark.parametrize("field", FIELDS)
def test_fields_of_the_wrapper_are_configurable(ask, field):
    value, seen, expected = FIELDS[field]
    upstream = ScriptedChatModel(TEXT)
    model = StreamAlignedChat(upstream, AcceptAligner())
    configurable = model.configurable_fields(**{field: ConfigurableField(id="it")})
    ask(configurable, "Go on.", {"configurable": {"it": value}})
    assert seen(upstream) == expected
    assert ask(configurable, "Go on.").text == TEXT


def test_options_of_the_loop_are_configurable(ask):
    model = StreamAlignedChat(ScriptedChatModel(TEXT), BLUE).configurable_fields(
        align_first=ConfigurableField(id="first"),
        lookahead=ConfigurableField(id="lookahead"),
        aligner=ConfigurableField(id="aligner"),
    )
    assert ask(model, "Go on.").text == ALIGNED
    assert ask(model, "Go on.", {"configurable": {"first": 0, "lookahead": 0}}).text == TEXT
    assert ask(model, "Go on.", {"configurable": {"aligner": AcceptAligner()}}).text == TEXT


def test_a_wrong_configured_value_is_refused(ask):
    model = StreamAlignedChat(ScriptedChatModel(TEXT), BLUE)
    configurable = model.configurable_fields(lookahead=ConfigurableField(id="lookahead"))
    with pytest.raises(ValueError, match="lookahead"):
        ask(configurable, "Go on.", {"configurable": {"lookahead": -1}})


def test_alternatives_around_the_wrapper_are_chosen_by_the_config(ask):
    model = StreamAlignedChat(ScriptedChatModel(TEXT), BLUE).configurable_alternatives(
        ConfigurableField(id="which"), other=StreamAlignedChat(ScriptedChatModel("Other."), BLUE)
    )
    assert ask(model, "Go on.").text == ALIGNED
    assert ask(model, "Go on.", {"configurable": {"which": "other"}}).text == "Other."


def test_fields_of_the_upstream_are_configurable(ask):
    upstream = ScriptedChatModel(TEXT).configurable_fields(model_name=ConfigurableField(id="model"))
    model = StreamAlignedChat(upstream, BLUE)
    message = ask(model, "Go on.", {"configurable": {"model": "other"}})
    assert message.response_metadata["model_name"] == "other"
    assert ask(model, "Go on.").response_metadata["model_name"] == "scripted"


def test_alternatives_inside_are_chosen_by_the_config(ask):
    upstream = ScriptedChatModel(TEXT).configurable_alternatives(
        ConfigurableField(id="which"), other=ScriptedChatModel("It is green too.")
    )
    model = StreamAlignedChat(upstream, BLUE)
    assert ask(model, "Go on.", {"configurable": {"which": "other"}}).text == "It is blue too."
    assert ask(model, "Go on.").text == ALIGNED


def test_a_config_bound_around_the_wrapper_reaches_the_upstream(ask):
    upstream = ScriptedChatModel(TEXT).configurable_fields(model_name=ConfigurableField(id="model"))
    model = StreamAlignedChat(upstream, AcceptAligner()).with_config(configurable={"model": "other"})
    assert ask(model, "Go on.").response_metadata["model_name"] == "other"


async def test_version_3_events_use_the_configured_upstream():
    upstream = ScriptedChatModel(TEXT).configurable_fields(model_name=ConfigurableField(id="model"))
    model = StreamAlignedChat(upstream, AcceptAligner())
    config = {"configurable": {"model": "other"}}
    assert "'other'" in repr(list(model.stream_events("Go on.", config, version="v3")))
    stream = await model.astream_events("Go on.", config, version="v3")
    assert "'other'" in repr([event async for event in stream])


def test_fallbacks_around_the_wrapper_step_in(ask):
    model = StreamAlignedChat(failing(), BLUE).with_fallbacks([StreamAlignedChat(ScriptedChatModel(TEXT), BLUE)])
    assert ask(model, "Go on.").text == ALIGNED


def test_fallbacks_inside_step_in_and_are_aligned(ask):
    upstream = failing().with_fallbacks([ScriptedChatModel(TEXT)])
    assert ask(StreamAlignedChat(upstream, AcceptAligner()), "Go on.").text == TEXT


def test_fallbacks_inside_step_in_after_a_restart(ask):
    spare = ScriptedChatModel(TEXT)
    first = ScriptedChatModel(["The sky is green.", ConnectionError("away"), ConnectionError("away")])
    assert ask(StreamAlignedChat(first.with_fallbacks([spare]), BLUE), "Go on.").text == ALIGNED


@pytest.mark.parametrize("inside", [True, False])
def test_fallbacks_keep_the_tools(ask, inside):
    first, spare = failing(), ScriptedChatModel(TEXT)
    if inside:
        model = StreamAlignedChat(first.with_fallbacks([spare]), AcceptAligner())
    else:
        model = StreamAlignedChat(first, AcceptAligner()).with_fallbacks([StreamAlignedChat(spare, AcceptAligner())])
    assert ask(model.bind_tools([look], tool_choice="look"), "Go on.").text == TEXT
    for upstream in (first, spare):
        assert upstream.calls[0].kwargs["tools"][0]["function"]["name"] == "look"
        assert upstream.calls[0].kwargs["tool_choice"] == "look"


def test_a_retry_around_the_wrapper_tries_again(invoke):
    model = StreamAlignedChat(failing("It rains."), BLUE).with_retry(**RETRY)
    assert invoke(model, "Go on.").text == "It rains."


def test_a_retry_inside_tries_again_as_it_does_for_the_bare_model(invoke):
    assert invoke(failing("It rains.").with_retry(**RETRY), "Go on.").text == "It rains."
    model = StreamAlignedChat(failing("It rains.").with_retry(**RETRY), BLUE)
    assert invoke(model, "Go on.").text == "It rains."


def test_a_retry_inside_takes_tools(ask):
    upstream = ScriptedChatModel(TEXT)
    model = StreamAlignedChat(upstream.with_retry(**RETRY), BLUE).bind_tools([look])
    assert ask(model, "Go on.").text == ALIGNED
    assert all(call.kwargs["tools"] for call in upstream.calls)


def test_the_upstreams_first_failure_is_the_callers_to_see(ask):
    with pytest.raises(ConnectionError, match="away"):
        ask(StreamAlignedChat(failing(), AcceptAligner()), "Go on.")


class Counting(BaseRateLimiter):
    """Count what is asked of it."""

    def __init__(self):
        self.count = 0

    def acquire(self, *, blocking=True):
        self.count += 1
        return True

    async def aacquire(self, *, blocking=True):
        await asyncio.sleep(0)
        return self.acquire()


def test_the_upstreams_rate_limiter_is_asked_once_per_upstream_call(ask):
    limiter = Counting()
    model = StreamAlignedChat(ScriptedChatModel(TEXT, rate_limiter=limiter), BLUE)
    ask(model, "Go on.")
    assert limiter.count == len(model.llm.calls) == 2


def test_the_wrappers_own_rate_limiter_is_asked_once_per_reply(ask):
    limiter = Counting()
    ask(StreamAlignedChat(ScriptedChatModel(TEXT), BLUE, rate_limiter=limiter), "Go on.")
    assert limiter.count == 1
