"""Messages of OpenAI's form as LangChain's. No I/O.

LangChain's own conversion refuses a tool call whose arguments are no JSON; a model's mistake that comes back in the
conversation is no mistake of the request's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from stream_aligner_lc.serving.refusals import bad_request

_ROLES = ("system", "developer", "user", "assistant", "tool")
_NOT_TAKEN = {"audio": "Only text can be aligned: say it in `content`.", "function_call": "Use `tool_calls`."}


def message_of(given: Any, place: str) -> BaseMessage:
    """Return a message; raises `Refusal` that says what is wrong at `place`, such as `messages[0]`."""
    role = given.get("role") if isinstance(given, Mapping) else None
    if role not in _ROLES:
        known = ", ".join(_ROLES)
        said = f", got {role[:40]!r}" if isinstance(role, str) else ""
        raise bad_request(f"`{place}` must be an object whose role is one of {known}{said}.", param=f"{place}.role")
    if role == "assistant":
        return _assistant(given, place)
    content = _content(given.get("content"), place)
    name = given.get("name")
    named = {"name": name} if isinstance(name, str) else {}
    if role == "user":
        return HumanMessage(content, **named)
    if role == "tool":
        if not isinstance(call := given.get("tool_call_id"), str):
            raise bad_request(
                f"`{place}` must name the call that it answers.", param=f"{place}.tool_call_id", code="missing"
            )
        return ToolMessage(content, tool_call_id=call, **named)
    # Where LangChain's integrations look for it.
    kwargs = {"__openai_role__": "developer"} if role == "developer" else {}
    return SystemMessage(content, additional_kwargs=kwargs, **named)


def _assistant(given: Mapping[str, Any], place: str) -> AIMessage:
    if refused := next((each for each in _NOT_TAKEN if given.get(each) is not None), None):
        said = f"`{place}.{refused}` is not supported. {_NOT_TAKEN[refused]}"
        raise bad_request(said, param=f"{place}.{refused}", code="unsupported_parameter")
    content = "" if given.get("content") is None else _content(given["content"], place)
    calls = given.get("tool_calls") or []
    if not isinstance(calls, list) or not all(map(_is_call, calls)):
        raise bad_request(
            f'`{place}.tool_calls` must be a list of {{"id": ..., "function": {{"name": ..., "arguments": "..."}}}}.',
            param=f"{place}.tool_calls",
        )
    parsed = [(call, _arguments(call["function"]["arguments"])) for call in calls]
    name, refusal = given.get("name"), given.get("refusal")
    return AIMessage(
        content,
        name=name if isinstance(name, str) else None,
        tool_calls=[
            tool_call(id=call["id"], name=call["function"]["name"], args=args)
            for call, args in parsed
            if args is not None
        ],
        invalid_tool_calls=[
            invalid_tool_call(
                id=call["id"], name=call["function"]["name"], args=call["function"]["arguments"], error=None
            )
            for call, args in parsed
            if args is None
        ],
        additional_kwargs={"refusal": refusal} if isinstance(refusal, str) else {},
    )


def _content(content: Any, place: str) -> Any:
    """Return text, or content parts as they are: the integrations of LangChain know OpenAI's."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise bad_request(
            f"`{place}.content` must be a text or a list of content parts, got {type(content).__name__}.",
            param=f"{place}.content",
        )
    for number, part in enumerate(content):
        if not _is_part(part):
            known = '{"type": "text", "text": "..."} or a part of another type'
            raise bad_request(f"`{place}.content[{number}]` must be {known}.", param=f"{place}.content[{number}]")
    return content


def _is_part(part: Any) -> bool:
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        return False
    return part["type"] != "text" or isinstance(part.get("text"), str)


def _is_call(call: Any) -> bool:
    if not isinstance(call, Mapping) or not isinstance(call.get("id"), str):
        return False
    function = call.get("function")
    return isinstance(function, Mapping) and all(isinstance(function.get(name), str) for name in ("name", "arguments"))


def _arguments(said: str) -> dict[str, Any] | None:
    try:
        arguments = json.loads(said or "{}")
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None
