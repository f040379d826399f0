"""Who may ask: whoever knows the key, if there is one."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from starlette.requests import Request

from stream_aligner_lc.serving.refusals import Refusal

KEY = "STREAM_ALIGNER_SERVE_KEY"


def guard_of(key: str | None) -> Callable[[Request], None]:
    """Return what raises `Refusal` for a request without the key; None lets everybody in."""

    def guard(request: Request) -> None:
        if key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # In a time that does not tell how much of it was right; a header's bytes come as Latin-1, whatever they are.
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode("latin-1"), key.encode()):
            raise Refusal(
                401,
                f"The key is missing or wrong. Send the server's {KEY} as a bearer token (`api_key` of OpenAI's "
                "clients).",
                code="invalid_api_key",
            )

    return guard
