"""Too much is refused, with its size and the way out: by the loop, and by a server before it is read."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from langchain_core.messages import HumanMessage
from langgraph_sdk import get_sync_client

from stream_aligner_lc import AcceptAligner, ConfigurationError, StreamAlignedChat, build_graph
from stream_aligner_lc.limits import BodyLimit, max_body, max_input
from stream_aligner_lc.testing import ScriptedChatModel
from tests.studio.server import langgraph_dev

BODY, INPUT = 20_000, 5_000


@pytest.mark.parametrize("schema", [{}, {"response_format": {"type": "json_object"}}])
async def test_a_conversation_of_more_characters_than_the_limit_is_refused_before_anyone_is_asked(schema):
    upstream = ScriptedChatModel(["Yes."] * 4)
    chat = StreamAlignedChat(upstream, AcceptAligner(), max_input=10).bind(**schema)
    graph = build_graph(upstream, AcceptAligner(), max_input=10)
    messages = [HumanMessage("12345"), HumanMessage("678901")]
    said = "11 characters, and max_input=10 are the most"
    for ask in (lambda: chat.invoke(messages), lambda: graph.invoke({"messages": messages})):
        with pytest.raises(ConfigurationError, match=said):
            ask()
    for ask in (lambda: chat.ainvoke(messages), lambda: graph.ainvoke({"messages": messages})):
        with pytest.raises(ConfigurationError, match=said):
            await ask()
    assert not upstream.calls
    assert chat.invoke("1234567890").text == "Yes."
    assert graph.invoke({"messages": [HumanMessage("1234567890")]})["messages"][-1].text == "Yes."


def test_nothing_is_too_long_by_default_in_ones_own_program():
    text = "So it is. " * 100_000
    assert StreamAlignedChat(ScriptedChatModel("Yes."), AcceptAligner()).invoke(text).text == "Yes."


@pytest.mark.parametrize("limit", [max_input, max_body])
def test_a_limit_is_the_environments_and_a_whole_number(limit, monkeypatch):
    variable = {max_input: "STREAM_ALIGNER_MAX_INPUT", max_body: "STREAM_ALIGNER_MAX_BODY"}[limit]
    monkeypatch.delenv(variable, raising=False)
    assert limit() >= 1_000_000
    monkeypatch.setenv(variable, "70")
    assert limit() == 70
    for wrong in ("0", "-1", "many", "1.5"):
        monkeypatch.setenv(variable, wrong)
        with pytest.raises(ConfigurationError, match=f"{variable} must be a whole number.*{wrong}"):
            limit()


async def echo(scope, receive, send):
    """Answer with how long each message is that is received before the client leaves."""
    message, lengths = await receive(), []
    while message["type"] == "http.request" and not lengths:
        lengths.append(len(message["body"]))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(lengths).encode()})


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("length", "status"), [(0, 200), (100, 200), (101, 413), (5000, 413)])
async def test_a_body_is_refused_beyond_the_limit_whether_its_length_is_declared_or_not(length, status, declared):
    async def pieces():
        for at in range(0, length, 30):
            yield b"x" * min(30, length - at)

    transport = httpx.ASGITransport(BodyLimit(echo, max_bytes=100))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.post("/", content=b"x" * length if declared else pieces())
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == [length]
    else:
        assert "more than 100 bytes" in answer.json()["detail"]


async def test_a_body_that_does_not_come_is_not_waited_for():
    async def receive():
        if not received:
            received.append({"type": "http.request", "body": b"{", "more_body": True})
            return received[0]
        return await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    received, sent = [], []
    await BodyLimit(echo, max_bytes=100, patience=0.01)({"type": "http", "headers": []}, receive, send)
    assert sent[0]["status"] == 408
    assert b"Nothing came for 0.01 seconds" in sent[1]["body"]


async def test_what_is_no_request_of_http_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    await BodyLimit(app, max_bytes=1)({"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The real server, with small limits."""
    doubles = {"plain": f"{Path(__file__).parent / 'served.py'}:plain"}
    limits = {"STREAM_ALIGNER_MAX_BODY": str(BODY), "STREAM_ALIGNER_MAX_INPUT": str(INPUT)}
    with langgraph_dev(tmp_path_factory.mktemp("server"), doubles, **limits) as up:
        yield up


def asking(text):
    return {"messages": [{"type": "human", "content": text}]}


def test_a_server_refuses_a_large_request_at_every_door_and_goes_on(server):
    body = {"assistant_id": "plain", "input": asking("x" * (BODY + 1))}
    for path in ("/runs/wait", "/runs/stream", "/threads", "/assistants", "/store/items"):
        answer = httpx.post(f"{server.url}{path}", json=body, timeout=30)
        assert answer.status_code == 413, path
        assert f"more than {BODY} bytes" in answer.json()["detail"]
    answer = httpx.post(f"{server.url}/runs/wait", content=(b"x" * 1000 for _ in range(BODY // 1000 + 5)), timeout=30)
    assert answer.status_code == 413
    with get_sync_client(url=server.url) as client:
        assert client.runs.wait(None, "plain", input=asking("Hello"))["messages"][-1]["content"] == "Yes."


@pytest.mark.parametrize("graph", ["plain", "sums", "annotate"])
def test_a_server_refuses_a_long_conversation_and_says_which_variable_to_raise(server, graph):
    with get_sync_client(url=server.url) as client:
        answer = client.runs.wait(None, graph, input=asking("x" * (INPUT + 1)), raise_error=False)
    fault = answer["__error__"]
    assert fault["error"] == "ConfigurationError"
    assert f"{INPUT + 1} characters, and max_input={INPUT}" in fault["message"]
    assert "STREAM_ALIGNER_MAX_INPUT" in fault["message"]


def test_a_thread_that_grows_beyond_the_limit_is_refused_too(server):
    with get_sync_client(url=server.url) as client:
        thread = client.threads.create()["thread_id"]
        assert client.runs.wait(thread, "plain", input=asking("x" * (INPUT - 100)))["messages"][-1]["content"] == "Yes."
        answer = client.runs.wait(thread, "plain", input=asking("x" * 200), raise_error=False)
    assert answer["__error__"]["error"] == "ConfigurationError"
