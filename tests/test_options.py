"""Wrong options are errors that show the value and name the way out, before any model is called."""

import pytest
from langchain_core.output_parsers import StrOutputParser
from pydantic import SecretStr

from stream_aligner_lc import AcceptAligner, AlignerError, ConfigurationError, StreamAlignedChat, build_graph
from stream_aligner_lc.testing import ScriptedChatModel

UPSTREAM = ScriptedChatModel("One. Two.")


@pytest.mark.parametrize("build", [StreamAlignedChat, build_graph])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lookahead": -1}, r"`lookahead`.*at least 0.*-1"),
        ({"lookahead": 1.5}, r"`lookahead`.*1\.5"),
        ({"lookahead": True}, r"`lookahead`.*True"),
        ({"granularity": "word"}, r"`granularity`.*'sentence', 'paragraph', 'response'.*'word'"),
        ({"max_restarts": -1}, r"`max_restarts`.*feedback=False"),
        ({"max_sentences": 0}, r"`max_sentences`.*at least 1.*None"),
        ({"align_first": -2}, r"`align_first`.*-2"),
        ({"max_input": 0}, r"`max_input`.*at least 1.*None"),
        ({"skip": "code"}, r"`skip`.*'code'"),
        ({"skip": ["kode"]}, r"`skip`.*kode"),
        ({"on_aligner_error": "ignore"}, r"`on_aligner_error`.*'raise', 'keep', 'stop'.*'ignore'"),
        ({"aligner_timeout": 0}, r"`aligner_timeout`.*0"),
        ({"upstream_timeout": -1}, r"`upstream_timeout`.*above 0.*-1.*None"),
        ({"upstream_timeout": float("nan")}, r"`upstream_timeout`.*nan"),
        ({"reply_timeout": "10s"}, r"`reply_timeout`.*'10s'.*None"),
        ({"upstream_retries": -1}, r"`upstream_retries`.*-1"),
        ({"feedback": "no"}, r"`feedback`.*'no'"),
        ({"reasoning": "hide"}, r"`reasoning`.*'pass', 'drop'.*'hide'"),
        ({"lang": 5}, r"`lang`.*5"),
        ({"on_record": "file.jsonl"}, r"`on_record`.*JsonlRecorder"),
        ({"continuation": "prefil"}, r"prefill.*'prefil'"),
        ({"lookahed": 1}, r"lookahed.*lookahead"),
    ],
)
def test_a_wrong_option_is_named_with_its_value(build, options, message):
    with pytest.raises(ConfigurationError, match=f"(?s){message}"):
        build(UPSTREAM, AcceptAligner(), **options)


@pytest.mark.parametrize(
    ("llm", "message"),
    [
        ("gpt-9", r"'gpt-9'.*init_chat_model"),
        (None, "None"),
        (UPSTREAM | StrOutputParser(), r"RunnableSequence.*prompt \| StreamAlignedChat\(model\) \| parser"),
    ],
)
def test_what_is_no_chat_model_is_refused(llm, message):
    with pytest.raises(ConfigurationError, match=message):
        StreamAlignedChat(llm, AcceptAligner())


@pytest.mark.parametrize(
    ("aligner", "message"),
    [("no/such/model", "no folder 'no/such/model'"), (5, r"5 \(int\)"), (dict, "dict"), ("", "''")],
)
def test_what_is_no_aligner_is_refused(aligner, message):
    with pytest.raises(ConfigurationError, match=message):
        StreamAlignedChat(UPSTREAM, aligner)


def test_an_aligner_that_returns_a_number_is_an_error_that_says_what_to_do(collect):
    with pytest.raises(AlignerError, match=r"got int.*Return the draft's own text"):
        collect(StreamAlignedChat(UPSTREAM, lambda draft: 5), "Go on.")


def test_an_option_of_the_upstreams_client_is_refused_where_it_would_have_no_effect():
    from langchain_openai import ChatOpenAI

    with pytest.raises(ConfigurationError, match=r"ChatOpenAI\(api_key=\.\.\.\)"):
        StreamAlignedChat(ChatOpenAI(api_key="x", model="m"), AcceptAligner(), api_key="y", continuation="instruct")


def test_a_graph_forwards_them_as_well():
    upstream = ScriptedChatModel("One. Two. Three.")
    graph = build_graph(upstream, AcceptAligner(), temperature=0.3, max_tokens=2, stop="END")
    state = graph.invoke({"messages": [("user", "Go on.")]})
    assert state["messages"][-1].text == "One. Two."
    assert state["messages"][-1].response_metadata["finish_reason"] == "length"
    assert upstream.calls[0].kwargs == {"temperature": 0.3, "max_tokens": 2}
    assert upstream.calls[0].stop == ["END"]


def test_options_of_a_call_are_forwarded_to_every_upstream_call(collect):
    upstream = ScriptedChatModel("Bad. Two.")
    options = {"temperature": 0.3, "timeout": 7, "max_retries": 2, "api_key": "k"}
    chat = StreamAlignedChat(upstream, lambda draft: draft.text.replace("Bad", "Good"), **options)
    collect(chat, "Go on.", stop=["END"])
    assert len(upstream.calls) == 2
    for call in upstream.calls:
        assert call.kwargs == {**options, "api_key": SecretStr("k")}
        assert call.stop == ["END"]
