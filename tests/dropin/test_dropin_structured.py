"""Structured output is the upstream's own: JSON passes unaligned and uncut, a schema as a tool passes as a call."""

import json

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
from tests.continuation.loopback import LoopbackProvider
from tests.dropin.upstreams import VerbatimModel, ended
from tests.standard.tool_model import ToolModel

JSON = '{"text": "The sky is green. Truly. ", "count": 3}'
ASK = "Say 'The sky is green. Truly. ' 3 times."
BLUE = ReplaceAligner(green="blue")


class Answer(BaseModel):
    """An answer."""

    text: str
    count: int


class AnswerDict(TypedDict):
    """An answer."""

    text: str
    count: int


SCHEMAS = {
    "pydantic": Answer,
    "typed dict": AnswerDict,
    "dict": {**Answer.model_json_schema(), "title": "answer", "description": "An answer."},
}
METHODS = ["function_calling", "json_schema", "json_mode"]


class JsonModel(ToolModel):
    """Give the JSON of this file to whoever asks for JSON."""

    def turn(self, messages, **kwargs):
        return JSON if kwargs.get("response_format") else super().turn(messages, **kwargs)


@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_structured_output_is_the_bare_models(invoke, schema, method, include_raw):
    def answer(model):
        chain = model.with_structured_output(SCHEMAS[schema], method=method, include_raw=include_raw)
        return invoke(chain, ASK)

    bare, aligned = answer(JsonModel()), answer(StreamAlignedChat(JsonModel(), BLUE))
    if include_raw:
        assert aligned["parsed"] == bare["parsed"]
        assert aligned["parsing_error"] is None
        assert aligned["raw"].content == bare["raw"].content
        assert [call["args"] for call in aligned["raw"].tool_calls] == [call["args"] for call in bare["raw"].tool_calls]
    else:
        assert aligned == bare
    assert "green" in repr(aligned)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_structured_output_streams(collect, schema, method):
    def answer(model):
        return collect(model.with_structured_output(SCHEMAS[schema], method=method), ASK)

    assert answer(StreamAlignedChat(JsonModel(), BLUE))[-1] == answer(JsonModel())[-1]


def test_a_parsing_error_is_reported_beside_the_raw_message(invoke):
    class Broken(JsonModel):
        def turn(self, messages, **kwargs):
            return "no JSON. Really not."

    chain = StreamAlignedChat(Broken(), BLUE).with_structured_output(Answer, method="json_mode", include_raw=True)
    result = invoke(chain, ASK)
    assert result["parsed"] is None
    assert isinstance(result["parsing_error"], OutputParserException)
    assert result["raw"].text == "no JSON. Really not."


def wrapped(how):
    model, other = JsonModel(), JsonModel()
    return {
        "bound": lambda: model.bind(temperature=0.5),
        "retry": model.with_retry,
        "fallbacks": lambda: model.with_fallbacks([other]),
    }[how]()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", ["bound", "retry", "fallbacks"])
def test_structured_output_works_over_whatever_the_upstream_is_wrapped_in(invoke, how, method):
    chain = StreamAlignedChat(wrapped(how), BLUE).with_structured_output(Answer, method=method)
    assert invoke(chain, ASK).count == 3


def test_a_model_with_fallbacks_around_it_answers_in_a_schema(invoke):
    class Failing(JsonModel):
        def turn(self, messages, **kwargs):
            raise ConnectionError("away")

    model = StreamAlignedChat(Failing(), BLUE).with_fallbacks([StreamAlignedChat(JsonModel(), BLUE)])
    assert invoke(model.with_structured_output(Answer, method="json_schema"), ASK).count == 3
    assert invoke(model.with_structured_output(Answer), ASK).count == 3


FORMATS = {
    "OpenAI's JSON mode": {"response_format": {"type": "json_object"}},
    "a schema class": {"response_format": Answer},
    "OpenAI's Responses API": {"text": {"format": {"type": "json_schema", "schema": {}}}},
    "Ollama": {"format": "json"},
    "Anthropic": {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
    "Gemini": {"response_mime_type": "application/json"},
    "vLLM": {"extra_body": {"guided_json": {"type": "object"}}},
}


def given(kwargs, where):
    model = ScriptedChatModel(JSON)
    if where == "outside":
        return StreamAlignedChat(model, BLUE).bind(**kwargs)
    if where == "inside":
        return StreamAlignedChat(model.bind(**kwargs), BLUE)
    if where == "inside a retry":
        return StreamAlignedChat(model.bind(**kwargs).with_retry(), BLUE)
    return StreamAlignedChat(model.bind(**kwargs).with_fallbacks([model.bind(**kwargs)]), BLUE)


@pytest.mark.parametrize("where", ["outside", "inside", "inside a retry", "inside fallbacks"])
@pytest.mark.parametrize("name", FORMATS)
def test_json_passes_unaligned_and_uncut(ask, name, where):
    message = ask(given(FORMATS[name], where), "Go on.")
    assert message.text == JSON


class FormatModel(ScriptedChatModel):
    """A model that is told the format where it is made, as `ChatOllama(format="json")` is."""

    format: str | None = None
    model_kwargs: dict = Field(default_factory=dict)


@pytest.mark.parametrize(
    "options",
    [{"format": "json"}, {"model_kwargs": {"response_format": {"type": "json_object"}}}],
    ids=["ollama", "openai"],
)
def test_json_that_the_upstream_was_made_for_passes_unaligned(ask, options):
    assert ask(StreamAlignedChat(FormatModel(JSON, **options), BLUE), "Go on.").text == JSON


@pytest.mark.parametrize(
    "kwargs", [{"response_format": {"type": "text"}}, {"text": {"format": {"type": "text"}}}, {"format": ""}]
)
def test_a_format_of_plain_text_is_aligned(ask, kwargs):
    assert ask(StreamAlignedChat(ScriptedChatModel("It is green."), BLUE), "Go on.", **kwargs).text == "It is blue."


def test_json_streams_in_the_upstreams_own_chunks(collect):
    model = StreamAlignedChat(ScriptedChatModel(JSON), BLUE)
    chunks = collect(model, "Go on.", response_format={"type": "json_object"})
    assert len([chunk for chunk in chunks if chunk.text]) == len(model.llm.calls[0].sent) > 3
    assert len({chunk.id for chunk in chunks}) == 1
    assert len([chunk for chunk in chunks if chunk.usage_metadata]) == 1


def test_reasoning_before_json_is_withheld_where_it_shall_be(ask):
    turn = [AIMessageChunk(content="", additional_kwargs={"reasoning_content": "Secret."}), JSON, ended()]
    model = StreamAlignedChat(VerbatimModel([turn]), BLUE, reasoning="drop")
    message = ask(model, "Go on.", response_format={"type": "json_object"})
    assert message.text == JSON
    assert "Secret" not in repr(message)


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_the_openai_integration_answers_in_a_schema(invoke, method):
    with LoopbackProvider(('{"text": "The sky ', 'is green. Truly.", "co', 'unt": 3}')) as provider:
        llm = ChatOpenAI(model="m", api_key="k", base_url=provider.base_url + "/v1", max_retries=0)
        chain = StreamAlignedChat(llm, BLUE, continuation="instruct").with_structured_output(Answer, method=method)
        assert invoke(chain, "As json.") == Answer(text="The sky is green. Truly.", count=3)
        assert provider.last.body["response_format"]["type"] == {"json_mode": "json_object"}.get(method, method)


def test_a_schema_reaches_the_upstream_as_from_the_bare_model(invoke):
    bare, inner = JsonModel(), JsonModel()
    invoke(bare.with_structured_output(Answer, method="json_schema", strict=True), ASK)
    invoke(StreamAlignedChat(inner, BLUE).with_structured_output(Answer, method="json_schema", strict=True), ASK)
    assert json.dumps(inner.calls[0].kwargs) == json.dumps(bare.calls[0].kwargs)
