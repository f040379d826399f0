"""What a model has read lately, within a budget of bytes: a text that begins like an earlier one is read from there.

Rule: only token ids link two texts, so that whoever asks need not know who asked before.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.local.passes import Passes
from stream_aligner_lc.local.slabs import capacity

Room = Literal["made", "awaited", "now"]
# Every kept text is compared with every prompt.
_MOST_TEXTS = 256
_SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(eq=False)
class Text:
    """A text that the model has read: `state` is what it remembers of `ids`."""

    ids: array[int]
    state: Any
    is_running: bool = True
    is_whole: bool = True
    """Whether every layer has read the same; if a pass failed between two, all is read anew."""
    reserved: int | None = None
    """The bytes that were set aside for it, None if nobody may wait for it to end."""

    kept_bytes: int = 0
    """The memory that it takes while nobody decodes it."""

    @property
    def num_bytes(self) -> int:
        """The memory that it takes, or that was set aside for it."""
        if not self.is_running:
            return self.kept_bytes
        return max(self.reserved or 0, getattr(self.state, "num_bytes", 0))

    def undo(self) -> None:
        """Forget what the first layers have read in a pass that failed, where that is possible."""
        self.is_whole = hasattr(self.state, "cut")
        if self.is_whole:
            self.state.cut(len(self.ids))

    def cut(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if length < len(self.ids):
            del self.ids[length:]
            self.state.cut(length)


class Memory:
    """Texts that a model has read, those that are being decoded and those that are kept; the oldest goes first.

    `kept_bytes` bounds all of them together, except that texts which are being decoded are never taken away; of those
    that agree to wait, no more begin than fit.
    """

    def __init__(self, passes: Passes, kept_bytes: int, alone: Callable[[Callable[[], Text]], Text]) -> None:
        self.kept_bytes = kept_bytes
        self._passes = passes
        self._alone = alone
        """Calls a function while the model runs no pass."""
        self._texts: list[Text] = []
        self._queue: list[object] = []
        self._changed = threading.Condition()
        self._token_bytes = 0

    def begin(
        self, ids: Sequence[int], *, ahead: int = 0, room: Room = "made", stopped: threading.Event | None = None
    ) -> Text:
        """Return a text that begins as `ids` does, as long as there is one, without the last token of `ids`.

        It may be read on by `ahead` tokens beyond `ids`. Where there is no room for all that, it is "made" all the
        same, or "awaited", or the text is given up if there has to be room "now". Raises `StoppedError` if it is given
        up, or `stopped` while it waits. Only who comes to an end by himself may await: the others wait for that.
        """
        if not self._passes.is_croppable(len(ids)):
            return Text(array("I"), self._passes.empty())
        wanted = array("I", ids)
        with self._changed:
            if room == "awaited":
                self._wait_for_room(len(ids) + ahead, stopped)
            elif room == "now" and not self._has_room(len(ids) + ahead):
                raise StoppedError
            text, source, length = self._found(wanted)
            if room != "made":
                text.reserved = self._needed(len(ids) + ahead)
            self._texts.append(text)
            self._evict()
        if source is None:
            return text
        try:
            copied = self._alone(lambda: self._copied(source, wanted, length))
        except BaseException:
            self.keep(text)
            raise
        text.ids, text.state = copied.ids, copied.state
        return text

    def keep(self, text: Text) -> None:
        """Take back a text that nobody decodes any more."""
        with self._changed:
            text.is_running, text.reserved = False, None
            text.kept_bytes = getattr(text.state, "num_bytes", 0)
            if text in self._texts:
                self._texts.remove(text)
                if text.is_whole and text.ids and self._passes.is_croppable(len(text.ids)):
                    # Behind all others: the one that was read last goes last.
                    self._texts.append(text)
                    self._token_bytes = text.state.token_bytes
            self._evict()
            self._changed.notify_all()

    def shrink(self) -> None:
        """Let go of all that is only kept, and keep no more than half of that from now on: the device is full."""
        with self._changed:
            idle = sum(text.num_bytes for text in self._texts if not text.is_running)
            if idle:
                self.kept_bytes = min(self.kept_bytes, sum(text.num_bytes for text in self._texts) - idle // 2)
            self._texts = [text for text in self._texts if text.is_running]

    @property
    def num_bytes(self) -> int:
        """The memory that all texts take."""
        with self._changed:
            return sum(text.num_bytes for text in self._texts)

    def _found(self, ids: array[int]) -> tuple[Text, Text | None, int]:
        """Return the text to go on with, or a new one with the text to copy from and how much of it."""
        texts = [text for text in self._texts if self._passes.is_croppable(len(text.ids))]
        key = ids.tobytes()
        commons = [(num_common(text.ids.tobytes(), key), text) for text in texts]
        length, best = max(commons, key=lambda common: common[0], default=(0, None))
        # The last token is always read, because its logits are asked for.
        length = min(length, len(ids) - 1)
        if best is None or length == 0:
            return Text(array("I"), self._passes.empty()), None, 0
        # A running text may still be on its way out, or may go on another way. And what has hardly more than the
        # start of every conversation in common with this one is worth more as it is.
        if best.is_running or length < len(best.ids) // 2:
            return Text(array("I"), self._passes.empty()), best, length
        self._texts.remove(best)
        best.cut(length)
        best.is_running = True
        return best, None, length

    def _copied(self, source: Text, ids: array[int], length: int) -> Text:
        # It may have gone on since it was chosen, but what is there now stays there until the next pass.
        if not self._passes.is_croppable(len(source.ids)):
            return Text(array("I"), self._passes.empty())
        length = min(length, num_common(source.ids.tobytes(), ids.tobytes()))
        # Its own thread may be cutting it, or starting anew.
        state, kept = source.state, source.ids[:length]
        return Text(kept, state.first(len(kept)))

    def _wait_for_room(self, length: int, stopped: threading.Event | None) -> None:
        ticket = object()
        self._queue.append(ticket)
        try:
            while self._queue[0] is not ticket or not self._has_room(length):
                if stopped is not None and stopped.is_set():
                    raise StoppedError
                self._changed.wait(_SECONDS_BETWEEN_LOOKS)
        finally:
            self._queue.remove(ticket)
            self._changed.notify_all()

    def _has_room(self, length: int) -> bool:
        # Only for those that come to an end by themselves can anyone wait.
        busy = [text for text in self._texts if text.is_running and text.reserved is not None]
        if not busy:
            return True
        if not self._token_bytes:
            # What has been through one pass at least shows it; in the middle of one, layers are missing.
            self._token_bytes = max((text.state.token_bytes for text in busy if text.ids), default=0)
        if not self._token_bytes:
            return False
        running = sum(text.num_bytes for text in self._texts if text.is_running)
        return running + self._needed(length) <= self.kept_bytes

    def _needed(self, length: int) -> int:
        return self._token_bytes * capacity(length)

    def _evict(self) -> None:
        idle = [text for text in self._texts if not text.is_running]
        total = sum(text.num_bytes for text in self._texts)
        while idle and (len(idle) > _MOST_TEXTS or total > self.kept_bytes):
            oldest = idle.pop(0)
            total -= oldest.num_bytes
            self._texts.remove(oldest)


def num_common(one: bytes, other: bytes) -> int:
    """Return how many 32-bit numbers two byte strings have in common at their start."""
    low, high = 0, min(len(one), len(other)) // 4
    if one[: 4 * high] == other[: 4 * high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[4 * low : 4 * middle] == other[4 * low : 4 * middle]:
            low = middle
        else:
            high = middle - 1
    return low
