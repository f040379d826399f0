"""A model provider on 127.0.0.1 that records what it is asked and streams the tokens it was given.

It speaks OpenAI chat completions (so do DeepSeek, Mistral, vLLM and llama.cpp), Anthropic and Ollama.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Tokens = Sequence[str] | Callable[[dict[str, Any]], Sequence[str]]


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived."""

    path: str
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.body["messages"]


class LoopbackProvider:
    """Serve `tokens` (or what `tokens(body)` returns) until the `with` block ends.

    `base_url` has no path: OpenAI clients want `base_url + "/v1"`, DeepSeek's `base_url + "/beta"`. With
    `refusal` set, every request is answered with status 400 and that message. `delay` is the pause before
    each token in seconds; `written` counts the tokens that left: it stops when the reader has gone, and
    `left` is set.
    """

    def __init__(self, tokens: Tokens = ("",), *, refusal: str | None = None, delay: float = 0.0) -> None:
        self.tokens = tokens
        self.refusal = refusal
        self.delay = delay
        self.requests: list[Recorded] = []
        self.written = 0
        self.left = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def last(self) -> Recorded:
        return self.requests[-1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str, body: dict[str, Any]) -> Iterator[bytes]:
        tokens = self.tokens(body) if callable(self.tokens) else self.tokens
        stream, whole = _FORMATS[path.rsplit("/", 1)[1]]
        if _streams(path, body):
            for kind, piece in stream(tokens):
                if kind == "token" and self.delay:
                    time.sleep(self.delay)
                yield piece.encode()
                self.written += kind == "token"
        else:
            yield json.dumps(whole("".join(tokens))).encode()

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805  (the class below has its own self)
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.requests.append(Recorded(self.path, body))
                if provider.refusal is not None:
                    self._start(400, "application/json")
                    error = {"type": "invalid_request_error", "message": provider.refusal}
                    self.wfile.write(json.dumps({"type": "error", "error": error}).encode())
                    return
                streams = _streams(self.path, body)
                kind = "application/x-ndjson" if self.path.startswith("/api/") else "text/event-stream"
                self._start(200, kind if streams else "application/json")
                try:
                    for piece in provider._answer(self.path, body):
                        self.wfile.write(piece)
                        self.wfile.flush()
                except (BrokenPipeError, ConnectionResetError):
                    provider.left.set()  # the reader has seen enough

            def _start(self, status: int, kind: str) -> None:
                # HTTP/1.0: the body ends with the connection, so no thread waits for another request.
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _streams(path: str, body: dict[str, Any]) -> bool:
    return body.get("stream", path.startswith("/api/"))  # Ollama streams unless told not to


def _sse(data: Any, event: str | None = None) -> str:
    return (f"event: {event}\n" if event else "") + f"data: {json.dumps(data)}\n\n"


def _completions_stream(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    def chunk(delta: dict[str, str], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "loopback"}
        return _sse({**head, "choices": [choice]})

    yield "frame", chunk({"role": "assistant", "content": ""})
    for token in tokens:
        yield "token", chunk({"content": token})
    yield "frame", chunk({}, "stop") + "data: [DONE]\n\n"


def _completions_whole(text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    head = {"id": "1", "object": "chat.completion", "created": 1, "model": "loopback"}
    return {**head, "choices": [choice], "usage": usage}


def _anthropic_message(content: list[Any], stop: str | None) -> dict[str, Any]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "loopback"}
    return {**head, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}


def _anthropic_stream(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    def event(kind: str, **data: Any) -> str:
        return _sse({"type": kind, **data}, kind)

    yield "frame", event("message_start", message=_anthropic_message([], None))
    yield "frame", event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for token in tokens:
        yield "token", event("content_block_delta", index=0, delta={"type": "text_delta", "text": token})
    yield "frame", event("content_block_stop", index=0)
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield "frame", event("message_delta", delta=end, usage={"output_tokens": 1}) + event("message_stop")


def _anthropic_whole(text: str) -> dict[str, Any]:
    return _anthropic_message([{"type": "text", "text": text}], "end_turn")


def _ollama_line(text: str, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "model": "loopback",
        "created_at": "2026-01-01T00:00:00Z",
        "message": message,
        "done": False,
        **more,
    }


def _ollama_stream(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    for token in tokens:
        yield "token", json.dumps(_ollama_line(token)) + "\n"
    yield "frame", json.dumps(_ollama_whole("")) + "\n"


def _ollama_whole(text: str) -> dict[str, Any]:
    return _ollama_line(text, done=True, done_reason="stop", prompt_eval_count=1, eval_count=1)


# By the last part of the path: how an answer is streamed, and how it is given as a whole.
_FORMATS: dict[str, tuple[Callable[..., Any], Callable[[str], Any]]] = {
    "completions": (_completions_stream, _completions_whole),
    "messages": (_anthropic_stream, _anthropic_whole),
    "chat": (_ollama_stream, _ollama_whole),
}
