"""How many tokens a text has where nobody reports it: by the model's own encoding, another tokenizer, or approximately.

Rule: counting asks no network. An encoding that would have to be downloaded first is not there.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.language_models.base import BaseLanguageModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.utils.function_calling import convert_to_openai_tool

from stream_aligner_lc.continuation.leaves import Leaf, leaves

APPROXIMATELY = "approximately"
ALIGNER = "aligner"

_PLACE = "https://openaipublic.blob.core.windows.net/encodings/"
# Which file an encoding of tiktoken is made of, and its SHA-256: tiktoken deletes another one and downloads it anew.
_FILES = {
    "r50k_base": ("r50k_base.tiktoken", "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"),
    "p50k_base": ("p50k_base.tiktoken", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"),
    "p50k_edit": ("p50k_base.tiktoken", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"),
    "cl100k_base": ("cl100k_base.tiktoken", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
    "o200k_base": ("o200k_base.tiktoken", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    "o200k_harmony": ("o200k_base.tiktoken", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
}


class Own(NamedTuple):
    """A model's own way to count."""

    name: str
    count: Callable[[str], int]


class TokenCounter:
    """Counts for the model in `llm`: by its own encoding if that is at hand, else by `other`, else approximately.

    `other` is another tokenizer's count of a text, None where that tokenizer is not there (yet). Only `load` and its
    async twin read a file; until one of them was called, the own encoding is not known.
    """

    def __init__(self, llm: Any, other: Callable[[str], int | None] | None = None) -> None:
        self._leaf = next(leaves(llm))
        self._other = other
        self._own: Own | None = None
        self._is_loaded = False

    def load(self) -> None:
        """Find the model's own encoding, once."""
        if not self._is_loaded:
            self._own = own_count(self._leaf)
            self._is_loaded = True

    async def aload(self) -> None:
        """Find the model's own encoding, once, in a thread."""
        if not self._is_loaded:
            await asyncio.to_thread(self.load)

    @property
    def by(self) -> str:
        """What counts now: an encoding's name, "aligner" or "approximately"."""
        if self._own is not None:
            return self._own.name
        return ALIGNER if self._other is not None and self._other("") is not None else APPROXIMATELY

    def own(self, text: str) -> int | None:
        """Return how many tokens a text has for the model itself; None if only an estimate could say."""
        return None if self._own is None else self._own.count(text)

    def text(self, text: str) -> int:
        """Return how many tokens a text has, at least one where there is any."""
        count = self.own(text)
        if count is None and self._other is not None:
            count = self._other(text)
        if count is None:
            count = count_tokens_approximately([text]) - count_tokens_approximately([""])
        return max(count, 1) if text else 0

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Return how many tokens a conversation has: its texts, and what LangChain reckons for the rest."""
        reckoned: list[Any] = [convert_to_openai_tool(tool) for tool in tools or ()]
        if self.by == APPROXIMATELY:
            return count_tokens_approximately(messages, tools=reckoned)
        around = count_tokens_approximately(messages, chars_per_token=math.inf)
        around += sum(self.text(json.dumps(tool)) for tool in reckoned)
        return around + sum(self.text(text) for message in messages for text in _texts(message))

    def fits(self, messages: Sequence[BaseMessage], limit: int) -> bool:
        """Say whether a conversation has at most so many tokens, without counting where its bytes are as few."""
        sure = count_tokens_approximately(messages, chars_per_token=math.inf)
        sure += sum(len(text.encode(errors="replace")) for message in messages for text in _texts(message))
        return sure <= limit or self.messages(messages) <= limit

    def usage(self, prompt: Sequence[BaseMessage], answer: BaseMessage) -> UsageMetadata:
        """Return what a call cost that did not report it."""
        read, wrote = self.messages(prompt), sum(map(self.text, _texts(answer)))
        return UsageMetadata(input_tokens=read, output_tokens=wrote, total_tokens=read + wrote)


def own_count(leaf: Leaf) -> Own | None:
    """Return how a model counts by itself, None if that would need a network or is not known."""
    model = leaf.model
    if custom := getattr(model, "custom_get_token_ids", None):
        return Own("custom_get_token_ids", lambda text: len(custom(text)))
    home = _home_of_get_token_ids(model)
    if home == "stream_aligner_lc.chat_model":
        # An aligned model is no model of its own.
        return own_count(next(leaves(model.llm)))  # type: ignore[attr-defined]
    if home.startswith("stream_aligner_lc."):
        return Own(type(model).__name__, lambda text: len(model.get_token_ids(text)))  # type: ignore[attr-defined]
    name = _encoding_of(leaf)
    if name is None or not is_at_hand(name):
        return None
    import tiktoken  # noqa: PLC0415  # an extra

    encoding = tiktoken.get_encoding(name)
    # A text that spells a control token is text.
    return Own(name, lambda text: len(encoding.encode_ordinary(text)))


def counts_offline(model: Any) -> bool:
    """Say whether `model.get_num_tokens` gets along without downloading anything."""
    if getattr(model, "custom_get_token_ids", None):
        return True
    if isinstance(model, BaseLanguageModel) and _home_of_get_token_ids(model) == BaseLanguageModel.__module__:
        # LangChain's default is GPT-2's tokenizer from the hub.
        return False
    leaf = Leaf(model)
    if not leaf.is_a("BaseChatOpenAI"):
        return True
    name = _encoding_of(leaf)
    # For names that tiktoken does not know, langchain-openai takes one of these.
    return all(map(is_at_hand, ("cl100k_base", "o200k_base") if name is None else (name,)))


def is_at_hand(name: str) -> bool:
    """Say whether tiktoken has an encoding in memory or, as it should be, in its cache of downloaded files."""
    if importlib.util.find_spec("tiktoken") is None:
        return False
    from tiktoken import registry  # noqa: PLC0415  # an extra

    if name in registry.ENCODINGS:
        return True
    file, digest = _FILES.get(name, ("", ""))
    folder = _cache_folder()
    if not file or not folder:
        return False
    try:
        # tiktoken's own rule for names.
        key = hashlib.sha1((_PLACE + file).encode(), usedforsecurity=False).hexdigest()
        return hashlib.sha256((Path(folder) / key).read_bytes()).hexdigest() == digest
    except OSError:
        return False


def _cache_folder() -> str:
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            return os.environ[variable]
    return str(Path(tempfile.gettempdir()) / "data-gym-cache")


def _encoding_of(leaf: Leaf) -> str | None:
    named = getattr(leaf.model, "tiktoken_model_name", None) or leaf.model_name
    is_openais = leaf.is_a("BaseChatOpenAI") or "gpt" in named
    if not is_openais or importlib.util.find_spec("tiktoken") is None:
        return None
    from tiktoken.model import encoding_name_for_model  # noqa: PLC0415  # an extra

    for name in named.split():
        try:
            # Routers put the maker before the name: "openai/gpt-5".
            return encoding_name_for_model(name.rpartition("/")[2])
        except KeyError:
            continue
    return None


def _home_of_get_token_ids(model: Any) -> str:
    return next((each.__module__ for each in type(model).__mro__ if "get_token_ids" in vars(each)), "")


def _texts(message: BaseMessage) -> Iterable[str]:
    yield str(message.text)
    if isinstance(message, AIMessage):
        yield from (json.dumps([call["name"], call["args"]], default=str) for call in message.tool_calls)
