"""The probes find what they look for: a bare upstream, and a naive wrapper, are caught in every channel."""

import pytest
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.outputs import ChatGenerationChunk

from tests.leaks.places import BASIC, CASES, EVENTS_V3, GRAPH_MODES, IDS, PLACES
from tests.leaks.probes import (
    ALIGNED,
    DRAFT,
    MARKS,
    PAIRS,
    AsyncListener,
    Babbler,
    Listener,
    correct,
    holds,
    raw_in,
    without_drafts,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:.*in beta")


@pytest.mark.parametrize(("place_name", "channel"), CASES, ids=IDS)
def test_a_bare_upstream_is_caught_in_every_channel(place_name, channel):
    listener = AsyncListener() if channel.is_async else Listener()
    received = channel.received(PLACES[place_name](Babbler()), {"callbacks": [listener]})
    assert bool(raw_in(received)) is channel.carries_text_in(place_name)
    assert raw_in(listener.noted)


class Naive(BaseChatModel):
    """Align the whole reply of an inner model that is called the way LangChain's guides show."""

    @property
    def _llm_type(self):
        return "naive"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        text = "".join(chunk.text for chunk in Babbler().stream(messages, self._config(run_manager)))
        yield ChatGenerationChunk(message=_aligned(text))

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        chunks = Babbler().astream(messages, self._config(run_manager))
        text = "".join([chunk.text async for chunk in chunks])
        yield ChatGenerationChunk(message=_aligned(text))

    def _config(self, run_manager):
        if run_manager is None:
            return {}
        handlers = run_manager.inheritable_handlers
        kind = CallbackManager if "Async" not in type(run_manager).__name__ else AsyncCallbackManager
        return {"callbacks": kind(handlers, handlers, parent_run_id=run_manager.run_id)}


def _aligned(text):
    from langchain_core.messages import AIMessageChunk

    assert text == DRAFT
    return AIMessageChunk(content=ALIGNED, chunk_position="last")


_EVENTS = [channel for channel in BASIC if channel.name.startswith("astream_")] + EVENTS_V3
_TOKENS = [channel for channel in GRAPH_MODES if "messages" in channel.name or "mode-all" in channel.name]


@pytest.mark.parametrize("channel", [*_EVENTS, *_TOKENS], ids=lambda channel: channel.name)
def test_a_naive_wrapper_is_caught_where_inner_runs_show(channel):
    received = channel.received(PLACES["node_that_invokes"](Naive()), {})
    assert holds(received, ALIGNED)
    assert raw_in(received)


@pytest.mark.parametrize("channel", BASIC, ids=lambda channel: channel.name)
def test_a_naive_wrapper_is_caught_by_a_handler(channel):
    listener = AsyncListener() if channel.is_async else Listener()
    channel.received(PLACES["node_that_invokes"](Naive()), {"callbacks": [listener]})
    assert raw_in(listener.noted)


def test_aligned_text_and_prompts_hold_no_pair_of_letters_of_a_mark():
    assert not raw_in([ALIGNED, repr(Babbler())])
    assert all(any(pair in mark for pair in PAIRS) for mark in MARKS)


def test_every_way_to_cut_a_mark_into_threes_shows():
    for mark in MARKS:
        for start in range(3):
            text = "." * start + mark + "."
            assert any(raw_in(text[at : at + 3]) for at in range(0, len(text), 3))


def test_marks_are_found_in_pieces_and_at_any_depth():
    assert raw_in([{"a": [{"b": letter}]} for letter in MARKS[0]])
    assert raw_in({"data": ({"x": ValueError(MARKS[0])},)})
    assert raw_in({MARKS[0]: 1})
    assert not raw_in([{"a": letter, "b": "."} for letter in "horse"])


def test_only_the_key_draft_is_taken_away():
    kept = without_drafts([({"up": {"draft": [MARKS[0]], "text": "x"}}, "draft")])
    assert kept == [[{"up": {"text": "x"}}, "draft"]]
    assert raw_in(without_drafts({"progress": {"replaced": MARKS[0]}}))
    assert correct.__name__ == "correct"
