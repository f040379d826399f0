"""What a request of OpenAI's chat completions asks for, checked, as arguments of a chat model. No I/O.

A value that cannot be honoured is refused by name: nothing is left out that would change the reply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.models import declares
from stream_aligner_lc.serving.messages import message_of
from stream_aligner_lc.serving.refusals import Refusal, bad_request

# Every integration takes them, under these names.
_PORTABLE = {"temperature", "top_p", "max_tokens", "stop"}
# Of the provider's accounts and caches: they change no word of the reply, so an upstream without them goes without.
_ON_THE_SIDE = {
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
}
# They change the reply, so an upstream that does not know them is no upstream for the request.
_SPECIAL = {
    "frequency_penalty",
    "logit_bias",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "verbosity",
}
_OF_TOOLS = {"tools", "tool_choice", "parallel_tool_calls"}
_OURS = {"model", "messages", "stream", "stream_options", "max_completion_tokens"}
# As if it had not been said; clients spell defaults out.
_NEUTRAL: Mapping[str, Any] = {
    "frequency_penalty": 0,
    "logit_bias": {},
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "presence_penalty": 0,
    "response_format": {"type": "text"},
    "top_logprobs": 0,
}
_WAYS_OUT = {
    "n": "A reply is corrected as it is written, one at a time: leave `n` out and ask several times.",
    "logprobs": "They belong to what the upstream drafted, not to what is shown: leave it out.",
    "top_logprobs": "They belong to what the upstream drafted, not to what is shown: leave it out.",
    "functions": "Use `tools`.",
    "function_call": "Use `tool_choice`.",
    "modalities": "Only text can be aligned: leave it out.",
    "audio": "Only text can be aligned: leave it out.",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request: what is answered, with which arguments, and in which form."""

    model: str
    messages: list[BaseMessage]
    kwargs: dict[str, Any] = field(default_factory=dict)
    stop: list[str] | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_kwargs: dict[str, Any] = field(default_factory=dict)
    stream: bool = False
    include_usage: bool = False


def asked_of(body: bytes, takes: Callable[[str], bool]) -> Asked:
    """Return what a request's body asks for; `takes` says which special parameters the upstream knows.

    Raises `Refusal` that names what is wrong.
    """
    said = {name: value for name, value in _object(body).items() if value is not None and not _is_neutral(name, value)}
    unknown = sorted(set(said) - _PORTABLE - _ON_THE_SIDE - _SPECIAL - _OF_TOOLS - _OURS)
    if refused := next((name for name in unknown if not (takes(name) and name not in _WAYS_OUT)), None):
        raise _unsupported(refused, said[refused])
    if refused := next((name for name in sorted(_SPECIAL & said.keys()) if not takes(name)), None):
        raise bad_request(
            f"The upstream behind this server does not take `{refused}`, got {_shown(said[refused])}. Leave it out.",
            param=refused,
            code="unsupported_parameter",
        )
    _check_format(said)
    stream, options = _flag(said, "stream"), said.get("stream_options", {})
    if not isinstance(options, Mapping) or (options and not stream):
        raise bad_request(
            f"`stream_options` must be an object beside stream=true, got {_shown(options)}. Leave it out.",
            param="stream_options",
        )
    left_out = _OURS | _OF_TOOLS | {"stop"} | {name for name in _ON_THE_SIDE if not takes(name)}
    return Asked(
        model=_model(said),
        messages=_messages(said),
        kwargs={**{name: value for name, value in said.items() if name not in left_out}, **_numbers(said)},
        stop=_stop(said),
        tools=_tools(said),
        tool_kwargs=_tool_kwargs(said),
        stream=stream,
        include_usage=_flag(options, "include_usage"),
    )


def taken_by(llm: Any, forward: Collection[str] = ()) -> Callable[[str], bool]:
    """Return what tells whether every model inside `llm` knows a parameter of OpenAI's beyond the usual ones.

    Those of OpenAI's protocol and the scripted ones know them all, others the ones that they declare; `forward` names
    more.
    """
    named = frozenset(forward)
    speaks = all(leaf.is_a("BaseChatOpenAI") or leaf.is_double for leaf in leaves(llm))

    def takes(name: str) -> bool:
        if name in named:
            return True
        # What every chat model of LangChain has, such as `metadata`, is LangChain's and no parameter of the provider's.
        is_known = declares(llm, name) and name not in BaseChatModel.model_fields
        return name in _SPECIAL | _ON_THE_SIDE and (speaks or is_known)

    return takes


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise bad_request("The body of the request must be JSON, and this cannot be read as such.") from fault
    if not isinstance(said, dict):
        raise bad_request(f"The body of the request must be a JSON object, got {type(said).__name__}.")
    return said


def _is_neutral(name: str, value: Any) -> bool:
    return name in _NEUTRAL and value == _NEUTRAL[name] and type(value) in (type(_NEUTRAL[name]), float)


def _unsupported(name: str, value: Any) -> Refusal:
    known = ", ".join(sorted(_PORTABLE | _SPECIAL | _OF_TOOLS))
    way_out = _WAYS_OUT.get(name, f"Leave it out, or start the server with --forward {name}. Known are: {known}.")
    return bad_request(
        f"`{name}` is not supported, got {_shown(value)}. {way_out}", param=name, code="unsupported_parameter"
    )


def _model(said: Mapping[str, Any]) -> str:
    name = said.get("model")
    if not isinstance(name, str) or not name:
        raise bad_request(f"`model` must name the model, got {_shown(name)}. GET /v1/models lists it.", param="model")
    return name


def _messages(said: Mapping[str, Any]) -> list[BaseMessage]:
    given = said.get("messages")
    if not isinstance(given, list) or not given:
        raise bad_request("`messages` must be a list of at least one message.", param="messages")
    return [message_of(message, f"messages[{place}]") for place, message in enumerate(given)]


def _numbers(said: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: _number(said, name) for name in ("temperature", "top_p") if name in said}
    limits = [_whole(said, name) for name in ("max_completion_tokens", "max_tokens") if name in said]
    return {**numbers, **({"max_tokens": limits[0]} if limits else {})}


def _number(said: Mapping[str, Any], name: str) -> float:
    value = said[name]
    # Not `value < 0`, which a NaN would pass.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise bad_request(f"`{name}` must be a number of at least 0, got {_shown(value)}.", param=name)
    return value


def _whole(said: Mapping[str, Any], name: str) -> int:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise bad_request(f"`{name}` must be a whole number of at least 1, got {_shown(value)}.", param=name)
    return value


def _flag(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad_request(f"`{name}` must be true or false, got {_shown(value)}.", param=name)
    return value


def _check_format(said: Mapping[str, Any]) -> None:
    """Refuse a format that is none: a reply in a format passes unaligned, and an upstream may not mind."""
    given = said.get("response_format", {"type": "text"})
    kind = given.get("type") if isinstance(given, Mapping) else None
    if kind in ("text", "json_object") or (kind == "json_schema" and isinstance(given.get("json_schema"), Mapping)):
        return
    raise bad_request(
        '`response_format` must be {"type": "text"}, {"type": "json_object"} or {"type": "json_schema", "json_schema": '
        f"{{...}}}}, got {_shown(given)}.",
        param="response_format",
    )


def _stop(said: Mapping[str, Any]) -> list[str] | None:
    given = said.get("stop")
    sequences = [given] if isinstance(given, str) else given
    if sequences is None:
        return None
    # An empty one would end every reply before its first letter.
    if not isinstance(sequences, list) or not all(isinstance(each, str) and each for each in sequences):
        raise bad_request(
            f"`stop` must be a text or a list of texts, none of them empty, got {_shown(given)}.", param="stop"
        )
    return sequences or None


def _tools(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = said.get("tools", [])
    if not isinstance(tools, list) or not all(map(_is_tool, tools)):
        raise bad_request(
            '`tools` must be a list of {"type": "function", "function": {"name": ...}}, got something else.',
            param="tools",
        )
    return tools


def _is_tool(tool: Any) -> bool:
    if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
        return False
    function = tool.get("function")
    named = isinstance(function, Mapping) and isinstance(function.get("name"), str)
    return named or tool["type"] != "function"


def _tool_kwargs(said: Mapping[str, Any]) -> dict[str, Any]:
    kwargs: dict[str, Any] = {}
    if "parallel_tool_calls" in said:
        kwargs["parallel_tool_calls"] = _flag(said, "parallel_tool_calls")
    if (choice := said.get("tool_choice", "auto")) != "auto":
        kwargs["tool_choice"] = _tool_choice(choice)
        if kwargs["tool_choice"] != "none" and not said.get("tools"):
            raise bad_request(f"`tool_choice` needs `tools`, got {_shown(choice)} without.", param="tool_choice")
    return kwargs


def _tool_choice(choice: Any) -> str:
    """Return the choice in the words that every integration of LangChain knows."""
    if choice in ("none", "required"):
        return "any" if choice == "required" else "none"
    function = choice.get("function") if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str):
        raise bad_request(
            f'`tool_choice` must be "none", "auto", "required" or the name of a function in OpenAI\'s form, got '
            f"{_shown(choice)}.",
            param="tool_choice",
        )
    return name


def _shown(value: Any) -> str:
    said = json.dumps(value)
    return said if len(said) <= 80 else f"{said[:80]}..."
