"""From tokens to text while they arrive: whole characters only, and nothing after a stop sequence. No model, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# So many tokens before the new ones are decoded with them: what a token is written as depends on its neighbours.
_CONTEXT = 6
_BROKEN = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """Turn ids into text piece by piece; the pieces joined are what decoding all ids at once would give."""

    def __init__(self, tokenizer: Any, prompt: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._ids = list(prompt[-_CONTEXT:])
        self._said = len(self._ids)
        """How many of the ids are out."""

    def feed(self, token: int) -> str:
        """Add a token; return the text that is certain, "" while a character is not whole."""
        self._ids.append(token)
        text = self._new_text()
        if text.endswith(_BROKEN):
            return ""
        self._settle()
        return text

    def flush(self) -> str:
        """Return what is left of a character that never became whole."""
        text = self._new_text()
        self._settle()
        return text

    def _new_text(self) -> str:
        before = self._decoded(self._ids[: self._said])
        return self._decoded(self._ids)[len(before) :]

    def _settle(self) -> None:
        self._ids = self._ids[-_CONTEXT:]
        self._said = len(self._ids)

    def _decoded(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class StopFilter:
    """Let text through up to the first stop sequence, holding back what may be the start of one."""

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
        found = [at for at in map(self._held.find, self._stops) if at >= 0]
        if found:
            self.is_over = True
            return self._let_out(min(found))
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
