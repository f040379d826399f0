"""The loop's options, checked once at the edge. Plain values, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from stream_aligner_lc.corrections import OnAlignerError
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.segmentation import KINDS

Granularity = Literal["sentence", "paragraph", "response"]
Reasoning = Literal["pass", "drop"]
Record = Mapping[str, Any]

DEFAULT_SKIP = ("code", "math", "table", "rule")
# Options of chat models that go with every call of the upstream.
FORWARDED = ("temperature", "max_tokens", "timeout", "stop", "max_retries", "api_key")


@dataclass(frozen=True, kw_only=True)
class LoopOptions:
    """How a reply is cut, aligned, continued and bounded; see `StreamAlignedChat` for every field.

    Raises `ConfigurationError` for a value that is out of range.
    """

    granularity: Granularity = "sentence"
    lookahead: int = 2
    feedback: bool = True
    align_first: int | None = None
    skip: Collection[str] = DEFAULT_SKIP
    on_aligner_error: OnAlignerError = "raise"
    aligner_timeout: float | None = None
    max_aligner_faults: int | None = None
    upstream_retries: int = 2
    upstream_timeout: float | None = None
    reply_timeout: float | None = None
    max_restarts: int = 64
    max_sentences: int | None = None
    max_input: int | None = None
    lang: str | None = None
    end_on_accept: bool = False
    reasoning: Reasoning = "pass"
    on_record: Callable[[Record], None] | None = None

    def __post_init__(self) -> None:
        one_of("granularity", self.granularity, get_args(Granularity))
        one_of("on_aligner_error", self.on_aligner_error, get_args(OnAlignerError))
        one_of("reasoning", self.reasoning, get_args(Reasoning))
        _at_least("lookahead", self.lookahead, 0, "Use 0 to stop reading while the aligner works.")
        _at_least("upstream_retries", self.upstream_retries, 0, "Use 0 to let the first fault through.")
        _at_least("max_restarts", self.max_restarts, 0, "Use feedback=False to never restart the upstream.")
        _at_least("max_aligner_faults", self.max_aligner_faults, 1, "Use None to ask it every time.", none=True)
        if self.max_aligner_faults is not None and self.on_aligner_error != "keep":
            raise ConfigurationError(
                f"`max_aligner_faults` counts the faults that a reply outlives, got {self.max_aligner_faults!r} beside "
                f"on_aligner_error={self.on_aligner_error!r}, where the first one ends it. "
                "Use on_aligner_error='keep', or None."
            )
        _at_least("align_first", self.align_first, 0, "Use None to align every sentence.", none=True)
        _at_least("max_sentences", self.max_sentences, 1, "Use None for no limit.", none=True)
        _at_least("max_input", self.max_input, 1, "Use None for no limit.", none=True)
        _flag("feedback", self.feedback)
        _flag("end_on_accept", self.end_on_accept)
        _skip(self.skip)
        for name in ("aligner_timeout", "upstream_timeout", "reply_timeout"):
            _timeout(name, getattr(self, name))
        if self.lang is not None and not isinstance(self.lang, str):
            raise ConfigurationError(f"`lang` must be a language code such as 'en' or None, got {self.lang!r}.")
        if self.on_record is not None and not callable(self.on_record):
            raise ConfigurationError(
                f"`on_record` must be a function of one record, got {self.on_record!r}. "
                "JsonlRecorder(path) writes them to a file."
            )

    def check_input(self, texts: Iterable[str]) -> None:
        """Raise `ConfigurationError` if a conversation has more than `max_input` characters."""
        if self.max_input is not None and (length := sum(map(len, texts))) > self.max_input:
            raise ConfigurationError(
                f"The conversation has {length} characters, and max_input={self.max_input} are the most. Shorten it, "
                "or raise the limit (for the graphs of a server: STREAM_ALIGNER_MAX_INPUT)."
            )

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of the options."""
        return frozenset(field.name for field in fields(cls))


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise `ConfigurationError` that lists them unless an option has one of the `allowed` values."""
    if value not in allowed:
        raise ConfigurationError(f"`{name}` must be one of {', '.join(map(repr, allowed))}, got {value!r}.")


def _at_least(name: str, value: object, least: int, way_out: str, *, none: bool = False) -> None:
    if none and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"`{name}` must be a whole number of at least {least}, got {value!r}. {way_out}")


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"`{name}` must be True or False, got {value!r}.")


def _skip(skip: object) -> None:
    kinds = skip if isinstance(skip, Collection) and not isinstance(skip, str) else None
    if kinds is None or not set(kinds) <= set(KINDS):
        raise ConfigurationError(
            f"`skip` must hold segment kinds out of {', '.join(map(repr, KINDS))}, got {skip!r}. "
            "Use () to align everything."
        )


def _timeout(name: str, seconds: object) -> None:
    if seconds is None:
        return
    # Not `seconds <= 0`, which a NaN would pass.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise ConfigurationError(
            f"`{name}` must be a number of seconds above 0, got {seconds!r}. Use None for no limit."
        )
