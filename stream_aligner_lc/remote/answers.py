"""What a server's answer says, read without trust: whatever is at the address may answer. Plain Python, no I/O."""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_aligner_lc.remote.refusals import Refusal, RefusedError, UnreadableError, words_of

_BAD_GATEWAY = 502


class Said(NamedTuple):
    """What a server answered."""

    text: str
    ids: list[int] | None
    """The tokens of the answer, where the server returns them."""
    is_finished: bool
    """Whether it came to an end by itself."""
    num_tokens: int
    """Tokens read and written, as reported."""
    num_cached: int
    """Those of the prompt that the server had read before, where it says so."""


class Model(NamedTuple):
    """One entry of a server's list of models."""

    name: str
    max_tokens: int | None
    """How many tokens it can attend to, where the server says so."""


def completion_of(answer: Any) -> Said:
    """Read an answer of `/v1/completions`; raises `UnreadableError`, or `RefusedError` for one that holds an error."""
    choice = _choice(answer)
    # No text is not an empty one, which would remove the sentence.
    return _said(answer, choice, getattr(choice, "text", None), _ids(getattr(choice, "token_ids", None)))


def chat_of(answer: Any) -> Said:
    """Read an answer of `/v1/chat/completions`; raises what `completion_of` raises."""
    choice = _choice(answer)
    content = getattr(getattr(choice, "message", None), "content", None)
    return _said(answer, choice, "" if content is None else content, None)


def models_of(listed: Any) -> list[Model]:
    """Read an answer of `/v1/models`; empty if it is none."""
    entries = getattr(listed, "data", None)
    found = entries if isinstance(entries, list) else []
    named = ((getattr(each, "id", None), getattr(each, "max_model_len", None)) for each in found)
    return [Model(name, length if isinstance(length, int) else None) for name, length in named if isinstance(name, str)]


def _choice(answer: Any) -> Any:
    if error := getattr(answer, "error", None):
        # Routers answer 200 and put what went wrong into the body.
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else _BAD_GATEWAY
        raise RefusedError(Refusal(status, words_of({"error": error}, "")))
    choices = getattr(answer, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise UnreadableError("no `choices`")
    return choices[0]


def _said(answer: Any, choice: Any, text: Any, ids: list[int] | None) -> Said:
    if not isinstance(text, str):
        raise UnreadableError("no text in its first choice")
    usage = getattr(answer, "usage", None)
    cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None)
    is_finished = getattr(choice, "finish_reason", None) == "stop"
    return Said(text, ids, is_finished, _count(getattr(usage, "total_tokens", None)), _count(cached))


def _ids(found: Any) -> list[int] | None:
    return found if isinstance(found, list) and all(isinstance(token, int) for token in found) else None


def _count(found: Any) -> int:
    return found if isinstance(found, int) and found > 0 and found is not True else 0
