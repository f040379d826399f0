"""Requests as clients of every kind make them, and what they are told when a request is none."""

import gzip
import json
import logging
import socket

import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel

from stream_aligner_lc import AcceptAligner, ChatTransformers, StreamAlignedChat
from stream_aligner_lc.serving import create_app
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
from tests.serving.conftest import ASK

JSON = {"content-type": "application/json"}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def test_a_parsed_reply_is_an_object_of_the_clients_class(serve):
    class Place(BaseModel):
        name: str

    served = serve(ScriptedChatModel(['{"name": "bad."}'] * 2), ReplaceAligner(bad="good"))
    chat = served.client().chat.completions
    assert chat.parse(**ASK, response_format=Place).choices[0].message.parsed == Place(name="bad.")
    with chat.stream(**ASK, response_format=Place) as events:
        assert events.get_final_completion().choices[0].message.parsed == Place(name="bad.")


@pytest.mark.parametrize("body", ['{"\\ud800": 1}', '{"stop": ["\\ud800"], "model": "\\ud800"}'])
def test_half_a_character_in_what_is_refused_is_no_fault_of_the_servers(serve, body):
    answer = serve("Yes.").http.post("/v1/chat/completions", content=body, headers=JSON)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["type"]


def test_what_nobody_foresaw_is_an_error_in_the_same_form_and_its_words_are_not_logged(serve, caplog):
    class Odd(ScriptedChatModel):
        def bind_tools(self, tools, **kwargs):
            raise KeyError("secret")

    served = serve(Odd("Yes."))
    with caplog.at_level(logging.DEBUG), pytest.raises(openai.InternalServerError) as caught:
        served.client().chat.completions.create(**ASK, tools=[TOOL])
    assert (caught.value.status_code, caught.value.type, caught.value.code) == (500, "server_error", "internal_error")
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text + caught.value.response.text
    served.wait_for('stream_aligner_requests_total{status="500"}', 1)
    served.wait_for('stream_aligner_faults_total{whose="server"}', 1)


def test_a_route_that_breaks_answers_in_the_same_form():
    from starlette.testclient import TestClient

    app = create_app(StreamAlignedChat(ScriptedChatModel("Yes."), AcceptAligner()), name="m")

    @app.get("/broken")
    async def broken():
        raise KeyError("secret")

    answer = TestClient(app, raise_server_exceptions=False).get("/broken")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/v1/models", "/v1/models/m", "/"])
def test_the_head_of_what_can_be_read_can_be_asked_for(serve, path):
    served = serve("Yes.", app={"playground": True})
    served.client().chat.completions.create(**ASK)
    head, whole = served.http.head(path), served.http.get(path)
    assert (head.status_code, whole.status_code) == (200, 200)
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.content == b""


def test_the_models_are_listed_behind_a_slash_too(serve):
    assert serve("Yes.").http.get("/v1/models/").json()["data"][0]["id"] == "m"


def test_every_answer_has_an_id_which_the_client_tells(serve):
    served = serve("Yes.", app={"key": "k", "max_bytes": 1000})
    client = served.client(api_key="k")
    found = [client.chat.completions.with_raw_response.create(**ASK).request_id]
    found += [client.models.with_raw_response.list().request_id]
    for asker, asked in (
        (served.client(), ASK),
        (client, {**ASK, "model": "other"}),
        (client, {**ASK, "n": 2}),
        (client, {**ASK, "user": "x" * 2000}),
    ):
        with pytest.raises(openai.APIStatusError) as caught:
            asker.chat.completions.create(**asked)
        found.append(caught.value.request_id)
    found += [served.http.get(path).headers["x-request-id"] for path in ("/nowhere", "/healthz")]
    assert all(found)
    assert len(set(found)) == len(found)


def test_a_page_that_may_call_can_read_the_id_and_when_to_try_again(serve):
    served = serve("Yes.", app={"cors_origins": ["https://a.example"], "key": "k"})
    answer = served.http.post("/v1/chat/completions", json=ASK, headers={"origin": "https://a.example"})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert {"x-request-id", "retry-after"} <= set(answer.headers["access-control-expose-headers"].split(", "))


def test_a_packed_body_is_refused_by_name(serve):
    packed = gzip.compress(json.dumps(ASK).encode())
    answer = serve("Yes.").http.post(
        "/v1/chat/completions", content=packed, headers={**JSON, "content-encoding": "gzip"}
    )
    assert answer.status_code == 415
    assert "'gzip'" in answer.json()["error"]["message"]


def test_an_option_of_a_stream_that_is_null_was_not_given(serve):
    served = serve("Yes.")
    *_, last = served.client().chat.completions.create(**ASK, stream=True, stream_options={"include_usage": None})
    assert last.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stop", ["", [""], ["a", ""]])
def test_an_empty_stop_sequence_is_refused_and_ends_no_reply(serve, stop):
    with pytest.raises(openai.BadRequestError, match="none of them empty") as caught:
        serve("Yes.").client().chat.completions.create(**ASK, stop=stop)
    assert caught.value.param == "stop"


@pytest.mark.parametrize("part", [{"type": "text"}, {"type": "text", "text": 5}, {"type": 5}, {"text": "x"}, "x", None])
def test_a_part_that_is_none_is_told_its_place(serve, part):
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hello."}, part]}]
    with pytest.raises(openai.BadRequestError) as caught:
        serve("Yes.").client().chat.completions.create(model="m", messages=messages)
    assert caught.value.param == "messages[0].content[1]"


def test_what_belongs_to_the_account_with_openai_stops_no_reply_of_another_upstream(serve):
    served = serve(ChatTransformers(pair.UPSTREAM), AcceptAligner())
    account = {"metadata": {"a": "b"}, "user": "u", "store": True, "service_tier": "auto", "safety_identifier": "s"}
    assert served.client().chat.completions.create(**ASK, **account, max_tokens=8).choices[0].message.content


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_tool_that_must_be_called_and_is_not_there_is_refused(serve, choice):
    upstream = ScriptedChatModel("Yes.")
    with pytest.raises(openai.BadRequestError, match="`tools`") as caught:
        serve(upstream).client().chat.completions.create(**ASK, tool_choice=choice)
    assert caught.value.param == "tool_choice"
    assert upstream.calls == []


def test_the_figures_are_well_formed_after_every_kind_of_answer(serve):
    served = serve("Yes. It is.", app={"max_bytes": 1000})
    list(served.client().chat.completions.create(**ASK, stream=True))
    for body in (b"{", b"x" * 2000, b'{"\\ud800": 1}'):
        served.http.post("/v1/chat/completions", content=body, headers=JSON)
    served.wait_for('stream_aligner_requests_total{status="200"}', 1)
    families = {each.name: each for each in text_string_to_metric_families(served.http.get("/metrics").text)}
    statuses = {
        sample.labels["status"]: sample.value
        for sample in families["stream_aligner_requests"].samples
        if sample.name.endswith("_total")
    }
    assert statuses == {"200": 1, "400": 2, "413": 1}


@pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
def test_a_request_that_offers_another_protocol_is_answered_in_this_one(serve, upgrade):
    # As Java's client does with its first request to an address.
    body = json.dumps(ASK).encode()
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: Upgrade, HTTP2-Settings, close",
        f"Upgrade: {upgrade}",
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    ]
    with socket.create_connection(("127.0.0.1", serve("Yes.").port), timeout=20) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(1000), b"")).decode()
    assert answer.startswith("HTTP/1.1 200 ")
    assert '"content": "Yes."' in answer
