"""What it means when a server does not answer, or refuses, and the way out. Plain Python, no I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from stream_aligner_lc.errors import AlignerError, AlignerTimeout, ConfigurationError, StreamAlignerError

# How the servers say that a prompt is too long: vLLM, SGLang, llama.cpp, OpenAI.
_TOO_LONG = re.compile(
    r"context[ _-]?(length|size|window)|longer than the (maximum )?model|maximum (model|sequence|input) length"
    r"|prompt is too long|reduce the length|max_model_len",
    re.IGNORECASE,
)
# How they say that they take text alone: `transformers serve`, and whoever checks requests by a schema.
_OTHER_FORM = re.compile(
    r"must be a string|should be a valid string|unexpected field|extra (fields|inputs)|unrecognized|unknown field",
    re.IGNORECASE,
)
_MOST_WORDS = 300
_QUOTED = 16
"""So many letters in a row are a quotation."""


class Refusal(NamedTuple):
    """An answer other than 200."""

    status: int
    words: str

    @property
    def is_of_the_form(self) -> bool:
        """Whether the server takes no token ids, or not the fields that go with them."""
        return self.status in {400, 422} and bool(_OTHER_FORM.search(self.words))

    @property
    def is_of_length(self) -> bool:
        """Whether the prompt was too long."""
        return self.status in {400, 413, 422} and bool(_TOO_LONG.search(self.words))


class UnreadableError(ValueError):
    """What came is not what OpenAI's API answers; the message says what is missing, and quotes nothing."""


class RefusedError(Exception):
    """A server answered with a refusal, which whoever asked may know how to avoid."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


def words_of(body: Any, text: str) -> str:
    """Return what a server said, in the forms that servers have for it."""
    said = body
    while isinstance(said, dict):
        said = next((said[name] for name in ("message", "detail", "error") if name in said), None)
    if isinstance(said, list):
        # FastAPI's: what is wrong with each field, beside the field's own value.
        said = "; ".join(str(each["msg"]) for each in said if isinstance(each, dict) and "msg" in each) or None
    return said if isinstance(said, str) else text


def explained(
    refusal: Refusal, *, base_url: str, model: str, offered: Sequence[str], hidden: Sequence[str] = ()
) -> StreamAlignerError:
    """Return the error for a refusal; what the server said is left out if it quotes any of the `hidden` texts."""
    status, words = refusal
    if status in {401, 403}:
        return ConfigurationError(
            f"The server at {base_url} answered {status}: it does not take this key. Pass `api_key=`, or set "
            "STREAM_ALIGNER_API_KEY."
        )
    if status == 404 and model not in offered:
        there = f"It offers {_listed(offered)}." if offered else "See that `base_url` ends in /v1."
        return ConfigurationError(f"The server at {base_url} knows no model {model!r}. {there}")
    said = "" if any(quotes(words, text) for text in hidden) else f": {words[:_MOST_WORDS].strip()}"
    hint = f" It offers {_listed(offered)}, and {model!r} is not among them." if _is_missing(model, offered) else ""
    return AlignerError(
        f"The server at {base_url} answered {status}{said}{'' if said.endswith('.') else '.'}{hint} See its log, or "
        "choose on_aligner_error='keep' to show drafts meanwhile."
    )


def unreachable(fault: Exception, base_url: str) -> AlignerError:
    """Return the error for a server that cannot be reached."""
    cause = fault.__cause__ or fault
    # A connection that is reset says nothing.
    why = str(cause).rstrip(".") or type(cause).__name__
    return AlignerError(
        f"The server at {base_url} cannot be reached: {why}. See that it runs and that the address is right, or choose "
        "on_aligner_error='keep' to show drafts meanwhile."
    )


def too_slow(base_url: str, seconds: float | None) -> AlignerTimeout:
    """Return the error for a server that did not answer in time."""
    return AlignerTimeout(
        f"The server at {base_url} did not answer within timeout={seconds} seconds. Give it more, or the server less."
    )


def unreadable(fault: Exception, base_url: str) -> AlignerError:
    """Return the error for an answer that is none of OpenAI's API; nothing of it is quoted."""
    why = str(fault) if isinstance(fault, UnreadableError) else f"no whole JSON ({type(fault).__name__})"
    return AlignerError(
        f"What answers at {base_url} does not speak OpenAI's API: its answer holds {why}. See that `base_url` is that "
        "of a model server and ends in /v1, or choose on_aligner_error='keep' to show drafts meanwhile."
    )


def quotes(words: str, text: str) -> bool:
    """Say whether so many letters in a row are of the text, however it was escaped, cut or laid out."""
    said, kept = _letters(words), _letters(text)
    if len(kept) <= _QUOTED:
        return bool(kept) and kept in said
    return any(said[at : at + _QUOTED] in kept for at in range(len(said) - _QUOTED + 1))


def _letters(text: str) -> str:
    unescaped = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return "".join(filter(str.isalnum, re.sub(r"\\[nrt]", " ", unescaped))).casefold()


def _is_missing(model: str, offered: Sequence[str]) -> bool:
    return bool(offered) and model not in offered


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(map(repr, names[:8])) + more
