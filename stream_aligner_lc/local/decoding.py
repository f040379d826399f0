"""Decode with a model of `transformers`, one token a call, from the longest text that it has read before.

Rule: a model runs one pass at a time, whoever asks; between two passes a decoding can be stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch

from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.local.passes import Passes, first, num_bytes

Choose = Callable[[torch.Tensor, Sequence[int]], int]
"""From the logits of the next token, of shape (vocabulary,), and all ids before it, to the next token."""

# A long prompt is read in pieces, so that a decoding that nobody waits for any more does not read on.
_CHUNK = 512
_KEPT_BYTES = 1 << 30
# Every kept text is compared with every prompt.
_KEPT_TEXTS = 16
_locks: WeakKeyDictionary[Any, threading.Lock] = WeakKeyDictionary()
_locks_lock = threading.Lock()


def greedy(logits: torch.Tensor, _ids: Sequence[int]) -> int:
    """Choose the most probable token."""
    return int(logits.argmax())


@dataclass(eq=False)
class _Read:
    """A text that the model has read: `state` is what it remembers of `ids`."""

    ids: list[int]
    state: Any
    is_running: bool = True
    is_whole: bool = True
    """Whether every layer has read the same; a pass that failed may have stopped between two."""


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
        self._passes = Passes(model)
        self._texts: list[_Read] = []

    @contextmanager
    def reading(self, ids: Sequence[int]) -> Iterator[Decoding]:
        """Open a decoding that begins after `ids`, at least one, and keep what was read when it is left."""
        read = self._begin(ids)
        try:
            yield Decoding(self, list(ids), read)
        finally:
            self._keep(read)

    def forward(self, ids: Sequence[int], read: _Read) -> tuple[torch.Tensor, int]:
        """Read on in the text `ids`; return the logits after what is read by then, and how much that is."""
        with self._lock, torch.inference_mode():
            if self._passes.outgrows(len(read.ids), len(ids)):
                read.ids, read.state = [], self._passes.empty()
            num_before = len(read.ids)
            # What cannot be cut cannot be read in pieces either without a difference.
            end = num_before + _CHUNK if self._passes.is_croppable(len(ids)) else len(ids)
            piece = list(ids[num_before:end])
            read.is_whole = False
            logits, state = self._passes.run(piece, read.state, num_before)
            read.is_whole = True
            if self._passes.remembers:
                read.ids += piece
                read.state = state
            self.num_passes += 1
            return logits, num_before + len(piece)

    def _begin(self, ids: Sequence[int]) -> _Read:
        if not self._passes.is_croppable(len(ids)):
            return _Read([], self._passes.empty())
        with self._lock:
            texts = [read for read in self._texts if self._passes.is_croppable(len(read.ids))]
            best = max(texts, key=lambda read: _num_common(read.ids, ids), default=None)
            # The last token is always read, because its logits are asked for.
            num_common = 0 if best is None else min(_num_common(best.ids, ids), len(ids) - 1)
            found = self._beginning(best, num_common) if best is not None and num_common else None
            found = found or _Read([], self._passes.empty())
            self._texts.append(found)
            return found

    def _beginning(self, read: _Read, length: int) -> _Read:
        # A running text may still be on its way out, or may go on another way. And what has hardly more than the
        # start of every conversation in common with this one is worth more as it is.
        if read.is_running or length < len(read.ids) // 2:
            return _Read(read.ids[:length], first(read.state, length))
        self._texts.remove(read)
        read.state.crop(length - len(read.ids))
        return _Read(read.ids[:length], read.state)

    def _keep(self, read: _Read) -> None:
        with self._lock:
            read.is_running = False
            if read not in self._texts:
                return
            self._texts.remove(read)
            if read.is_whole and read.ids and self._passes.is_croppable(len(read.ids)):
                # Behind all others: the one that was read last goes last.
                self._texts.append(read)
            kept = [other for other in self._texts if not other.is_running]
            while len(kept) > _KEPT_TEXTS or sum(num_bytes(other.state) for other in kept) > self.kept_bytes:
                self._texts.remove(kept.pop(0))


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
        num_read = 0
        while num_read < len(self._ids):
            if stopped is not None and stopped.is_set():
                raise StoppedError
            logits, num_read = self._decoder.forward(self._ids, self._read)
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
