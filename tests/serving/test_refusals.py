"""Errors of every status, in the form in which OpenAI's client knows them; none quotes a draft or a key."""

import logging

import httpx
import openai
import pytest

from stream_aligner_lc import AcceptAligner, ChatTransformers, StreamAlignedChat
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.serving import create_app
from stream_aligner_lc.serving.asked import taken_by
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.limits.provider import ErrorEvent, Fault, FaultyProvider, Status
from tests.serving.conftest import ASK

SECRET = "sk-proj-0123456789abcdef"


def refused(served, **asked):
    """What the client raises, for a whole reply and for a stream alike."""
    faults = []
    for stream in (False, True):
        with pytest.raises(openai.APIError) as caught:
            list(served.client().chat.completions.create(**{**ASK, "stream": stream, **asked}))
        faults.append(caught.value)
    assert faults[0].status_code == faults[1].status_code
    assert faults[0].body == faults[1].body
    return faults[0]


@pytest.mark.parametrize(
    ("asked", "param", "said"),
    [
        ({"n": 2}, "n", "`n` is not supported, got 2."),
        ({"logprobs": True}, "logprobs", "`logprobs` is not supported, got true."),
        ({"functions": [{"name": "f"}]}, "functions", "Use `tools`."),
        ({"extra_body": {"top_k": 3}}, "top_k", "--forward top_k"),
        ({"temperature": -1}, "temperature", "`temperature` must be a number of at least 0, got -1."),
        ({"temperature": "hot"}, "temperature", 'got "hot"'),
        ({"max_tokens": 0}, "max_tokens", "got 0"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens", "got 1.5"),
        ({"stop": [1]}, "stop", "got [1]"),
        ({"response_format": 5}, "response_format", '{"type": "json_object"} or'),
        ({"response_format": {"type": "banana"}}, "response_format", 'got {"type": "banana"}'),
        ({"response_format": {"type": "json_schema"}}, "response_format", '"json_schema": {...}}, got'),
        ({"tools": [{"type": "function"}]}, "tools", "`tools` must be a list"),
        ({"tool_choice": "some"}, "tool_choice", 'got "some"'),
        ({"parallel_tool_calls": "yes"}, "parallel_tool_calls", 'got "yes"'),
        ({"messages": []}, "messages", "at least one message"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "got 'robot'"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "got int"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "got NoneType"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "the call that it answers"),
        (
            {"messages": [{"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}]},
            "messages[0].function_call",
            "Use `tool_calls`.",
        ),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio", "Only text can be aligned"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls", "must be a list of"),
    ],
)
def test_a_wrong_request_is_told_the_value_and_the_way_out(serve, asked, param, said):
    fault = refused(serve("Yes."), **asked)
    assert isinstance(fault, openai.BadRequestError)
    assert (fault.type, fault.param) == ("invalid_request_error", param)
    assert said in fault.body["message"]


def test_options_of_a_stream_without_one_are_refused(serve):
    with pytest.raises(openai.BadRequestError, match="beside stream=true"):
        serve("Yes.").client().chat.completions.create(**ASK, stream_options={"include_usage": True})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 5000])
def test_a_body_that_is_no_json_object_is_a_bad_request(serve, body):
    answer = serve("Yes.").http.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_page_of_another_origin_cannot_ask_unnoticed(serve):
    answer = serve("Yes.").http.post("/v1/chat/completions", content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]["message"]
    assert "access-control-allow-origin" not in answer.headers


def test_pages_of_a_named_origin_may_call(serve):
    served = serve("Yes.", app={"cors_origins": ["https://a.example"]})
    asked = {"origin": "https://a.example", "access-control-request-method": "POST"}
    assert served.http.options("/v1/chat/completions", headers=asked).headers["access-control-allow-origin"] == (
        "https://a.example"
    )
    answer = served.http.get("/v1/models", headers={"origin": "https://b.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_another_model_does_not_exist(serve):
    served = serve("Yes.")
    fault = refused(served, model="gpt-9")
    assert isinstance(fault, openai.NotFoundError)
    assert fault.code == "model_not_found"
    assert "'m'" in fault.body["message"]
    with pytest.raises(openai.NotFoundError):
        served.client().models.retrieve("gpt-9")


def test_an_unknown_path_and_method_are_answered_in_the_same_form(serve):
    served = serve("Yes.")
    for answer, status in (
        (served.http.post("/v1/completions", json={}), 404),
        (served.http.get("/v1/chat/completions"), 405),
        (served.http.delete("/v1/models"), 405),
    ):
        assert answer.status_code == status
        assert "POST /v1/chat/completions" in answer.json()["error"]["message"]


def test_without_the_key_nothing_is_answered(serve):
    upstream = ScriptedChatModel("Yes.")
    served = serve(upstream, app={"key": SECRET})
    for given in ("none", SECRET[:-1], "ключ"):
        fault = None
        headers = {"authorization": f"Bearer {given}".encode()}
        for path in ("/v1/models", "/v1/models/m"):
            assert served.http.get(path, headers=headers).status_code == 401
        fault = served.http.post("/v1/chat/completions", json=ASK, headers=headers)
        assert fault.status_code == 401
        assert SECRET not in fault.text
    fault = refused(served)
    assert (fault.status_code, fault.type, fault.code) == (401, "authentication_error", "invalid_api_key")
    assert upstream.calls == []
    assert served.client(api_key=SECRET).chat.completions.create(**ASK).choices[0].message.content == "Yes."
    assert served.http.get("/healthz").status_code == 200


def test_a_request_that_is_too_large_is_not_read(serve):
    served = serve("Yes.", app={"max_bytes": 1000})
    messages = [{"role": "user", "content": "x" * 2000}]
    fault = refused(served, messages=messages)
    assert (fault.status_code, fault.code) == (413, "request_too_large")
    assert "1000 bytes" in fault.body["message"]


def test_a_conversation_that_is_too_long_is_named_as_openai_names_it(serve):
    fault = refused(serve("Yes.", max_input=10))
    assert (fault.status_code, fault.code, fault.param) == (400, "context_length_exceeded", "messages")
    assert "15 characters, and 10 are the most" in fault.body["message"]


@pytest.mark.parametrize(
    ("turn", "status", "code"),
    [
        ([Status(400, error={"code": "bad_thing", "param": "messages"})], 400, "bad_thing"),
        ([Status(401, error={"message": f"Wrong key {SECRET}", "code": SECRET})], 502, "upstream_error"),
        ([Status(404)], 502, "upstream_error"),
        ([Status(413)], 413, "too_large"),
        ([Status(429, {"Retry-After": "7"})], 429, "upstream_rate_limit"),
        ([Status(500)], 502, "upstream_error"),
        ([Status(504)], 504, "upstream_timeout"),
        ([Fault.DROP], 502, "upstream_error"),
    ],
)
def test_a_fault_of_the_upstream_has_a_status_and_none_of_its_words(serve, caplog, turn, status, code):
    with FaultyProvider(turn) as provider, caplog.at_level(logging.DEBUG, "stream_aligner_lc"):
        fault = refused(serve(provider.chat(), continuation="prefill", upstream_retries=0))
    assert (fault.status_code, fault.code) == (status, code)
    assert SECRET not in fault.body["message"]
    assert SECRET not in caplog.text
    assert f"{status} {code}" in caplog.text
    if status == 429:
        assert fault.response.headers["retry-after"] == "7"


def test_an_upstream_that_says_nothing_in_time_is_a_timeout(serve):
    with FaultyProvider([Fault.STALL]) as provider:
        fault = refused(serve(provider.chat(), continuation="prefill", upstream_timeout=0.2, upstream_retries=0))
    assert (fault.status_code, fault.code) == (504, "upstream_timeout")


def test_an_upstream_that_refuses_an_option_itself_is_a_bad_request(serve):
    fault = refused(serve(ScriptedChatModel([ValueError(f"no {SECRET}")] * 2)))
    assert (fault.status_code, fault.code) == (400, "upstream_refusal")
    assert SECRET not in fault.body["message"]


def test_an_aligner_that_fails_is_an_error_that_quotes_no_draft(serve, caplog):
    text = "One here. The secret draft is here."
    served = serve(text, ScriptedAligner([OSError("The secret draft is here.")]))
    with caplog.at_level(logging.DEBUG, "stream_aligner_lc"):
        fault = refused(served)
    assert (fault.status_code, fault.code, fault.type) == (502, "aligner_error", "server_error")
    assert "secret" not in str(fault.body)
    assert "secret" not in caplog.text


def test_an_aligner_that_takes_too_long_is_a_timeout(serve):
    fault = refused(serve("Yes.", ReplaceAligner(delay=30), aligner_timeout=0.05))
    assert (fault.status_code, fault.code) == (504, "aligner_timeout")


def test_an_error_in_mid_stream_is_raised_by_the_client_and_the_text_so_far_is_kept(serve):
    served = serve("One here. Two here. The secret one.", ScriptedAligner([None, None, OSError("secret")]))
    chunks = iter(served.client().chat.completions.create(**ASK, stream=True))
    assert [next(chunks).choices[0].delta.content for _ in range(2)] == ["One here.", " Two here."]
    with pytest.raises(openai.APIError, match="The aligner failed on a sentence") as caught:
        next(chunks)
    assert caught.value.body["released"] == "One here. Two here."
    raw = served.http.post("/v1/chat/completions", json={**ASK, "stream": True})
    assert raw.status_code == 200
    assert "\n\nevent: error\ndata: {" in raw.text
    assert "secret" not in raw.text


def test_a_whole_reply_that_fails_brings_the_text_so_far(serve):
    served = serve("One here. Two here.", ScriptedAligner([None, OSError("x")]))
    with pytest.raises(openai.InternalServerError) as caught:
        served.client().chat.completions.create(**ASK)
    assert caught.value.body["released"] == "One here."


def test_an_upstream_that_fails_in_mid_reply_is_an_error_event(serve):
    with FaultyProvider(
        ["One here. ", "Two here. ", ErrorEvent({"message": SECRET, "code": "server_error"})]
    ) as provider:
        served = serve(provider.chat(), continuation="prefill", upstream_retries=0)
        with pytest.raises(openai.APIError) as caught:
            list(served.client().chat.completions.create(**ASK, stream=True))
    assert SECRET not in str(caught.value.body)


def test_what_an_upstream_cannot_take_is_refused_by_name_before_it_is_asked(serve):
    served = serve(ChatTransformers(pair.UPSTREAM), AcceptAligner())
    fault = refused(served, logit_bias={"1": 2})
    assert (fault.status_code, fault.param, fault.code) == (400, "logit_bias", "unsupported_parameter")
    takes = taken_by(ChatTransformers("a-folder"))
    assert [takes(name) for name in ("seed", "user", "top_k")] == [True, False, False]


def test_a_wrong_option_of_the_application_names_the_way_out():
    llm = StreamAlignedChat(ScriptedChatModel("x"), AcceptAligner())
    with pytest.raises(ConfigurationError, match="StreamAlignedChat"):
        create_app(ScriptedChatModel("x"))
    with pytest.raises(ConfigurationError, match="must be at least 1, got 0"):
        create_app(llm, max_replies=0)
    with pytest.raises(ConfigurationError, match="`key` must not be empty"):
        create_app(llm, key=" ")


def test_a_key_that_is_no_ascii_is_compared_all_the_same(serve):
    served = serve("Yes.", app={"key": "schlüssel"})
    answer = httpx.get(f"{served.url}/v1/models", headers={"authorization": "Bearer schlüssel".encode()})
    assert answer.status_code == 200
