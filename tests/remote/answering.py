"""A server on 127.0.0.1 that answers as it is told, also with what no model server says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHAT = {
    "choices": [{"message": {"content": "CORRECTION: [[It is good.]]\nEOS: [[FALSE]]"}, "finish_reason": "stop"}],
    "usage": {"total_tokens": 2},
}
COMPLETION = {"choices": [{"text": "It is good.", "finish_reason": "stop"}]}


def sound(path):
    """Return what a sound server answers."""
    return COMPLETION if path == "/v1/completions" else CHAT


class _Crowded(ThreadingHTTPServer):
    request_queue_size = 256
    block_on_close = False


class Answering:
    """Serve until the `with` block ends.

    `answer(path, number)` returns what the request of that number, from 1, is answered with: an object, a tuple of
    status, body and headers, or a function that is given the handler. `requests` are the paths that came,
    `connections` the ports that they came from, `keys` what they brought.
    """

    def __init__(self, answer=lambda path, _number: sound(path)):
        self.answer, self.requests, self.connections, self.keys = answer, [], [], []
        self._server = _Crowded(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def host(self):
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self):
        return f"http://{self.host}/v1"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(server):  # noqa: N805  (the class below has its own self)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append(self.path)
                server.connections.append(self.client_address[1])
                server.keys.append(self.headers.get("Authorization"))
                answer = server.answer(self.path, len(server.requests))
                if callable(answer):
                    self.close_connection = True
                    answer(self)
                    return
                status, body, headers = answer if isinstance(answer, tuple) else (200, answer, {})
                sent = body if isinstance(body, bytes) else json.dumps(body).encode()
                kind = {"Content-Type": "application/json", "Content-Length": str(len(sent))}
                self.send_response(status)
                for name, value in (kind | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST  # noqa: N815  (as above)

            def log_message(self, *_):
                pass

        return Handler
