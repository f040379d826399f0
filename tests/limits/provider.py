"""A model provider on 127.0.0.1 that speaks OpenAI's stream, goes wrong where it is told to, and sees who leaves."""

import json
import select
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from langchain_openai import ChatOpenAI


class Fault(Enum):
    """What may happen instead of the next token."""

    DROP = auto()
    """The connection is closed in the middle of the body."""
    RESET = auto()
    """The connection is torn down."""
    TORN = auto()
    """The body ends, cleanly, in the middle of an event."""
    GARBLED = auto()
    """An event comes with half of its data."""
    STALL = auto()
    """Nothing comes any more."""
    SILENT = auto()
    """The body ends with [DONE], without a finish reason."""


@dataclass(frozen=True)
class Status:
    """The request is answered with an error."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ErrorEvent:
    """The stream goes on with an error."""

    error: Mapping[str, Any]


@dataclass(frozen=True)
class Finish:
    """The stream ends for this reason."""

    reason: str


@dataclass(frozen=True)
class Delta:
    """Anything but text, such as a piece of a tool call."""

    delta: Mapping[str, Any]


@dataclass(frozen=True)
class Gate:
    """Tokens of which each waits for its permit; without an end."""

    token: str = "More. "


Turn = Sequence[str | Fault | Status | ErrorEvent | Finish | Delta | Gate]


class _GoneError(Exception):
    """The reader has closed the connection."""


class FaultyProvider:
    """Play one turn of `script` for each request until the `with` block ends; the last one again and again."""

    def __init__(self, *script: Turn) -> None:
        self.script = script
        self.prompts: list[list[dict[str, Any]]] = []
        self.times: list[datetime] = []
        self.gone = threading.Event()
        """Set when a reader has left in the middle of a stream."""
        self.served = 0
        """Gated tokens that were written."""
        self._permits = threading.Semaphore(0)
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def chat(self, **options: Any) -> ChatOpenAI:
        """Return the real client, which leaves retries to the loop unless `max_retries` says otherwise."""
        url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return ChatOpenAI(**{"model": "m", "api_key": "k", "base_url": url, "max_retries": 0, **options})

    def permit(self, tokens: int) -> None:
        """Let so many gated tokens out."""
        self._permits.release(tokens)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        # It waits for the handlers' threads.
        self._server.server_close()
        self._thread.join()

    def _events(self, turn: Turn, connection: socket.socket) -> Iterator[str]:
        yield _event(_choice({"role": "assistant", "content": ""}))
        for step in turn:
            if isinstance(step, str):
                yield _event(_choice({"content": step}))
            elif isinstance(step, Delta):
                yield _event(_choice(step.delta))
            elif isinstance(step, ErrorEvent):
                yield _event({"error": dict(step.error)})
            elif isinstance(step, Gate):
                while self._wait(connection, for_permit=True):
                    yield _event(_choice({"content": step.token}))
                    self.served += 1
            elif isinstance(step, Finish):
                yield _event(_choice({}, step.reason)) + "data: [DONE]\n\n"
                return
            elif step is Fault.TORN:
                yield _event(_choice({"content": "torn"}))[:-20]
                return
            elif step is Fault.GARBLED:
                yield _event(_choice({"content": "garbled"}))[:-20] + "\n\n"
            elif step is Fault.SILENT:
                yield "data: [DONE]\n\n"
                return
            elif step is Fault.STALL:
                self._wait(connection, for_permit=False)
                return
            else:
                assert isinstance(step, Fault), step
                if step is Fault.RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise _GoneError
        yield _event(_choice({}, "stop")) + "data: [DONE]\n\n"

    def _wait(self, connection: socket.socket, *, for_permit: bool) -> bool:
        """Wait for a permit, for the end of this provider (False), or for the reader to leave (raises)."""
        while not self._over.is_set():
            if select.select([connection], [], [], 0.005)[0]:
                self.gone.set()
                raise _GoneError
            if for_permit and self._permits.acquire(blocking=False):
                return True
        return False

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805  (the class below has its own self)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.times.append(datetime.now(UTC))
                provider.prompts.append(body["messages"])
                turn = provider.script[min(len(provider.prompts), len(provider.script)) - 1]
                self.close_connection = True
                first = turn[0] if turn else None
                if isinstance(first, Status):
                    self._refuse(first)
                    return
                self.send_response(200)
                for name, value in {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    events = ["data: [DONE]\n\n"] if first is Fault.SILENT else provider._events(turn, self.connection)
                    for event in events:
                        self._write(event.encode())
                    self._write(b"")
                except _GoneError:
                    pass
                except (BrokenPipeError, ConnectionResetError):
                    provider.gone.set()

            def _write(self, data: bytes) -> None:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()

            def _refuse(self, status: Status) -> None:
                body = json.dumps({"error": {"message": "no", **status.error}}).encode()
                self.send_response(status.code)
                headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
                for name, value in {**headers, **status.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _event(data: Any) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _choice(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [{"index": 0, "delta": dict(delta), "finish_reason": finish}]}
