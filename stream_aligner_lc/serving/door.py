"""Who may come in: whoever knows the key, if there is one, and asks for this server by a name of its own."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_aligner_lc.serving.refusals import Refusal

KEY = "STREAM_ALIGNER_SERVE_KEY"


class Door:
    """Refuse who may not come in, in front of any ASGI application, before the body of the request is read.

    The `key` is asked for at every path that is not in `unlocked`. `hosts` are the names under which the server may be
    asked, beside addresses and localhost; None takes any. `count` is told the path and the status of what is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        key: str | None,
        unlocked: Collection[str],
        hosts: Collection[str] | None,
        count: Callable[[str, int], None],
    ) -> None:
        self._app = app
        self._key = None if key is None else key.strip()
        self._unlocked = frozenset(unlocked)
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or answer with a refusal."""
        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        self._count(path_of(scope), refusal.status)
        await refusal.response(scope, receive, send)

    def _refusal(self, request: Request) -> Refusal | None:
        host = request.headers.get("host", "")
        if self._hosts is not None and not is_own(host, self._hosts):
            return Refusal(
                403,
                f"This server does not go by the name {host[:80]!r}: any page could have its own name point here. "
                "If it is yours, start the server with --allow-host and that name.",
                code="unknown_host",
            )
        if self._key is None or path_of(request.scope) in self._unlocked or self._is_known(request):
            return None
        said = (
            f"The key is missing or wrong. Send the server's {KEY} as a bearer token (`api_key` of OpenAI's clients)."
        )
        return Refusal(401, said, code="invalid_api_key")

    def _is_known(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # In a time that does not tell how much of it was right; a header's bytes come as Latin-1, whatever they are.
        is_right = hmac.compare_digest(given.strip().encode("latin-1"), (self._key or "").encode())
        return is_right and scheme.lower() == "bearer"


def is_own(host: str, names: Collection[str]) -> bool:
    """Say whether only a page of this server's own can be at `host`, which a browser takes for its origin.

    Any site can have a name of its own point to this machine (DNS rebinding), and for a browser that name is all that
    counts; it cannot have an address or localhost. Who names no host is no browser.

    >>> is_own("localhost:8000", ()), is_own("[::1]:8000", ()), is_own("evil.example:8000", ())
    (True, True, False)
    """
    if not host:
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    return name in names or name == "localhost" or name.endswith(".localhost") or is_address(name)


def is_address(name: str) -> bool:
    """Say whether a host is named by its address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def path_of(scope: Scope) -> str:
    """Return the path within the application, which may be mounted in another one."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
