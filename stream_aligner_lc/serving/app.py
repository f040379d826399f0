"""`create_app`: an aligned chat model as an OpenAI-compatible web application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.limits import max_body
from stream_aligner_lc.playground import FILES, router
from stream_aligner_lc.playground.lines import Attend
from stream_aligner_lc.serving import metrics as figures
from stream_aligner_lc.serving.completions import Completions
from stream_aligner_lc.serving.counted import Watcher
from stream_aligner_lc.serving.front import COMPLETIONS, front
from stream_aligner_lc.serving.gate import Gate
from stream_aligner_lc.serving.readiness import Readiness
from stream_aligner_lc.serving.refusals import Refusal, of_http, unforeseen

_UNLOCKED = {"/healthz", "/metrics"}
_READ = ["GET", "HEAD"]


def create_app(
    llm: StreamAlignedChat,
    *,
    name: str | None = None,
    key: str | None = None,
    max_replies: int = 64,
    max_bytes: int | None = None,
    forward: Collection[str] = (),
    cors_origins: Sequence[str] = (),
    hosts: Collection[str] | None = None,
    playground: bool = False,
) -> FastAPI:
    """Return an application that answers OpenAI's chat completions with aligned replies of `llm`.

    `name` is the model's in requests (default: the upstream's), `key` what clients must send as theirs. At most
    `max_replies` are written at once; more are answered with 429. Requests of more than `max_bytes` (default:
    STREAM_ALIGNER_MAX_BODY, else 16 MiB) are answered with 413. Parameters of requests that are named in `forward` are
    passed on to the upstream beside those of OpenAI. Pages of `cors_origins` may call it from a browser. It can be
    asked by its address, as localhost and under the names `hosts`; None takes every name, which is right behind a key.
    With `playground` there is a page at `/` on which people ask and watch; it shows drafts, which nothing else does.
    `app.state.gate.close(seconds)` lets nobody in any more and waits for the replies that run.

    Raises `ConfigurationError` for a wrong option.
    """
    _check(llm, key, max_replies)
    gate, readiness = Gate(max_replies), Readiness(llm)
    measured = figures.Metrics(lambda: gate.running)
    name = name or llm.model_name

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        readiness.begin()
        yield

    in_front = front(
        measured,
        gate,
        key=key,
        hosts=hosts,
        unlocked={*_UNLOCKED, *(FILES if playground else ())},
        max_bytes=max_bytes or max_body(),
        cors_origins=cors_origins,
    )
    app = FastAPI(
        title="Stream Aligner", lifespan=lifespan, middleware=in_front, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.gate, app.state.readiness = gate, readiness
    answer = Completions(llm, name, gate=gate, readiness=readiness, metrics=measured, forward=forward)
    # An endpoint of its own: a route of FastAPI's would add a parse and a dump of what is parsed and dumped already.
    app.router.routes.append(Route(COMPLETIONS, answer, methods=["POST"]))
    model = {"id": name, "object": "model", "created": 0, "owned_by": "stream-aligner"}

    @app.api_route("/v1/models", methods=_READ)
    @app.api_route("/v1/models/", methods=_READ)
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [model]}

    @app.api_route("/v1/models/{asked:path}", methods=_READ)
    async def model_of(asked: str) -> dict[str, Any]:
        if asked != name:
            raise Refusal(
                404, f"The model {asked[:80]!r} does not exist here. Ask for {name!r}.", code="model_not_found"
            )
        return model

    @app.api_route("/healthz", methods=_READ)
    async def healthz() -> JSONResponse:
        readiness.begin()  # where this is mounted in another application, nobody else has
        state = "closing" if gate.is_closing else readiness.state
        return JSONResponse({"status": state}, 200 if state == "ready" else 503)

    @app.api_route("/metrics", methods=_READ)
    async def metrics() -> Response:
        return Response(measured.page(), media_type=figures.CONTENT_TYPE)

    if playground:
        app.include_router(router(llm, attend=_counting(gate, measured), observer=lambda: Watcher(measured, gate)))

    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, _failed)
    return app


def _counting(gate: Gate, metrics: figures.Metrics) -> Attend:
    async def attend(work: Coroutine[Any, Any, None], receive: Receive) -> None:
        # What is let in is counted by who watches it.
        if refusal := gate.refusal():
            metrics.count_fault(refusal.whose)
            metrics.count_answer(refusal.status)
        await gate.attend(work, receive)

    return attend


def _check(llm: Any, key: str | None, max_replies: int) -> None:
    if not isinstance(llm, StreamAlignedChat):
        raise ConfigurationError(
            f"`llm` must be a StreamAlignedChat, got {type(llm).__name__}, whose replies nobody corrects. "
            "Use create_app(StreamAlignedChat(model, aligner))."
        )
    if key is not None and not key.strip():
        raise ConfigurationError("`key` must not be empty. Use None to let everybody in.")
    if max_replies < 1:
        raise ConfigurationError(f"`max_replies` must be at least 1, got {max_replies!r}.")


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal), "registered for it alone"
    return refusal.response


async def _unknown(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException), "registered for it alone"
    answer = of_http(fault.status_code, fault.detail).response
    answer.headers.update(fault.headers or {})
    return answer


async def _failed(_: Request, fault: Exception) -> Response:
    return unforeseen(fault).response
