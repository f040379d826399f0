"""A server that answers with anything but what OpenAI's API says: an error that names it, and never a bug's."""

import json
import socket
import struct
import time
import traceback
from contextlib import suppress

import pytest
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from stream_aligner_lc import AlignerError, AlignerTimeout, ConfigurationError, Draft, ServerAligner, StreamAlignedChat
from stream_aligner_lc.remote.refusals import Refusal, explained, words_of
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ScriptedChatModel
from tests.remote.answering import CHAT, COMPLETION, Answering, sound

DRAFT = Draft([HumanMessage("How is it?")], "", 'It is "the\nbadness" of a Größe and so on.')
WAYS = {"chat": {"template": "prompted"}, "completions": {"template": "stream-aligner", "tokenizer": False}}
HTML = {"Content-Type": "text/html"}

either_way = pytest.mark.parametrize("way", WAYS)


def aligner_of(server, way="chat", **options):
    return ServerAligner(server.base_url, "m", **{"max_retries": 0, **WAYS[way], **options})


def changed(**more):
    return {**CHAT, **COMPLETION, **more}


STRANGE = {
    "a page": (200, b"<html>Welcome</html>", HTML),
    "a page that is said to be JSON": b"<html>Welcome</html>",
    "half of an object": b'{"choices": [{"te',
    "broken characters": b'{"choices": "\xff"}',
    "a list": [1],
    "null": None,
    "an empty object": {},
    "no choice": changed(choices=[]),
    "null choices": changed(choices=None),
    "a choice that is null": changed(choices=[None]),
    "a text that is null": changed(choices=[{"text": None, "message": None, "finish_reason": "stop"}]),
    "a text that is a number": changed(choices=[{"text": 5, "message": {"content": 5}, "finish_reason": "stop"}]),
    "an error with status 200": {"error": {"message": "The provider is down.", "code": 502}},
    "a body that is shorter than it says": (200, b'{"cho', {"Content-Length": "999"}),
}


@either_way
@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
def test_it_is_an_error_of_the_aligner_that_names_the_server(answer, way):
    with Answering(lambda _path, _number: answer) as server:
        with pytest.raises(AlignerError) as caught:
            aligner_of(server, way, timeout=5).invoke(DRAFT)
        kept = StreamAlignedChat(ScriptedChatModel("It is so."), aligner_of(server, way), on_aligner_error="keep")
        assert kept.invoke("How?").text == "It is so."
    assert server.base_url in str(caught.value) or "without `CORRECTION" in str(caught.value)


@either_way
@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": 1}, {"total_tokens": "many"}, {"total_tokens": -5}, {"total_tokens": True}, []],
)
def test_a_count_that_is_none_counts_nothing(usage, way):
    answer = changed(choices=[{**COMPLETION["choices"][0], **CHAT["choices"][0], "token_ids": "none"}], usage=usage)
    with Answering(lambda _path, _number: answer) as server:
        reply = StreamAlignedChat(ScriptedChatModel("It is so."), aligner_of(server, way)).invoke("How?")
    assert reply.text == "It is good."
    assert reply.response_metadata["stream_aligner"]["aligner_tokens"] == 0


def test_a_server_without_a_list_of_models_is_asked_all_the_same():
    def answer(path, _number):
        return (200, b"<html>Welcome</html>", HTML) if path == "/v1/models" else (400, {"detail": "No."}, {})

    with Answering(answer) as server:
        aligner = ServerAligner(server.base_url, "sums", tokenizer=pair.ALIGNER, max_retries=0)
        with pytest.raises(AlignerError, match=r"answered 400: No\."):
            aligner.invoke(DRAFT)
    assert server.requests[:2] == ["/v1/models", "/v1/completions"]


def trickle(handler):
    """Write one byte after the other until the reader has gone."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(10**6))
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.02)


@either_way
def test_an_answer_that_trickles_is_too_slow_however_often_something_comes(way):
    with Answering(lambda _path, _number: trickle) as server:
        aligner = aligner_of(server, way, timeout=0.3)
        with pytest.raises(AlignerTimeout, match=r"did not answer within timeout=0\.3 seconds"):
            aligner.invoke(DRAFT)


@either_way
@pytest.mark.parametrize(
    "first", [(500, {"error": "oops"}, {}), (429, {"error": "wait"}, {"Retry-After": "0"}), (503, b"<html>", HTML)]
)
def test_a_server_that_is_busy_for_a_moment_is_asked_again(first, way):
    with Answering(lambda path, number: first if number == 1 else sound(path)) as server:
        assert aligner_of(server, way, max_retries=1).invoke(DRAFT).text == "It is good."
    assert len(server.requests) == 2


def test_a_server_that_asks_for_an_hour_is_not_waited_for():
    busy = (429, {"error": {"message": "Come back later."}}, {"Retry-After": "3600"})
    with Answering(lambda _path, _number: busy) as server, pytest.raises(AlignerError, match="429: Come back later"):
        aligner_of(server, max_retries=3).invoke(DRAFT)
    assert server.requests.count("/v1/chat/completions") == 1


ECHOES = {
    "as it is": {"error": {"message": f"Cannot parse {DRAFT.text}"}},
    "escaped": {"error": json.dumps({"input": DRAFT.text})},
    "cut off": {"error": f"Bad input: {DRAFT.text[:24]}..."},
    "as FastAPI does": {"detail": [{"loc": ["body"], "msg": "Input is wrong", "input": {"prompt": DRAFT.text}}]},
    "in a field of its own": {"reason": {"input": DRAFT.text}},
}


@pytest.mark.parametrize("body", ECHOES.values(), ids=ECHOES)
def test_what_a_server_says_is_left_out_where_it_quotes_the_draft(body):
    with Answering(lambda _path, _number: (400, body, {})) as server, pytest.raises(AlignerError) as caught:
        aligner_of(server).invoke(DRAFT)
    assert "answered 400" in str(caught.value)
    assert "badness" not in str(caught.value)


SECRETS = {"api_key": "sk-9f8e7d6c5b4a3210", "default_headers": {"X-Gateway": "gw-0123456789abcdefgh"}}


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize("secret", [SECRETS["api_key"], SECRETS["default_headers"]["X-Gateway"]], ids=["key", "header"])
def test_what_a_server_says_is_left_out_where_it_sends_a_secret_back_that_it_was_sent(secret, status):
    body = {"error": {"message": f"Your headers were {secret}."}}
    with Answering(lambda _path, _number: (status, body, {})) as server:
        with pytest.raises((AlignerError, ConfigurationError)) as caught:
            aligner_of(server, **SECRETS).invoke(DRAFT)
        told = "".join(traceback.format_exception(caught.value))
    assert "answered" in told
    assert secret not in told


def test_a_server_that_needs_no_key_may_say_the_word_that_stands_for_none():
    refusal = (400, {"detail": "The queue is empty."}, {})
    with Answering(lambda _path, _number: refusal) as server, pytest.raises(AlignerError, match="queue is empty"):
        aligner_of(server).invoke(DRAFT)


def reset(handler):
    """Break the connection off without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


@either_way
def test_a_connection_that_is_reset_is_an_error_that_says_why(way):
    with Answering(lambda _path, _number: reset) as server, pytest.raises(AlignerError, match=r"be reached: \w+"):
        aligner_of(server, way).invoke(DRAFT)


@pytest.mark.parametrize("address", ["http://me:pass@host:none/v1", "me:pass@host/v1", "http://me:pa ss@host/v1"])
def test_a_password_in_an_address_that_is_none_is_not_shown(address):
    with pytest.raises(ConfigurationError, match=r"got 'host") as caught:
        ServerAligner(address, "m", template="prompted")
    assert "pa" not in str(caught.value).partition("got")[2]


def test_what_a_server_says_otherwise_is_said():
    words = words_of({"detail": [{"msg": "Input should be a valid string", "input": 5}, {"msg": "Extra inputs"}]}, "")
    error = explained(Refusal(422, words), base_url="http://x/v1", model="m", offered=["m"], hidden=[DRAFT.text, ""])
    assert "answered 422: Input should be a valid string; Extra inputs." in str(error)


@pytest.mark.parametrize("key", ["sk SECRET", "sk-\nSECRET", "sk-SECRÉT"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(key):
    with pytest.raises(ConfigurationError, match=r"`api_key`.*not shown here") as caught:
        ServerAligner("http://127.0.0.1:1/v1", "m", template="prompted", api_key=key)
    assert "SECR" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"'X-Key'.*not shown here") as caught:
        ServerAligner("http://127.0.0.1:1/v1", "m", template="prompted", default_headers={"X-Key": f"{key}\n"})
    assert "SECR" not in str(caught.value)


def test_a_key_may_end_in_the_line_break_of_the_file_that_it_comes_from(monkeypatch):
    monkeypatch.setenv("STREAM_ALIGNER_API_KEY", "from-a-file\n")
    with Answering() as server:
        aligner_of(server).invoke(DRAFT)
        aligner_of(server, api_key=SecretStr("wrapped")).invoke(DRAFT)
    assert server.keys == ["Bearer from-a-file", "Bearer wrapped"]


def test_a_password_in_the_address_is_in_no_error_and_in_no_identity():
    with Answering(lambda _path, _number: (500, b"", {})) as server:
        aligner = ServerAligner(f"http://ann:SECRET@{server.host}/v1", "m", template="prompted", max_retries=0)
        with pytest.raises(AlignerError, match=rf"http://{server.host}/v1 answered 500") as caught:
            aligner.invoke(DRAFT)
    assert server.keys[0].startswith("Basic ")
    assert "SECRET" not in str(caught.value) + repr(aligner.identity)
