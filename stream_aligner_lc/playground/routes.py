"""The page, its two files, and the one address that it asks: a router for any FastAPI application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.params import Depends as Dependency
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel, Field

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.leaving import until_left
from stream_aligner_lc.playground.examples import is_bundled, questions_for
from stream_aligner_lc.playground.lines import Attend, Lines
from stream_aligner_lc.playground.watching import Observer, watched
from stream_aligner_lc.showing import pages

FILES = ("/", "/playground/page.css", "/playground/page.js", "/playground/icon.svg")
"""Where the page is, and what it loads: nothing in them is secret."""

REPLY = "/playground/reply"
"""Where the page asks."""

_PACKAGE = "stream_aligner_lc.playground"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#0b62c4"/>'
    '<path d="M3.5 5.5h9M3.5 8h4M9.5 8h3M3.5 10.5h6" stroke="#fff" stroke-width="1.4" stroke-linecap="round"/></svg>'
)


class Turn(BaseModel):
    """One message of the conversation."""

    role: Literal["user", "assistant"]
    content: str


class Asked(BaseModel):
    """What the page sends: the conversation so far, a question last."""

    messages: Annotated[list[Turn], Field(min_length=1)]


def router(
    llm: StreamAlignedChat,
    *,
    examples: Sequence[str] | None = None,
    dependencies: Sequence[Dependency] = (),
    attend: Attend = until_left,
    observer: Callable[[], Observer] = Observer,
) -> APIRouter:
    """Return the routes of the playground: the page at `/`, and what it needs below `/playground`.

    It shows drafts, which nothing else does: include it only where somebody asked for it. `dependencies` guard the
    address that answers, for example with a check of an API key; where one of them answers 401, the page asks for a key
    and sends it as `Authorization: Bearer`, in UTF-8. `attend` does the work of an answer for as long as its reader is
    there, as `until_left`, and may refuse to begin: a server that counts its replies passes its own. `observer` makes
    who is told of a reply, one for each. `examples` are questions to offer, by default ones that suit `llm`.
    """
    files = (
        ("text/html", _page(llm, questions_for(llm) if examples is None else examples)),
        ("text/css", pages.style(_PACKAGE)),
        ("text/javascript", pages.script(_PACKAGE)),
        ("image/svg+xml", _ICON),
    )
    routes = APIRouter(include_in_schema=False)
    for path, (kind, content) in zip(FILES, files, strict=True):
        routes.add_api_route(path, _file(content, kind), methods=["GET", "HEAD"])

    @routes.post(REPLY, dependencies=[Depends(from_this_page), *dependencies])
    async def reply(asked: Asked) -> Response:
        if asked.messages[-1].role != "user":
            raise HTTPException(422, "The last message must be the user's: that is what is answered.")
        messages = [_message(turn) for turn in asked.messages]
        events = watched(llm, messages, observer=observer())
        return Lines(events, attend=attend, headers=_HEADERS)

    return routes


def from_this_page(request: Request) -> None:
    """Raise an `HTTPException` unless the request can only come from the playground's own page.

    Any site that a person visits can have their browser post to this server, with the person's own access to it (a
    port on their machine, a network that they are in). A form, or a script without a preflight, cannot send JSON by
    its proper type, and a browser says where a request comes from; no script can change that. Who is no browser
    sends neither header, and gains nothing from a person's browser.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, f"Send JSON as 'application/json', not as {kind!r}.")
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        # The browser's own word holds also behind a proxy that asks for this server by another name.
        is_own = site == "same-origin"
    else:
        # Hosts only: a proxy in front may have taken the encryption off, and with it the scheme.
        is_own = origin is None or origin.partition("://")[2] == request.headers.get("host")
    if not is_own:
        raise HTTPException(403, "Only the playground's own page may ask here.")


def _message(turn: Turn) -> BaseMessage:
    return HumanMessage(turn.content) if turn.role == "user" else AIMessage(turn.content)


def _page(llm: StreamAlignedChat, examples: Sequence[str]) -> str:
    buttons = [f'<li><button type="button" dir="auto">{escape(each)}</button></li>' for each in examples]
    return pages.page(_PACKAGE).format(
        upstream=escape(llm.model_name or type(llm.llm).__name__),
        aligner=escape(str(getattr(llm.aligner, "name", "") or "aligner")),
        hint="These two small models know sums like these, and nothing else." if is_bundled(llm) else "",
        examples="\n".join(buttons),
    )


def _file(content: str, kind: str) -> Any:
    async def file() -> Response:
        return Response(content, media_type=kind, headers=_HEADERS)

    return file
