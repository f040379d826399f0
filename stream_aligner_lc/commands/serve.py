"""`stream-aligner serve`: aligned replies for every program that speaks OpenAI's API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

_DEMO = "demo"
_DESCRIPTION = """\
Serve chat completions whose sentences are corrected before they are sent. Clients of OpenAI's API need nothing but
this server as their base URL: http://127.0.0.1:8000/v1. With STREAM_ALIGNER_SERVE_KEY in the environment they must send
it as their key.
"""


@click.command("serve", help=_DESCRIPTION, short_help="serve aligned replies through OpenAI's API")
@click.option(
    "--upstream",
    required=True,
    metavar="NAME",
    help="provider:model, or a local model's folder; 'demo' is the bundled pair",
)
@click.option("--aligner", metavar="NAME", help="named likewise  [default: STREAM_ALIGNER_MODEL, else the upstream]")
@click.option("--policy", metavar="TEXT|@FILE", help="what a sentence must be, for an aligner that is a chat model")
@click.option("--name", metavar="NAME", help="the model's name in requests  [default: the upstream's]")
@click.option("--host", default="127.0.0.1", show_default=True, help="the address to listen on")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one")
@click.option(
    "--granularity",
    type=click.Choice(["sentence", "paragraph", "response"]),
    default="sentence",
    show_default=True,
    help="what is corrected at a time",
)
@click.option("--continuation", default="auto", show_default=True, help="how the upstream is asked to go on")
@click.option(
    "--on-aligner-error",
    type=click.Choice(["raise", "keep", "stop"]),
    default="raise",
    show_default=True,
    help="answer with an error, show the draft, or end the reply",
)
@click.option("--aligner-timeout", type=float, metavar="SECONDS", help="for one call of the aligner")
@click.option("--upstream-timeout", type=float, metavar="SECONDS", help="in which the upstream may send nothing")
@click.option("--reply-timeout", type=float, metavar="SECONDS", help="for a whole reply, which then ends")
@click.option("--max-sentences", type=int, metavar="N", help="the longest reply")
@click.option(
    "--max-input",
    type=int,
    metavar="N",
    help="characters of a conversation  [default: STREAM_ALIGNER_MAX_INPUT, or 1e6]",
)
@click.option(
    "--max-body", type=int, metavar="BYTES", help="of a request  [default: STREAM_ALIGNER_MAX_BODY, or 16 MiB]"
)
@click.option("--max-replies", type=int, default=64, show_default=True, metavar="N", help="at once; more get a 429")
@click.option("--lang", metavar="CODE", help="language of the replies, such as de")
@click.option(
    "--forward", multiple=True, metavar="NAME", help="a parameter of requests that the upstream knows as well"
)
@click.option("--cors-origin", multiple=True, metavar="URL", help="whose pages may call it from a browser")
@click.option(
    "--shutdown-timeout",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="that running replies have when it is told to end",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def command(**options: Any) -> None:
    """Serve until a signal ends it."""
    from stream_aligner_lc.errors import StreamAlignerError  # noqa: PLC0415

    try:
        _serve(options)
    except StreamAlignerError as error:
        raise click.ClickException(str(error)) from error


def _serve(options: dict[str, Any]) -> None:
    try:
        from stream_aligner_lc.serving import create_app  # noqa: PLC0415
        from stream_aligner_lc.serving.keys import KEY  # noqa: PLC0415
        from stream_aligner_lc.serving.server import Server  # noqa: PLC0415
    except ImportError as fault:
        raise click.ClickException(
            f"The server needs the package {fault.name!r}: pip install 'stream-aligner-lc[serve]'."
        ) from fault
    app = create_app(
        _aligned(options),
        name=options["name"] or (_DEMO if options["upstream"] == _DEMO else None),
        key=os.environ.get(KEY) or None,
        max_replies=options["max_replies"],
        max_bytes=options["max_body"],
        forward=options["forward"],
        cors_origins=options["cors_origin"],
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
        raise click.ClickException(f"The models cannot be loaded: {server.fault}") from server.fault


def _aligned(options: dict[str, Any]) -> Any:
    from stream_aligner_lc import StreamAlignedChat  # noqa: PLC0415
    from stream_aligner_lc.limits import max_input  # noqa: PLC0415

    upstream, aligner = _models(options)
    of_the_loop = (
        "granularity",
        "continuation",
        "on_aligner_error",
        "aligner_timeout",
        "upstream_timeout",
        "reply_timeout",
        "max_sentences",
        "lang",
    )
    given = {name: options[name] for name in of_the_loop}
    most = options["max_input"]
    return StreamAlignedChat(upstream, aligner, max_input=max_input() if most is None else most, **given)


def _models(options: dict[str, Any]) -> tuple[Any, Any]:
    from stream_aligner_lc.named import model_named  # noqa: PLC0415

    if options["upstream"] != _DEMO:
        return model_named(options["upstream"]), _aligner(options["aligner"], options["policy"])
    if options["aligner"] or options["policy"]:
        raise click.UsageError(
            "The bundled pair of --upstream demo has its own aligner: leave out --aligner and --policy."
        )
    import torch  # noqa: PLC0415

    from stream_aligner_lc.sums import pair  # noqa: PLC0415

    # Models this small lose more by handing work to other cores than they gain.
    torch.set_num_threads(1)
    return pair.upstream(), pair.aligner()


def _aligner(name: str | None, policy: str | None) -> Any:
    """Return the aligner that is named, told the policy if it is a chat model; None leaves it to the loop."""
    from stream_aligner_lc.aligners import PromptedAligner  # noqa: PLC0415
    from stream_aligner_lc.named import is_of_provider, model_named  # noqa: PLC0415

    if policy is not None and (name is None or not is_of_provider(name)):
        raise click.UsageError("--policy is told to an aligner that is a chat model: give --aligner provider:model.")
    if name is None or not is_of_provider(name):
        return name
    model = model_named(name)
    return model if policy is None else PromptedAligner(model, policy=_text(policy))


def _text(policy: str) -> str:
    if not policy.startswith("@"):
        return policy
    try:
        return Path(policy[1:]).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as fault:
        raise click.BadParameter(f"the file {policy[1:]!r} cannot be read: {fault}", param_hint="--policy") from fault
