"""The proxy of `examples/deploy`, run with its own configuration before two replicas that share a name."""

import json
import shutil
import socket
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from urllib.request import Request, urlopen

import pytest

from tests.processes import Serving

CONFIGURATION = (Path(__file__).parents[2] / "examples" / "deploy" / "nginx.conf").read_text()
SESSIONS = [f"session {number}" for number in range(12)]


def is_two_addresses(name):
    """Tell whether a name stands for this machine twice, as a service's name does for its replicas."""
    return len({address for *_, address in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}) == 2


needs_nginx = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
needs_both = pytest.mark.skipif(not is_two_addresses("localhost"), reason="localhost is one address here")


class Replica(ThreadingHTTPServer):
    """A server that answers with the address that it listens at."""

    daemon_threads = True

    def __init__(self, host, port, family):
        self.address_family = family
        self.host = host
        super().__init__((host, port), _Answer)

    def server_bind(self):
        # Not HTTPServer's own, which asks the network for the name of the address.
        TCPServer.server_bind(self)
        self.server_port = self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say({"host": self.server.host, "id": self.headers["X-Session-ID"]})

    def do_GET(self):
        self._say({})

    def _say(self, answer):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


def replaced(text, old, new):
    assert text.count(old) == 1, old
    return text.replace(old, new)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """Serve the shipped configuration, with other addresses and a folder of its own for what it writes."""
    folder = tmp_path_factory.mktemp("nginx")
    with ExitStack() as opened:
        first = opened.enter_context(Replica("127.0.0.1", 0, socket.AF_INET))
        opened.enter_context(Replica("::1", first.server_port, socket.AF_INET6))
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        text = replaced(CONFIGURATION, "http {", f"http {{ access_log off; {places}")
        text = replaced(text, "server aligner:8000", f"server localhost:{first.server_port}")
        command = ["nginx", "-p", str(folder), "-c", str(folder / "{port}.conf"), "-e", "stderr"]
        serving = Serving(folder, [*command, "-g", f"daemon off; pid {folder}/pid;"], health="/")
        (folder / f"{serving.port}.conf").write_text(replaced(text, "listen 8000", f"listen 127.0.0.1:{serving.port}"))
        yield opened.enter_context(serving)


def asked(proxy, session=None):
    """Return which replica answered."""
    headers = {} if session is None else {"X-Session-ID": session}
    with urlopen(Request(f"{proxy.url}/v1/completions", b"{}", headers), timeout=60) as answer:
        said = json.load(answer)
    assert said["id"] == session
    return said["host"]


@needs_nginx
@needs_both
def test_all_sentences_of_a_session_go_to_one_replica_and_the_sessions_to_both(proxy):
    hosts = [{asked(proxy, session) for _ in range(4)} for session in SESSIONS]
    assert all(len(each) == 1 for each in hosts)
    assert set().union(*hosts) == {"127.0.0.1", "::1"}


@needs_nginx
@needs_both
def test_requests_without_a_session_are_shared_out(proxy):
    assert {asked(proxy) for _ in range(24)} == {"127.0.0.1", "::1"}


def test_replicas_of_one_name_are_told_apart_by_their_addresses():
    # With `consistent` nginx hashes the name, which they share, and takes turns among its addresses.
    (line,) = [line.strip() for line in CONFIGURATION.splitlines() if line.strip().startswith("hash ")]
    assert line == "hash $session;"
