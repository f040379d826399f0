"""What is secret reaches the provider and nobody else: no log, record, trace of ours, representation or error."""

import logging

import pytest
from langchain_core.load import dumps
from langchain_core.tracers.base import BaseTracer
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from stream_aligner_lc import (
    AcceptAligner,
    ConfigurationError,
    JsonlRecorder,
    PromptedAligner,
    StreamAlignedChat,
    build_graph,
)
from stream_aligner_lc.testing import ScriptedChatModel
from tests.continuation.loopback import LoopbackProvider

KEYS = ["sk-upstream-0a1b2c", "sk-aligner-3d4e5f"]
HEADERS = ["header-6a7b8c", "bound-9d0e1f"]
SECRETS = [*KEYS, *HEADERS]


class Keeping(BaseTracer):
    """Keep every run, with all that is told of it."""

    def __init__(self):
        super().__init__()
        self.roots = []

    def _persist_run(self, run):
        self.roots.append(run)

    def told(self):
        """Yield the name of each run and everything that a tracer may write down of it."""
        waiting = list(self.roots)
        while waiting:
            run = waiting.pop()
            waiting += run.child_runs
            yield run.name, repr({k: v for k, v in vars(run).items() if k not in ("child_runs", "parent_run")})


def answers(body):
    asked = "CORRECTION" in str(body)
    return ["CORRECTION: [[Fine.]]\nEOS: [[FALSE]]"] if asked else ["So it is. ", "And ", "so on."]


@pytest.fixture
def provider():
    with LoopbackProvider(answers) as provider:
        yield provider


@pytest.fixture
def parts(provider):
    """An upstream and an aligner that have secrets, and the options with which they need no guess."""
    upstream, teacher = (
        ChatOpenAI(model="gpt-4.1", base_url=f"{provider.base_url}/v1", api_key=SecretStr(key), default_headers=headers)
        for key, headers in zip(KEYS, [{"X-Token": HEADERS[0]}, {}], strict=True)
    )
    # Any number of them may be bound as well.
    upstream = upstream.bind(extra_headers={"X-Bound": HEADERS[1]})
    return {"llm": upstream, "aligner": PromptedAligner(teacher), "continuation": "instruct", "feedback": False}


def secrets_in(text, secrets=SECRETS):
    return [secret for secret in secrets if secret in text]


@pytest.mark.parametrize("build", ["chat", "graph"])
async def test_keys_and_headers_are_in_no_log_record_trace_or_representation(build, parts, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    tracer, recorder = Keeping(), JsonlRecorder(tmp_path / "records.jsonl")
    config = {"callbacks": [tracer]}
    if build == "chat":
        made = StreamAlignedChat(**parts, on_record=recorder)
        said = [made.invoke("Hi", config), await made.ainvoke("Hi", config)]
        assert not secrets_in(repr(made._identifying_params) + dumps(made) + repr(made.graph.recipe))
    else:
        made = build_graph(**parts, on_record=recorder)
        asked = {"messages": [("user", "Hi")]}
        said = [made.invoke(asked, config), await made.ainvoke(asked, config)]
        assert not secrets_in(repr(made.recipe) + repr(made.get_graph().to_json()))
    assert not secrets_in(repr(made) + str(made) + repr(said))
    assert recorder.path.stat().st_size > 100
    assert not secrets_in(recorder.path.read_text())
    assert any("/chat/completions" in record.getMessage() for record in caplog.records)
    ours = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("openai", "httpx", "httpcore"))
    ]
    assert not secrets_in("\n".join(ours))
    assert not secrets_in(caplog.text, KEYS)
    told = list(tracer.told())
    assert any(name == "ChatOpenAI" for name, _ in told)
    for name, text in told:
        # What LangChain writes down of a provider's own run is the provider's: there its headers are arguments.
        assert not secrets_in(text, KEYS if name == "ChatOpenAI" else SECRETS), name


def test_errors_name_no_secret(parts, provider):
    with pytest.raises(ConfigurationError, match=r"use ChatOpenAI\(api_key=...\)") as caught:
        StreamAlignedChat(**parts, api_key=KEYS[1])
    assert not secrets_in(repr(caught.value))
    for wrong in ({"aligner": 5}, {"granularity": "word"}, {"continuation": "some"}, {"observers": 3}, {"lookahed": 1}):
        with pytest.raises(ConfigurationError) as caught:
            StreamAlignedChat(**{**parts, **wrong})
        assert not secrets_in(repr(caught.value))
    provider.refusal = "No."
    for llm, aligner in ((parts["llm"], AcceptAligner()), (ScriptedChatModel("One. "), parts["aligner"])):
        with pytest.raises(Exception, match=r"No\.|failed on sentence 0") as caught:
            StreamAlignedChat(llm, aligner, continuation="instruct", upstream_retries=0).invoke("Hi")
        assert not secrets_in(repr(caught.value) + repr(caught.value.__cause__))


def test_a_key_that_goes_with_each_call_is_hidden_wherever_it_is_not_taken_out():
    upstream, tracer = ScriptedChatModel("One."), Keeping()
    chat = StreamAlignedChat(upstream, AcceptAligner(), api_key=SecretStr(KEYS[0]))
    chat.invoke("Hi", {"callbacks": [tracer]})
    assert upstream.calls[0].kwargs["api_key"].get_secret_value() == KEYS[0]
    assert not secrets_in(repr(chat) + repr(chat.graph.recipe) + dumps(chat) + repr(list(tracer.told())))


def test_a_plain_key_stands_in_no_representation():
    chat = StreamAlignedChat(ScriptedChatModel("One."), AcceptAligner(), api_key=KEYS[0])
    assert "ScriptedChatModel" in repr(chat)
    assert not secrets_in(
        repr(chat) + str(chat) + repr(chat.graph.recipe) + dumps(chat) + repr(chat._identifying_params)
    )
