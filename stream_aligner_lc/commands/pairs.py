"""An upstream and its aligner, as the commands that need no data name them: by default the bundled pair."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from stream_aligner_lc.commands import answering
from stream_aligner_lc.commands.arguments import a_model, all_of, not_negative, option
from stream_aligner_lc.errors import StreamAlignerError

# Written out, because the table of them loads langchain-core, for which help should not wait; a test compares the two.
CONTINUATIONS = ("auto", "prefill", "vllm", "prefix-flag", "chat-template", "instruct")

upstream = option(
    "--upstream",
    default=answering.DEMO,
    metavar="NAME",
    shell_complete=a_model,
    help="provider:model, a local model's folder, or demo for the bundled one",
)
aligner = all_of(
    option(
        "--aligner",
        metavar="NAME",
        shell_complete=a_model,
        help="a trained aligner's folder, demo, or provider:model, to be prompted; if none is named, the one that goes "
        "with demo, STREAM_ALIGNER_MODEL, or the upstream itself",
    ),
    answering.policy,
)
continuation = option(
    "--continuation",
    type=click.Choice(CONTINUATIONS),
    default="auto",
    help="how the upstream is asked to go on; doctor finds it out",
)
sampling = all_of(
    option("--temperature", type=not_negative, metavar="T", help="of the upstream"),
    option("--seed", type=int, metavar="N", help="of the upstream, if it takes one"),
)


def aligner_for(options: Mapping[str, Any], llm: Any) -> Any:
    """Return the aligner that was named, else the one that serves by default."""
    from stream_aligner_lc.aligners import PromptedAligner  # noqa: PLC0415
    from stream_aligner_lc.aligners.choose import as_aligner  # noqa: PLC0415

    name, told = options["aligner"], options["policy"]
    if name is None and options["upstream"] == answering.DEMO:
        name = answering.DEMO
    if name is not None:
        found = answering.aligner_named(name, told=told)
        return found if told is None else PromptedAligner(found, policy=told)
    return as_aligner(None, llm) if told is None else PromptedAligner(llm, policy=told)


def chat_of(options: Mapping[str, Any], **more: Any) -> Any:
    """Return the aligned model of both, its local models loaded; `more` are further options of it."""
    from stream_aligner_lc.aligners import TransformersAligner  # noqa: PLC0415
    from stream_aligner_lc.chat_model import StreamAlignedChat  # noqa: PLC0415
    from stream_aligner_lc.local.chat import ChatTransformers  # noqa: PLC0415

    llm = answering.upstream_of(options)
    chat = StreamAlignedChat(llm, aligner_for(options, llm), continuation=options["continuation"], **more)
    for model in (llm, chat.aligner):
        if isinstance(model, ChatTransformers | TransformersAligner):
            model.load()
    if options["upstream"] == answering.DEMO:
        spare_threads()
    return chat


def spare_threads() -> None:
    """Keep the bundled pair on one core: models this small lose more by handing work to others than they gain."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)


@contextmanager
def told_briefly(name: str) -> Iterator[None]:
    """Say what a provider's client raises in a line; mistakes of a program pass as they are.

    Raises `StreamAlignerError` in place of a fault of the upstream of that `name`.
    """
    from stream_aligner_lc.faults import is_transient, status_of  # noqa: PLC0415

    try:
        yield
    except (StreamAlignerError, ModuleNotFoundError, BrokenPipeError):
        raise  # the last one: whoever read our own output has gone
    except Exception as fault:
        if _is_of_the_output(fault) or (status_of(fault) is None and not is_transient(fault)):
            raise
        said = " ".join(str(fault).split())
        raise StreamAlignerError(f"The upstream {name!r} failed: {type(fault).__name__}: {said}") from fault


def _is_of_the_output(fault: Exception) -> bool:
    # No connection fails so: the disk that the output goes to is full, or the terminal is gone.
    return isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
