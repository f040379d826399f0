"""Which model the middleware wraps, how often, and what it keeps of it."""

import copy
import gc
import pickle
import subprocess
import sys
import weakref

import pytest
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.caches import InMemoryCache

from stream_aligner_lc import ConfigurationError, StreamAlignedChat, StreamAlignerMiddleware
from stream_aligner_lc.middleware import NUM_KEPT
from stream_aligner_lc.testing import ScriptedChatModel
from tests.continuation.loopback import LoopbackProvider
from tests.middleware.agents import ALIGNED, ASKED, BLUE, TEXT, Choosing, aligned_agent, ask, both_colours, last


def test_a_model_is_wrapped_once_and_equal_models_are_not_confused():
    middleware, one, other = StreamAlignerMiddleware(BLUE), ScriptedChatModel(TEXT), ScriptedChatModel(TEXT)
    assert one == other
    assert middleware.align(one) is middleware.align(one)
    assert middleware.align(one).llm is one
    assert middleware.align(other).llm is other


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))], ids=["deepcopy", "pickle"]
)
def test_a_copy_aligns_by_the_same_options_and_wraps_by_itself(again):
    middleware, model = StreamAlignerMiddleware(BLUE, granularity="paragraph"), ScriptedChatModel(TEXT)
    kept = middleware.align(model)
    copied = again(middleware)
    assert copied.align(model) is copied.align(model) is not kept
    assert copied.align(model).granularity == "paragraph"
    assert copied.align(model).invoke("?").text == ALIGNED


def test_models_that_come_and_go_are_not_all_kept():
    middleware = StreamAlignerMiddleware(BLUE)
    made = [ScriptedChatModel(TEXT) for _ in range(3 * NUM_KEPT)]
    seen = [weakref.ref(model) for model in made]
    while made:
        middleware.align(made.pop(0))
    gc.collect()
    assert sum(model() is not None for model in seen) == NUM_KEPT


def test_all_models_share_the_aligner_that_was_given():
    middleware = StreamAlignerMiddleware(lambda draft: draft.text)
    one, other = (middleware.align(ScriptedChatModel(TEXT)) for _ in range(2))
    assert one.aligner is other.aligner


@pytest.mark.parametrize("around", [lambda model: model, lambda model: model.bind(stop=["x"])], ids=["bare", "bound"])
def test_an_aligned_model_is_not_wrapped_again(around):
    model = around(StreamAlignedChat(ScriptedChatModel(TEXT), BLUE))
    assert StreamAlignerMiddleware(BLUE).align(model) is model


def test_a_model_with_fallbacks_of_which_one_is_aligned_is_wrapped():
    spare = StreamAlignedChat(ScriptedChatModel(TEXT), BLUE)
    model = ScriptedChatModel([ConnectionError("away")]).with_fallbacks([spare])
    aligned = StreamAlignerMiddleware(BLUE, continuation="instruct").align(model)
    assert aligned is not model
    assert aligned.invoke("?").text == ALIGNED


@both_colours
@pytest.mark.parametrize("is_first", [True, False], ids=["chosen before", "chosen after"])
def test_a_model_that_another_middleware_chose_is_aligned(is_first, is_async):
    chosen, never = ScriptedChatModel(TEXT), ScriptedChatModel([AssertionError("the other model was chosen")])
    middleware = [Choosing(model=chosen), StreamAlignerMiddleware(BLUE)]
    agent = create_agent(never, middleware=middleware if is_first else middleware[::-1])
    assert last(agent, is_async=is_async) == ALIGNED


@pytest.mark.filterwarnings("ignore:Direct attribute assignment")
def test_a_model_that_is_put_into_the_request_is_aligned_too():
    class Assigning(Choosing):
        def wrap_model_call(self, request, handler):
            request.model = self.changes["model"]
            return handler(request)

    agent = aligned_agent(ScriptedChatModel([]), Assigning(model=ScriptedChatModel(TEXT)), tools=())
    assert last(agent) == ALIGNED


def configurable(provider, name="openai:first", **options):
    return init_chat_model(name, base_url=f"{provider.base_url}/v1", api_key="none", **options)


@both_colours
def test_a_configurable_model_is_the_one_that_the_run_names(is_async):
    with LoopbackProvider(["It is ", "green."]) as provider:
        model = configurable(provider, configurable_fields=("model",))
        agent = create_agent(model, middleware=[StreamAlignerMiddleware(BLUE, feedback=False, continuation="instruct")])
        assert last(agent, is_async=is_async) == "It is blue."
        assert provider.last.body["model"] == "first"
        assert last(agent, {"configurable": {"model": "openai:second"}}, is_async=is_async) == "It is blue."
        assert provider.last.body["model"] == "second"


def test_a_configurable_model_that_nobody_named_is_an_error_that_says_what_to_do():
    agent = create_agent(init_chat_model(configurable_fields=("model",)), middleware=[StreamAlignerMiddleware(BLUE)])
    with pytest.raises(ConfigurationError, match=r"`configurable`.*`init_chat_model`"):
        ask(agent)


def test_what_is_no_chat_model_is_refused_with_the_way_out():
    with pytest.raises(ConfigurationError, match="init_chat_model"):
        StreamAlignerMiddleware(BLUE).align("openai:gpt-4.1")


@pytest.mark.parametrize(
    ("aligner", "options", "words"),
    [
        (BLUE, {"granularityy": "sentence"}, "Unknown option 'granularityy'"),
        (BLUE, {"llm": ScriptedChatModel(TEXT)}, "Unknown option 'llm'"),
        (BLUE, {"granularity": "word"}, "granularity"),
        (BLUE, {"lookahead": -1}, "lookahead"),
        (5, {}, "`aligner` must be"),
    ],
)
def test_a_wrong_option_is_an_error_where_the_middleware_is_made(aligner, options, words):
    with pytest.raises(ConfigurationError, match=words):
        StreamAlignerMiddleware(aligner, **options)


def test_without_an_aligner_the_agents_model_corrects_itself_and_a_warning_says_so(monkeypatch):
    monkeypatch.delenv("STREAM_ALIGNER_MODEL", raising=False)
    middleware, model = StreamAlignerMiddleware(), ScriptedChatModel(TEXT)
    with pytest.warns(UserWarning, match="one more call"):
        aligned = middleware.align(model)
    assert aligned.aligner.llm is model


def test_what_a_model_is_told_about_its_runs_holds_for_the_wrapper():
    model = ScriptedChatModel(TEXT, tags=["nostream"], metadata={"team": "a"}, name="Ann", disable_streaming=True)
    aligned = StreamAlignerMiddleware(BLUE, tags=["mine"]).align(model)
    told = (aligned.tags, aligned.metadata["team"], aligned.name, aligned.disable_streaming)
    assert told == (["mine"], "a", "Ann", True)


def test_a_model_that_is_not_to_be_streamed_is_not():
    agent = aligned_agent(ScriptedChatModel(TEXT, tags=["nostream"]), tools=())
    (whole, _), *more = agent.stream(ASKED, stream_mode="messages")
    assert (whole.type, whole.text, more) == ("ai", ALIGNED, [])


@both_colours
def test_a_models_cache_keeps_its_aligned_replies(is_async):
    upstream = ScriptedChatModel(TEXT, cache=InMemoryCache())
    agent = aligned_agent(upstream, tools=())
    texts = [last(agent, is_async=is_async) for _ in range(2)]
    assert texts == [ALIGNED, ALIGNED]
    assert len(upstream.calls) == 2  # the reply and its restart, once


def test_without_langchain_the_error_says_what_to_install():
    code = "import sys; sys.modules['langchain'] = None; from stream_aligner_lc import StreamAlignerMiddleware"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1].startswith("ImportError: StreamAlignerMiddleware needs")
    assert "stream-aligner-lc[agents]" in done.stderr
