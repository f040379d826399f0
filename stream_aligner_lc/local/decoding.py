"""Decode with a model of `transformers`, one token a call, from the longest text that it has read before.

Rule: a model runs one pass at a time, whoever asks; between two passes a decoding can be stopped.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from stream_aligner_lc.local.completions import StoppedError

Choose = Callable[[torch.Tensor, Sequence[int]], int]
"""From the logits of the next token, of shape (vocabulary,), and all ids before it, to the next token."""

# A long prompt is read in pieces, so that a decoding that nobody waits for any more does not read on.
_CHUNK = 512
_KEPT_BYTES = 1 << 30
_locks: WeakKeyDictionary[Any, threading.Lock] = WeakKeyDictionary()
_locks_lock = threading.Lock()


def greedy(logits: torch.Tensor, _ids: Sequence[int]) -> int:
    """Choose the most probable token."""
    return int(logits.argmax())


@dataclass(eq=False)
class _Read:
    """A text that the model has read: `cache` holds the keys and values of `ids`."""

    ids: list[int]
    cache: Any
    is_running: bool = True
    is_whole: bool = True
    """Whether every layer has read the same; a pass that failed may have stopped between two."""

    @property
    def num_bytes(self) -> int:
        tensors = [tensor for layer in self.cache.layers for tensor in (layer.keys, layer.values) if tensor is not None]
        return sum(tensor.nbytes for tensor in tensors)


class Decoder:
    """The passes of one model, and what it has read lately.

    A text that goes on from another one, as a restarted reply does, is read only from where they part.
    `kept_bytes` bounds the caches of texts that nobody is decoding at the moment; the oldest goes first.
    """

    def __init__(self, model: Any, *, kept_bytes: int = _KEPT_BYTES) -> None:
        self.model = model
        self.device = model.device
        self.kept_bytes = kept_bytes
        self.num_passes = 0
        self._lock = _lock_of(model)
        self._takes_part = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._read: list[_Read] = []
        layers = DynamicCache(config=model.config).layers
        # Such a cache can be cut at any place as long as it keeps every key; that of a recurrent model cannot.
        self._is_croppable = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)

    @contextmanager
    def reading(self, ids: Sequence[int]) -> Iterator[Decoding]:
        """Open a decoding that begins after `ids`, at least one, and keep what was read when it is left."""
        read = self._begin(ids)
        try:
            yield Decoding(self, list(ids), read)
        finally:
            self._keep(read)

    def forward(self, ids: Sequence[int], read: _Read) -> torch.Tensor:
        """Read `ids` after what was read, and return the logits of the next token, of shape (vocabulary,)."""
        with self._lock, torch.inference_mode():
            tokens = torch.tensor([list(ids)], device=self.device)
            read.is_whole = False
            output = self.model(
                input_ids=tokens,
                past_key_values=read.cache,
                use_cache=True,
                **({"logits_to_keep": 1} if self._takes_part else {}),
            )
            read.is_whole = True
            read.ids += ids
            self.num_passes += 1
            logits: torch.Tensor = output.logits[0, -1]
            return logits

    def _begin(self, ids: Sequence[int]) -> _Read:
        if not self._is_croppable:
            return _Read([], DynamicCache(config=self.model.config))
        with self._lock:
            best = max(self._read, key=lambda read: _num_common(read.ids, ids), default=None)
            # The last token is always read, because its logits are asked for.
            num_common = 0 if best is None else min(_num_common(best.ids, ids), len(ids) - 1)
            if best is None or not num_common:
                found = _Read([], DynamicCache())
            elif best.is_running:
                # The reply that wrote it may still be on its way out, or may go on another way.
                data = [
                    (layer.keys[..., :num_common, :], layer.values[..., :num_common, :]) for layer in best.cache.layers
                ]
                found = _Read(best.ids[:num_common], DynamicCache(data))
            else:
                self._read.remove(best)
                best.cache.crop(num_common - len(best.ids))
                found = _Read(best.ids[:num_common], best.cache)
            self._read.append(found)
            return found

    def _keep(self, read: _Read) -> None:
        with self._lock:
            read.is_running = False
            if not read.is_whole and read in self._read:
                self._read.remove(read)
            kept = [other for other in self._read if not other.is_running]
            while kept and sum(other.num_bytes for other in kept) > self.kept_bytes:
                self._read.remove(kept.pop(0))


@dataclass
class Decoding:
    """One text in the making."""

    _decoder: Decoder
    _ids: list[int]
    """The prompt and what was chosen after it."""
    _read: _Read
    num_reused: int = field(init=False)
    """Tokens of the prompt that did not have to be read again."""

    def __post_init__(self) -> None:
        self.num_reused = len(self._read.ids)

    def next(self, choose: Choose, *, stopped: threading.Event | None = None) -> int:
        """Return the next token; raises `StoppedError` between two passes once `stopped` is set."""
        while True:
            if stopped is not None and stopped.is_set():
                raise StoppedError
            start = len(self._read.ids)
            piece = self._ids[start : start + _CHUNK]
            logits = self._decoder.forward(piece, self._read)
            if start + len(piece) == len(self._ids):
                token = choose(logits, self._ids)
                self._ids.append(token)
                return token


def _lock_of(model: Any) -> threading.Lock:
    # Of the model, not of the decoder: an aligner and an upstream may share one model.
    with _locks_lock:
        return _locks.setdefault(model, threading.Lock())


def _num_common(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))
