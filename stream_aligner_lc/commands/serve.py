"""`stream-aligner serve`: aligned replies for every program that speaks OpenAI's API."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any

import click

from stream_aligner_lc.commands import answering, pairs
from stream_aligner_lc.commands.arguments import all_of, granularity, not_negative, option, positive, sectioned_command

_OF_THE_LOOP = (
    "continuation",
    "granularity",
    "lang",
    "on_aligner_error",
    "aligner_timeout",
    "upstream_timeout",
    "reply_timeout",
    "max_sentences",
)

_address = all_of(
    option("--name", section="Server", metavar="NAME", help="the model's in requests, if not the upstream's"),
    option("--host", section="Server", default="127.0.0.1", help="the address to listen on"),
    option("--port", section="Server", type=click.IntRange(0, 65535), default=8000, help="0 takes a free one"),
    option(
        "--forward", section="Server", multiple=True, metavar="NAME", help="a parameter of requests to pass on, too"
    ),
    option("--cors-origin", section="Server", multiple=True, metavar="URL", help="whose pages may call from a browser"),
    option(
        "--allow-host",
        section="Server",
        multiple=True,
        metavar="NAME",
        help="a name of the server's; for this machine alone and without a key, it is else asked as localhost only",
    ),
    option("--playground", section="Server", is_flag=True, help="a page at / to ask and watch; it shows drafts"),
    option(
        "--shutdown-timeout",
        section="Server",
        type=not_negative,
        default=30.0,
        metavar="SECONDS",
        help="that running replies have when the server is told to end",
    ),
    option(
        "--log-level",
        section="Server",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        help="what is logged; no text of a conversation ever is",
    ),
)
_loop = all_of(
    pairs.continuation,
    granularity("what is corrected at a time"),
    option("--lang", metavar="CODE", help="the language of the replies, such as de"),
    option(
        "--on-aligner-error",
        type=click.Choice(["raise", "keep", "stop"]),
        default="raise",
        help="answer with an error, show the draft, or end the reply",
    ),
)
_limits = all_of(
    option("--max-replies", section="Limits", type=positive, default=64, metavar="N", help="at once; more get a 429"),
    option("--max-sentences", section="Limits", type=positive, metavar="N", help="the longest reply"),
    option(
        "--max-input",
        section="Limits",
        type=positive,
        metavar="N",
        help="characters of a conversation; if not given STREAM_ALIGNER_MAX_INPUT, or a million",
    ),
    option(
        "--max-body",
        section="Limits",
        type=positive,
        metavar="BYTES",
        help="of a request; if not given STREAM_ALIGNER_MAX_BODY, or 16 MiB",
    ),
    option("--aligner-timeout", section="Limits", type=float, metavar="SECONDS", help="for one call of the aligner"),
    option(
        "--upstream-timeout", section="Limits", type=float, metavar="SECONDS", help="that the upstream may be silent"
    ),
    option("--reply-timeout", section="Limits", type=float, metavar="SECONDS", help="for a reply, which then ends"),
)


@sectioned_command("serve")
@pairs.upstream
@pairs.aligner
@_loop
@pairs.sampling
@_limits
@_address
def command(**options: Any) -> None:
    """Serve aligned replies through OpenAI's API.

    Every program that speaks it needs nothing but this server as its base URL, such as http://127.0.0.1:8000/v1. With
    STREAM_ALIGNER_SERVE_KEY in the environment, clients must send it as their key. /healthz is ready once the models
    are loaded, /metrics is for Prometheus. A signal ends it once the replies that run have ended.
    """
    # The first that misses a package of the extra.
    from stream_aligner_lc.serving import create_app  # noqa: PLC0415
    from stream_aligner_lc.serving.door import KEY  # noqa: PLC0415
    from stream_aligner_lc.serving.server import Server  # noqa: PLC0415

    key = os.environ.get(KEY) or None
    app = create_app(
        _aligned(options),
        name=options["name"] or (answering.DEMO if options["upstream"] == answering.DEMO else None),
        key=key,
        max_replies=options["max_replies"],
        max_bytes=options["max_body"],
        forward=options["forward"],
        cors_origins=options["cors_origin"],
        hosts=hosts_of(options["host"], key=key, allowed=options["allow_host"]),
        playground=options["playground"],
    )
    server = Server(
        app,
        host=options["host"],
        port=options["port"],
        shutdown_timeout=options["shutdown_timeout"],
        log_level=options["log_level"],
    )
    server.run()
    if server.fault is not None:
        raise server.fault


def hosts_of(host: str, *, key: str | None, allowed: Collection[str]) -> Collection[str] | None:
    """Return under which names a server that listens on `host` may be asked; None takes every one.

    What listens on this machine alone, without a key, trusts whoever is on it: a browser is, with pages of anywhere.
    """
    return allowed if allowed or (key is None and _is_local(host)) else None


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _aligned(options: Mapping[str, Any]) -> Any:
    """Return the aligned model; its parts are loaded once the server listens."""
    from stream_aligner_lc.chat_model import StreamAlignedChat  # noqa: PLC0415
    from stream_aligner_lc.limits import max_input  # noqa: PLC0415

    llm = answering.upstream_of(options)
    if options["upstream"] == answering.DEMO:
        pairs.spare_threads()
    given = {name: options[name] for name in _OF_THE_LOOP}
    most = max_input() if options["max_input"] is None else options["max_input"]
    return StreamAlignedChat(llm, pairs.aligner_for(options, llm), max_input=most, **given)
