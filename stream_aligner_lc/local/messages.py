"""LangChain messages as the turns of a chat template: text alone, and a clear refusal of the rest. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.frames import Turn
from stream_aligner_lc.prompts import Part

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
# What a chat template has room for, and what it leaves out of earlier replies anyway.
_TEXT = {"text", "reasoning"}


def as_turns(messages: Sequence[BaseMessage]) -> list[Turn]:
    """Return a conversation in the roles and words of a chat template.

    Raises `ConfigurationError` for what a template for text has no place for.
    """
    if not messages:
        raise ConfigurationError("There is nothing to answer: the list of messages is empty.")
    return [Turn(_role(message), [Part(_text(message), is_ours=False)]) for message in messages]


def _role(message: BaseMessage) -> str:
    role = getattr(message, "role", None) or _ROLES.get(message.type)
    if role is None:
        raise ConfigurationError(f"A chat template has no role for a message of the type {message.type!r}.")
    return str(role)


def _text(message: BaseMessage) -> str:
    blocks = [] if isinstance(message.content, str) else message.content_blocks
    others = {str(block["type"]) for block in blocks} - _TEXT
    if isinstance(message, AIMessage) and (message.tool_calls or message.invalid_tool_calls):
        others.add("tool_call")
    if others:
        raise ConfigurationError(
            f"ChatTransformers takes text alone, and a message of the type {message.type!r} holds "
            f"{', '.join(sorted(others))}. Leave it out, or use a model behind a server that takes it."
        )
    return str(message.text)
