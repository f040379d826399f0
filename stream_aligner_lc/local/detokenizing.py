"""From tokens to text while they arrive: whole characters only, and nothing after a stop sequence. No model, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# So many tokens before the new ones are decoded with them: what a token is written as depends on its neighbours.
_CONTEXT = 6
# A character has up to four bytes, and each of the first three may be a token.
_MAX_HALF = 3
# Of more tokens without a whole character at their end, the older ones are let go.
_MAX_PENDING = 24
_BROKEN = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """Turn ids into text piece by piece; the pieces joined are what decoding all ids at once would give.

    One exception: beside a broken byte, tokenizers that fall back to bytes show whole characters as broken too. Here
    those that are out stay whole.
    """

    def __init__(self, tokenizer: Any, prompt: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._context = self._end_of(prompt)
        self._lengths = [len(self._context)]
        """How many tokens of the context belong together: between them one character ends and another begins."""
        self._before = self._decoded(self._context)
        """The text of the context, all of it out."""
        self._pending: list[int] = []
        self._num_out = 0
        """How many characters of the pending tokens' text are out."""

    def feed(self, token: int) -> str:
        """Add a token; return the text that is certain, "" while a character is not whole."""
        whole = self._new_text() if self._pending else ""
        self._pending.append(token)
        text = self._new_text()
        if not text and self._before:
            # A control token says nothing, and would push out of the context what does.
            self._pending.pop()
            return ""
        num_broken = _num_broken(text)
        if whole and num_broken and len(text) > len(whole) + len(self._decoded([token])):
            # What looked broken is a replacement character, and whole: the token has only now broken its bytes.
            self._pending.pop()
            return self.flush() + self.feed(token)
        return self._let_out(text, min(num_broken, _MAX_HALF))

    def flush(self) -> str:
        """Return what is left of a character that never became whole."""
        return self._let_out(self._new_text(), 0)

    def _let_out(self, text: str, num_held: int) -> str:
        end = len(text) - num_held
        new = text[self._num_out : end]
        self._num_out = max(self._num_out, end)
        if not num_held:
            self._settle()
        elif len(self._pending) > _MAX_PENDING:
            self._let_go(num_held)
        return new

    def _settle(self) -> None:
        self._context += self._pending
        self._lengths.append(len(self._pending))
        while len(self._context) - self._lengths[0] >= _CONTEXT:
            del self._context[: self._lengths.pop(0)]
        self._before = self._decoded(self._context)
        self._pending, self._num_out = [], 0

    def _let_go(self, num_held: int) -> None:
        self._pending = self._pending[-_MAX_PENDING // 2 :]
        text = self._new_text()
        self._num_out = len(text) - min(num_held, _num_broken(text))

    def _end_of(self, prompt: Sequence[int]) -> list[int]:
        ends = [list(prompt[-length:]) for length in range(_CONTEXT, _CONTEXT + _MAX_HALF + 1)]
        # It should say something, and start with a character.
        return next((end for end in ends if (self._decoded(end) or _BROKEN)[0] != _BROKEN), ends[0])

    def _new_text(self) -> str:
        text = self._decoded(self._context + self._pending)
        new, is_intact = text[len(self._before) :], text.startswith(self._before)
        if is_intact and not new.endswith(_BROKEN):
            return new
        # A byte that is half a character, or none, may have broken the ones before it, which are out.
        alone = self._decoded(self._pending)
        is_more_broken = new.startswith(_BROKEN) and _num_broken(new) > _num_broken(alone)
        return new if is_intact and not is_more_broken else alone

    def _decoded(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class StopFilter:
    """Let text through up to the first stop sequence that is complete, holding back what may be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.is_over = False
        """Whether a stop sequence has come; nothing is let through any more."""

    def feed(self, text: str) -> str:
        """Add text; return what is certain to come before any stop sequence."""
        if self.is_over:
            return ""
        self._held += text
        found = [(at + len(stop), at) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.is_over = True
            # The first one to be complete, whatever the chunks; of two that end together, the longer.
            return self._let_out(min(found)[1])
        return self._let_out(len(self._held) - self._num_doubtful())

    def flush(self) -> str:
        """Return what was held back; it was no stop sequence."""
        return "" if self.is_over else self._let_out(len(self._held))

    def _let_out(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        return text

    def _num_doubtful(self) -> int:
        longest = max(map(len, self._stops), default=1) - 1
        lengths = range(min(longest, len(self._held)), 0, -1)
        return next((n for n in lengths if any(stop.startswith(self._held[-n:]) for stop in self._stops)), 0)


def _num_broken(text: str) -> int:
    return len(text) - len(text.rstrip(_BROKEN))
