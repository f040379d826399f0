"""Less travelled ways to a leak: other aligners and upstreams, metadata, errors, early ends, nested wrappers."""

import asyncio
from contextlib import aclosing, closing
from typing import Annotated

import pytest
from langchain_core.callbacks import dispatch_custom_event
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.aligners import Aligner
from stream_aligner_lc.corrections import Correction
from stream_aligner_lc.errors import AlignerError, UpstreamError
from stream_aligner_lc.testing import ScriptedChatModel
from tests.leaks.places import BASIC, EVENTS_V3, GRAPH_MODES, PLACES, QUESTION, Channel, Place
from tests.leaks.probes import (
    ALIGNED,
    DRAFT,
    REMOVED,
    REPLACED,
    AsyncListener,
    Babbler,
    Listener,
    acorrect,
    correct,
    holds,
    raw_in,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:.*in beta")

_TELLING = ("messages-subgraphs", "all-subgraphs", "astream_events", "astream_log", "stream_events", "stream", "invoke")
READERS = [
    channel
    for channel in [*BASIC, *EVENTS_V3, *GRAPH_MODES]
    if channel.name.removeprefix("a").removeprefix("stream_mode-").startswith(_TELLING)
]
BY_READER = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
SYNC = Channel("stream", lambda place, config: list(place.runnable.stream(place.input, config)))


def read(model, reader, place="node_that_invokes", text=ALIGNED):
    """Read in a place, assert that the text arrives and nothing raw does, and return all that was received."""
    listener = AsyncListener() if reader.is_async else Listener()
    received = reader.received(PLACES[place](model), {"callbacks": [listener]})
    assert holds(received, text)
    assert not raw_in(received)
    assert not raw_in(listener.noted)
    return received


class Corrector(ScriptedChatModel):
    """A chat model that is asked to correct, and answers in the protocol of `PromptedAligner` or with plain text."""

    protocol: bool = True

    def turn(self, messages, **kwargs):
        asked = messages[-1].text
        for sentence in DRAFT.replace(". ", ".|").split("|"):
            if sentence in asked.rpartition("DRAFT")[2] or (not self.protocol and sentence in asked):
                text = correct(_Asked(sentence))
                return f"CORRECTION: [[{text}]]\nEOS: [[FALSE]]" if self.protocol else text
        return asked


class _Asked:
    def __init__(self, text):
        self.text = text


def _chain_aligner():
    prompt = ChatPromptTemplate.from_messages([("user", "{text}")])
    return prompt | Corrector("", protocol=False) | StrOutputParser()


def _function_that_calls_a_model(draft):
    return Corrector("", protocol=False).invoke(draft.text).text


def _function_that_dispatches(draft):
    dispatch_custom_event("mine", {"draft": draft.text})
    return correct(draft)


def _graph_aligner():
    def answer(state):
        return {"messages": [AIMessage(correct(_Asked(state["messages"][-1].text)))]}

    graph = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()
    before = RunnableLambda(lambda draft: {"messages": [HumanMessage(draft.text)]})
    return before | graph | (lambda state: state["messages"][-1].text)


class Joint(Aligner):
    """Answer all waiting drafts at once."""

    name = "joint"

    def invoke(self, input, config=None, **kwargs):
        return Correction(correct(input))

    def correct_many(self, drafts):
        answers = []
        for draft in drafts:
            answers.append(Correction(correct(draft)))
            if answers[-1].text != draft.text:
                break
        return answers


ALIGNERS = {
    "a chain": _chain_aligner,
    "a function that calls a model": lambda: _function_that_calls_a_model,
    "a function that dispatches an event": lambda: _function_that_dispatches,
    "a graph": _graph_aligner,
    "a joint one": Joint,
    "one with retry": lambda: RunnableLambda(correct).with_retry(),
}


@BY_READER
@pytest.mark.parametrize("aligner", ALIGNERS.values(), ids=list(ALIGNERS))
def test_what_an_aligner_is_made_of_does_not_show(aligner, reader):
    read(StreamAlignedChat(Babbler(), aligner()), reader)


@BY_READER
def test_the_prompts_of_a_prompted_aligner_do_not_show(reader):
    asked = Listener()

    class Editor(ScriptedChatModel):
        def turn(self, messages, **kwargs):
            last = messages[-1].text
            sentences = DRAFT.replace(". ", ".|").split("|")
            drafts = [sentence for sentence in sentences if sentence in last]
            text = correct(_Asked(max(drafts, key=last.rfind)))
            return f"CORRECTION: [[{text}]]\nEOS: [[FALSE]]"

    read(StreamAlignedChat(Babbler(), Editor("", callbacks=[asked])), reader)
    assert raw_in(asked.noted)


OPTIONS = [
    {"feedback": False},
    {"lookahead": 0},
    {"lookahead": 8},
    {"granularity": "paragraph"},
    {"granularity": "response"},
    {"streaming": False},
    {"aligner_timeout": 30},
]


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize("reader", [*BASIC, *EVENTS_V3], ids=lambda reader: reader.name)
def test_no_option_lets_raw_text_through(options, reader):
    def whole(draft):
        text = draft.text.replace(REPLACED, "horse")
        return text.replace(f" Drop the {REMOVED} now.", "") if len(text) > 40 else correct(draft)

    read(StreamAlignedChat(Babbler(), whole, **options), reader)


UPSTREAMS = {
    "without streaming": lambda: Babbler(disable_streaming=True),
    "bound": lambda: Babbler().bind(temperature=0),
    "with retry": lambda: Babbler().with_retry(stop_after_attempt=2),
    "with fallbacks": lambda: Babbler([ValueError("down")]).with_fallbacks([Babbler()]),
    "output version v1": lambda: Babbler(output_version="v1"),
    "words": lambda: Babbler(chunking="words"),
}


@pytest.mark.parametrize("upstream", UPSTREAMS.values(), ids=list(UPSTREAMS))
@pytest.mark.parametrize("reader", [*BASIC, *EVENTS_V3], ids=lambda reader: reader.name)
def test_no_kind_of_upstream_shows(upstream, reader):
    read(StreamAlignedChat(upstream(), correct), reader)


WRAPPED = {
    "bound": lambda model: model.bind(stop=["~"]),
    "with config": lambda model: model.with_config(tags=["x"], run_name="mine"),
    "with retry": lambda model: model.with_retry(),
    "with fallbacks": lambda model: model.with_fallbacks([Babbler()]),
    "a wrapper of a wrapper": lambda model: StreamAlignedChat(model, correct, continuation="instruct"),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=list(WRAPPED))
@pytest.mark.parametrize("reader", BASIC, ids=lambda reader: reader.name)
def test_what_is_put_around_the_wrapper_changes_nothing(wrap, reader):
    read(wrap(StreamAlignedChat(Babbler(), correct)), reader)


@BY_READER
def test_two_wrappers_side_by_side_show_nothing_raw(reader):
    model = StreamAlignedChat(Babbler(), correct)
    both = RunnableParallel(one=model, two=model) | (lambda replies: replies["one"])
    read(both, reader, text="One horse sleeps here.")


@BY_READER
def test_a_wrapper_inside_a_tool_of_an_agent_shows_nothing_raw(reader):
    inner = StreamAlignedChat(Babbler(), correct)

    @tool
    def look_up(what: Annotated[str, "the word"]) -> str:
        """Look a word up."""
        return inner.invoke(what).text

    from langchain.agents import create_agent

    agent = create_agent(StreamAlignedChat(Babbler(), correct), [look_up])
    listener = AsyncListener() if reader.is_async else Listener()
    place = Place(agent, {"messages": [("user", QUESTION)]}, {})
    received = reader.received(place, {"callbacks": [listener]})
    assert holds(received, ALIGNED)
    assert not raw_in(received)
    assert not raw_in(listener.noted)


@BY_READER
def test_a_task_of_the_functional_api_shows_nothing_raw(reader):
    model = StreamAlignedChat(Babbler(), correct)

    @task
    def ask(question):
        return model.invoke(question)

    @task
    async def aask(question):
        return await model.ainvoke(question)

    @entrypoint()
    def flow(question):
        return ask(question).result()

    @entrypoint()
    async def aflow(question):
        return await aask(question)

    listener = AsyncListener() if reader.is_async else Listener()
    place = Place(aflow if reader.is_async else flow, QUESTION, {})
    received = reader.received(place, {"callbacks": [listener]})
    assert holds(received, ALIGNED)
    assert not raw_in(received)
    assert not raw_in(listener.noted)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_the_oldest_entry_of_chat_models_shows_nothing_raw(is_async):
    listener = Listener()
    model = StreamAlignedChat(Babbler(), correct)
    messages = [[HumanMessage(QUESTION)]]
    if is_async:
        result = asyncio.run(model.agenerate(messages, callbacks=[listener]))
    else:
        result = model.generate(messages, callbacks=[listener])
    assert result.generations[0][0].text == ALIGNED
    assert not raw_in([result, listener.noted])


# What providers say about tokens beside the text. It quotes the draft.
LOGPROBS = {
    "as OpenAI": lambda token: {"logprobs": {"content": [{"token": token, "logprob": -0.1}]}},
    "as Ollama": lambda token: {"logprobs": [{"token": token, "logprob": -0.1}]},
}


@pytest.mark.parametrize("of", LOGPROBS.values(), ids=list(LOGPROBS))
@pytest.mark.parametrize("options", [{}, {"feedback": False}], ids=["feedback", "no feedback"])
@pytest.mark.parametrize("reader", [*BASIC, *EVENTS_V3], ids=lambda reader: reader.name)
def test_log_probabilities_of_replaced_text_do_not_show(of, options, reader):
    text = f"It is quick. The {REPLACED} runs."
    tokens = [text[at : at + 3] for at in range(0, len(text), 3)]
    script = [AIMessageChunk(content=token, response_metadata=of(token)) for token in tokens]
    upstream = Babbler([script, ""])
    model = StreamAlignedChat(upstream, correct, **options)
    listener = AsyncListener() if reader.is_async else Listener()
    received = reader.received(PLACES["bare"](model), {"callbacks": [listener]})
    assert holds(received, "The horse runs.")
    assert not raw_in(received)
    assert not raw_in(listener.noted)


BLOCKS = {
    "typed": lambda text: {"type": "text", "text": text},
    "with an index": lambda text: {"type": "text", "text": text, "index": 0},
    "with an id": lambda text: {"type": "text", "text": text, "index": 0, "id": "msg_1"},
    "with annotations": lambda text: {"type": "text", "text": text, "index": 0, "annotations": []},
    "strings": lambda text: text,
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=list(BLOCKS))
@pytest.mark.parametrize("reader", [*BASIC, *EVENTS_V3], ids=lambda reader: reader.name)
def test_no_form_of_text_blocks_hides_text_from_the_aligner(block, reader):
    tokens = [DRAFT[at : at + 3] for at in range(0, len(DRAFT), 3)]
    script = [AIMessageChunk(content=[block(token)]) for token in tokens]
    read(StreamAlignedChat(Babbler([script]), correct, feedback=False), reader, "bare")


class Failing(Aligner):
    """Fail on marked text."""

    name = "failing"

    def invoke(self, input, config=None, **kwargs):
        if REPLACED in input.text:
            raise RuntimeError("broken")
        return input.text


LATE = f"It is quick. The {REPLACED} runs fast. The end."


def _until_it_breaks(model, is_async, config, method="stream"):
    received = []

    async def aread():
        stream = model.astream(QUESTION, config)
        if method == "events":
            stream = model.astream_events(QUESTION, config, version="v2")
        async for item in stream:
            received.append(item)  # noqa: PERF401  # a comprehension would lose what came before the error

    with pytest.raises((AlignerError, UpstreamError)) as caught:
        asyncio.run(aread()) if is_async else received.extend(model.stream(QUESTION, config))
    return received, caught.value


@pytest.mark.parametrize(("is_async", "method"), [(False, "stream"), (True, "stream"), (True, "events")])
@pytest.mark.parametrize("blocks", [False, True], ids=["text", "blocks"])
def test_when_the_aligner_fails_nothing_of_the_sentence_has_been_shown(is_async, method, blocks):
    listener = Listener()
    model = StreamAlignedChat(Babbler(LATE, blocks=blocks), Failing())
    received, error = _until_it_breaks(model, is_async, {"callbacks": [listener]}, method)
    assert holds(received, "It is quick.")
    assert not raw_in(received)
    assert error.released == "It is quick."
    assert not raw_in([entry for entry in listener.noted if entry[0] not in ("on_llm_error", "on_chain_error")])
    (failed,) = listener.named("on_llm_error")
    assert not raw_in(failed[2].get("response"))


@pytest.mark.parametrize("mode", ["values", "updates", "messages", "custom", "debug", "tasks"])
def test_when_the_aligner_fails_in_a_node_the_streams_have_shown_nothing_of_the_sentence(mode):
    place = PLACES["node_that_streams"](StreamAlignedChat(Babbler(LATE), Failing()))
    received = []
    with pytest.raises(AlignerError):
        received.extend(place.runnable.stream(place.input, place.config, stream_mode=mode, subgraphs=True))
    errors = {"debug", "tasks"}  # LangGraph puts the error itself there
    assert received or mode == "updates"
    assert mode in errors or not raw_in(received)


def test_a_reply_that_stops_at_an_aligner_error_holds_nothing_of_the_sentence():
    listener = Listener()
    model = StreamAlignedChat(Babbler(LATE), Failing(), on_aligner_error="stop")
    reply = model.invoke(QUESTION, {"callbacks": [listener]})
    assert reply.text == "It is quick."
    assert not raw_in([reply, listener.noted])


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_when_the_upstream_fails_what_it_had_begun_to_say_has_not_been_shown(is_async):
    listener = Listener()
    script = [["It is quick. The ", "QXZ", ValueError("gone")]]
    model = StreamAlignedChat(Babbler(script), correct, upstream_retries=0)
    received, error = _until_it_breaks(model, is_async, {"callbacks": [listener]})
    assert holds(received, "It is quick.")
    assert not raw_in([received, listener.noted, error])


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_reader_that_walks_away_leaves_no_raw_text_behind(is_async, after):
    listener = Listener()
    model = StreamAlignedChat(Babbler(), correct, lookahead=4)
    received = []

    async def aread():
        async with aclosing(model.astream(QUESTION, {"callbacks": [listener]})) as chunks:
            async for chunk in chunks:
                received.append(chunk)
                if len(received) == after:
                    break

    if is_async:
        asyncio.run(aread())
    else:
        with closing(model.stream(QUESTION, {"callbacks": [listener]})) as chunks:
            for chunk in chunks:
                received.append(chunk)
                if len(received) == after:
                    break
    assert len(received) == after
    assert holds(received, "The horse runs fast.")
    assert not raw_in([received, listener.noted])


async def test_a_cancelled_reply_leaves_no_raw_text_behind():
    listener = AsyncListener()
    model = StreamAlignedChat(Babbler(delay=0.002), acorrect)
    task = asyncio.create_task(model.ainvoke(QUESTION, {"callbacks": [listener]}))
    while len(model.llm.calls) < 2:  # its first sentence was replaced and is released
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert listener.named("on_chat_model_start")
    assert not raw_in(listener.noted)


async def test_a_stream_that_fits_its_parts_together_shows_nothing_raw_at_any_moment():
    place = PLACES["node_that_invokes"](StreamAlignedChat(Babbler(), acorrect))
    stream = await place.runnable.astream_events(place.input, place.config, version="v3")
    texts = [delta async for message in stream.messages async for delta in message.text]
    assert "".join(texts) == ALIGNED
    assert not raw_in(texts)


def test_the_final_metadata_counts_and_quotes_nothing():
    reply = StreamAlignedChat(Babbler(), correct).invoke(QUESTION)
    assert reply.response_metadata["stream_aligner"]["sentences"] == {"replaced": 2, "accepted": 2, "removed": 1}
    assert not raw_in([reply.response_metadata, reply.additional_kwargs])
