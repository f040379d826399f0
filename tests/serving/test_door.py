"""Who is let in, before a byte of the request is read: by the key, and by the name under which the server is asked."""

import socket

import pytest

from stream_aligner_lc import AcceptAligner, StreamAlignedChat
from stream_aligner_lc.commands.serve import hosts_of
from stream_aligner_lc.serving import create_app
from stream_aligner_lc.testing import ScriptedChatModel
from tests.serving.conftest import ASK


def half_of_a_request(served, path, *headers):
    """Return the head of the answer to a request whose body never comes."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 1000"]
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, *headers, "", "{"]).encode())
        return connection.recv(1000).decode()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/playground/reply"])
def test_who_has_no_key_is_refused_before_the_request_is_read(serve, path):
    served = serve("Yes.", app={"key": "k", "playground": True})
    assert half_of_a_request(served, path).startswith("HTTP/1.1 401 ")
    assert half_of_a_request(served, path, "Authorization: Bearer no").startswith("HTTP/1.1 401 ")


def test_who_has_no_key_is_counted_and_can_go_on_with_it_on_the_same_connection(serve):
    served = serve("Yes.", app={"key": "k"})
    assert served.http.post("/v1/chat/completions", json=ASK).status_code == 401
    answer = served.http.post("/v1/chat/completions", json=ASK, headers={"authorization": "Bearer k"})
    assert answer.json()["choices"][0]["message"]["content"] == "Yes."
    served.wait_for('stream_aligner_requests_total{status="401"}', 1)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/m", "//v1/models", "/V1/models", "/nowhere", "/"])
def test_nothing_is_open_without_the_key_but_what_is_named(serve, path):
    served = serve("Yes.", app={"key": "k"})
    assert served.http.get(f"{served.url}{path}").status_code == 401
    assert served.http.get("/healthz").status_code == 200
    assert served.http.get("/metrics").status_code == 200


@pytest.mark.parametrize("root", ["", "/aligned", "/v1", "/healthz"])
def test_the_key_is_asked_for_wherever_the_application_is_mounted(root):
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.testclient import TestClient

    app = create_app(StreamAlignedChat(ScriptedChatModel("Yes."), AcceptAligner()), name="m", key="k", playground=True)
    client = TestClient(Starlette(routes=[Mount(root, app)]))
    for path in ("/", "/healthz", "/metrics", "/playground/page.js"):
        assert client.get(root + path).status_code in (200, 503), path
    assert client.get(f"{root}/v1/models").status_code == 401
    assert client.post(f"{root}/playground/reply", json=ASK).status_code == 401
    assert client.get(f"{root}/v1/models", headers={"authorization": "Bearer k"}).status_code == 200


@pytest.mark.parametrize("given", ["Bearer k", "bearer k", "Bearer  k"])
def test_the_key_is_known_in_every_spelling_of_its_header(serve, given):
    # What a file or a secret's store adds at the end of a line is no part of it.
    served = serve("Yes.", app={"key": "k\n"})
    assert served.http.get("/v1/models", headers={"authorization": given}).status_code == 200


LOCAL = ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "app.localhost:3", "192.168.0.7", "localhost.", ""]
FOREIGN = ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "a b", "[::1", "@"]


@pytest.mark.parametrize("host", [*LOCAL, "friend.example:1", "FRIEND.example"])
def test_a_server_of_this_machine_alone_is_asked_by_its_address_or_a_name_that_it_was_given(serve, host):
    served = serve("Yes.", app={"hosts": ["friend.example"]})
    assert served.http.post("/v1/chat/completions", json=ASK, headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_a_page_that_has_its_name_point_to_this_machine_gets_nothing(serve, host):
    upstream = ScriptedChatModel("Yes.")
    served = serve(upstream, app={"hosts": ["friend.example"], "playground": True})
    # Same origin, says the browser, for it knows names only.
    headers = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
    for method, path in (
        ("POST", "/v1/chat/completions"),
        ("POST", "/playground/reply"),
        ("GET", "/"),
        ("GET", "/v1/models"),
    ):
        answer = served.http.request(method, path, json=ASK, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "unknown_host")
        assert "--allow-host" in answer.json()["error"]["message"]
    assert upstream.calls == []


def test_an_application_of_ones_own_takes_every_name_unless_it_is_told_some(serve):
    assert serve("Yes.").http.get("/v1/models", headers={"host": "anything.example"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "key", "allowed", "hosts"),
    [
        ("127.0.0.1", None, (), ()),
        ("127.0.0.2", None, (), ()),
        ("localhost", None, (), ()),
        ("::1", None, (), ()),
        ("127.0.0.1", "k", (), None),
        ("0.0.0.0", None, (), None),
        ("192.168.0.7", None, (), None),
        ("box.example", None, (), None),
        ("0.0.0.0", None, ("box.example",), ("box.example",)),
        ("127.0.0.1", "k", ("box.example",), ("box.example",)),
    ],
)
def test_names_matter_where_being_on_this_machine_is_all_that_is_asked(host, key, allowed, hosts):
    assert hosts_of(host, key=key, allowed=allowed) == hosts
