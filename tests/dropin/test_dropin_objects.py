"""The wrapper as an object: copies, pickles, representation, wrong options, and replies side by side."""

import asyncio
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.base import BaseTracer
from langchain_openai import ChatOpenAI

from stream_aligner_lc import AlignerError, ConfigurationError, StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedChatModel
from tests.leaks.probes import Listener

TEXT = "The sky is green. It rains."
ALIGNED = "The sky is blue. It rains."
BLUE = ReplaceAligner(green="blue")


def aligned(**options):
    return StreamAlignedChat(ScriptedChatModel(TEXT), BLUE, **options)


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "model_copy": lambda model: model.model_copy(),
    "deep model_copy": lambda model: model.model_copy(deep=True),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_answers_as_the_original(invoke, how):
    assert invoke(COPIES[how](ScriptedChatModel(TEXT)), "Go on.").text == TEXT
    assert invoke(COPIES[how](aligned()), "Go on.").text == ALIGNED


def test_a_copy_made_after_a_reply_answers_too(invoke):
    model = aligned()
    invoke(model, "Go on.")
    assert invoke(copy.deepcopy(model), "Go on.").text == ALIGNED


def test_secrets_show_nowhere():
    llm = ChatOpenAI(model="m", api_key="sk-inner", base_url="http://127.0.0.1:1/v1")
    model = StreamAlignedChat(llm, BLUE, continuation="instruct")
    keyed = aligned(api_key="sk-outer")
    for one in (model, keyed):
        assert not any(secret in repr(one) + str(one) + repr(one.asdict()) for secret in ("sk-inner", "sk-outer"))


class Tracer(BaseTracer):
    """Keep what a tracing service would be sent."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def _persist_run(self, run):
        self.seen.append(repr(run.dict() if hasattr(run, "dict") else run) + repr(run.child_runs))


def test_a_key_given_to_the_wrapper_is_in_no_trace(invoke):
    tracer = Tracer()
    invoke(aligned(api_key="sk-outer"), "Go on.", {"callbacks": [tracer]})
    assert tracer.seen
    assert "sk-outer" not in "".join(tracer.seen)


def test_a_key_given_to_the_wrapper_is_in_no_run_that_an_observer_is_told_of(invoke):
    listener = Listener()
    model = aligned(api_key="sk-outer", observers=[listener])
    invoke(model, "Go on.", {"callbacks": [listener]})
    started = listener.named("on_chat_model_start")
    assert len(started) > 1  # the upstream's runs, too
    assert not any("sk-outer" in repr(each) for each in listener.noted)
    assert model.llm.calls[0].kwargs["api_key"].get_secret_value() == "sk-outer"


def test_asdict_names_the_parts():
    params = aligned(temperature=0.5).asdict()
    assert params["_type"] == "stream-aligned"
    assert params["temperature"] == 0.5
    assert "ScriptedChatModel" in params["llm"]


def test_tokens_are_counted_as_the_upstream_counts_them():
    class Counting(ScriptedChatModel):
        def get_token_ids(self, text):
            return [ord(character) for character in text]

    model = StreamAlignedChat(Counting("").bind(temperature=0), AcceptAligner())
    assert model.get_num_tokens("four") == 4
    assert model.get_token_ids("ab") == [97, 98]


def test_traces_name_the_upstreams_provider_and_model():
    llm = ChatOpenAI(model="gpt-x", api_key="k", temperature=0.3, base_url="http://127.0.0.1:1/v1")
    params = StreamAlignedChat(llm, BLUE, continuation="instruct")._get_ls_params(stop=["x"])
    assert params == llm._get_ls_params(stop=["x"])
    assert (
        StreamAlignedChat(llm, BLUE, continuation="instruct")._get_ls_params(model="other")["ls_model_name"] == "other"
    )


def test_it_stands_in_a_chain():
    chain = ChatPromptTemplate.from_messages([("human", "{what}")]) | aligned() | StrOutputParser()
    assert chain.invoke({"what": "Go on."}) == ALIGNED
    assert [piece for piece in chain.stream({"what": "Go on."}) if piece] == ["The sky is blue.", " It rains."]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("lookahead", -1),
        ("lookahead", "2"),
        ("lookahead", True),
        ("granularity", "word"),
        ("continuation", "prefil"),
        ("continuation", 3),
        ("continuation", None),
        ("align_first", -1),
        ("skip", "code"),
        ("skip", ("poem",)),
        ("on_aligner_error", "ignore"),
        ("aligner_timeout", 0),
        ("upstream_retries", -1),
        ("max_restarts", -1),
        ("max_sentences", 0),
        ("lang", 5),
        ("end_on_accept", "yes"),
        ("feedback", 1),
        ("reasoning", "hide"),
        ("on_record", "file.jsonl"),
        ("observers", "me"),
        ("stop", 5),
    ],
)
def test_a_wrong_option_is_refused_with_its_value_and_the_way_out(option, value):
    with pytest.raises(ConfigurationError) as caught:
        aligned(**{option: value})
    assert option in str(caught.value)
    assert repr(value) in str(caught.value)


def test_a_misspelt_option_is_refused_and_the_options_are_named():
    with pytest.raises(ConfigurationError, match=r"'look_ahead'.*lookahead"):
        aligned(look_ahead=1)


def test_a_failed_construction_is_a_value_error_too():
    with pytest.raises(ValueError, match="lookahead"):
        aligned(lookahead=-1)


@pytest.mark.parametrize(
    ("llm", "way_out"),
    [
        ("gpt-4o", "init_chat_model"),
        (None, "chat model"),
        (5, "chat model"),
        (RunnableLambda(str), "pipe"),
        (ScriptedChatModel(TEXT) | StrOutputParser(), "pipe"),
        (ScriptedChatModel, "chat model"),
    ],
    ids=["string", "none", "number", "lambda", "chain", "class"],
)
def test_what_is_no_chat_model_is_refused_with_the_way_out(llm, way_out):
    with pytest.raises(ConfigurationError, match=way_out):
        StreamAlignedChat(llm, AcceptAligner())


@pytest.mark.parametrize("aligner", [5, "no/such/folder", AcceptAligner, object()])
def test_what_is_no_aligner_is_refused(aligner):
    with pytest.raises(ConfigurationError):
        StreamAlignedChat(ScriptedChatModel(TEXT), aligner)


@pytest.mark.parametrize("answer", [5, None, {"text": "x"}, ["x"]])
def test_an_answer_that_is_no_text_is_an_aligner_error(ask, answer):
    with pytest.raises(AlignerError, match="must answer with"):
        ask(StreamAlignedChat(ScriptedChatModel(TEXT), lambda draft: answer), "Go on.")


class Echoing(ScriptedChatModel):
    """Say the question back, sentence by sentence, and go on where it was stopped."""

    def turn(self, messages, **kwargs):
        word = messages[0].text
        sentences = [f"The {word} number {number} is green." for number in range(6)]
        said = messages[-1].text.count(".") if messages[-1].type == "ai" else 0
        return " " * (0 < said < 6) + " ".join(sentences[said:])


def expected(word):
    return " ".join(f"The {word} number {number} is blue." for number in range(6))


async def test_replies_side_by_side_share_nothing():
    model = StreamAlignedChat(Echoing("", delay=0.0005), ReplaceAligner(green="blue", delay=0.001))
    words = [f"marker{number}" for number in range(12)]
    replies = await asyncio.gather(*(model.ainvoke(word) for word in words))
    assert [reply.text for reply in replies] == [expected(word) for word in words]
    with ThreadPoolExecutor(6) as pool:
        replies = await asyncio.to_thread(lambda: list(pool.map(model.invoke, words)))
    assert [reply.text for reply in replies] == [expected(word) for word in words]


def test_two_streams_read_in_turn_share_nothing():
    model = StreamAlignedChat(Echoing(""), BLUE)
    one, two = model.stream("one"), model.stream("two")
    texts = {"one": "", "two": ""}
    for first, second in zip(one, two, strict=True):
        texts["one"] += first.text
        texts["two"] += second.text
    assert texts == {word: expected(word) for word in texts}


async def test_two_async_streams_read_in_turn_share_nothing():
    model = StreamAlignedChat(Echoing(""), BLUE)
    texts = {"one": "", "two": ""}
    async with aclosing(model.astream("one")) as one, aclosing(model.astream("two")) as two:
        async for chunk in one:
            texts["one"] += chunk.text
            texts["two"] += (await anext(two)).text
    assert texts == {word: expected(word) for word in texts}


def test_the_upstream_itself_is_left_as_it_was():
    upstream = FakeListChatModel(responses=["One.", "Two."])
    before = upstream.model_dump(exclude={"i"})
    StreamAlignedChat(upstream, AcceptAligner(), temperature=0.5, stop=["x"]).invoke("Go on.")
    assert upstream.model_dump(exclude={"i"}) == before
    assert upstream.invoke("Go on.").text == "Two."


@pytest.mark.parametrize("read", [1, 3, 6])
async def test_an_async_stream_that_is_left_early_closes_without_an_error(read, caplog):
    model = StreamAlignedChat(Echoing("", delay=0.001), BLUE)
    async with aclosing(model.astream("word")) as chunks:
        for _ in range(read):
            await anext(chunks)
    assert model.llm.calls[-1].is_closed
    await asyncio.sleep(0.01)
    assert not caplog.records
