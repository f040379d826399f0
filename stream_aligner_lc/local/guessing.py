"""Where a correction will go on in its draft, once it has left it. Pure: token ids in, token ids out.

The sentence itself is the draft. Where the model writes another token, a word was most often exchanged, so the draft is
expected to go on at its next word; if what was written since stands further on in the draft, words were left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Tokens that are guessed at the first, second, ... place where nothing shows how the text goes on: a guess that comes
# to nothing costs a twentieth of a pass for each of its tokens.
_LENGTHS = (None, 6, 3, 0)
_LENGTH_IF_FOUND = 12
_REACH = 12
"""How far ahead in the draft a single token is looked for."""


class Guesses:
    """Guess again and again how a text that began like `draft` goes on.

    `starts_word` says whether a token begins a word.
    """

    def __init__(self, draft: Sequence[int], starts_word: Callable[[int], bool]) -> None:
        self._draft = draft
        self._starts_word = starts_word
        self._at = 0
        """As far as the text is known to follow the draft."""
        self._since: list[int] = []
        """What was written since."""
        self._num_misses = 0
        self._guess_at = 0

    def first(self) -> Sequence[int]:
        """Return the guess before anything was written: all of it."""
        return self._draft

    def next(self, accepted: int, token: int) -> Sequence[int]:
        """Return the next guess, after so many tokens of the last one were right and then came `token`."""
        if accepted:
            self._at, self._since = self._guess_at + accepted, []
            self._num_misses = 0
        self._since.append(token)
        self._num_misses += 1
        found = self._found()
        self._guess_at = self._after_words() if found is None else found
        length = self._length(is_found=found is not None)
        return self._draft[self._guess_at : len(self._draft) if length is None else self._guess_at + length]

    def _length(self, *, is_found: bool) -> int | None:
        number = min(self._num_misses, len(_LENGTHS)) - 1
        if is_found:
            return None if self._num_misses <= 2 else _LENGTH_IF_FOUND
        return _LENGTHS[number]

    def _found(self) -> int | None:
        """Return the place in the draft after the longest end of what was written that stands there."""
        rest = self._draft[self._at :]
        for length in range(min(len(self._since), 4), 0, -1):
            wanted = self._since[-length:]
            reach = _REACH if length == 1 else len(rest)
            for start in range(min(reach, len(rest) - length + 1)):
                if list(rest[start : start + length]) == wanted:
                    return self._at + start + length
        return None

    def _after_words(self) -> int:
        """Return where the draft goes on after as many words as were written in place of its own."""
        num_words = max(1, sum(map(self._starts_word, self._since)))
        for place in range(self._at + 1, len(self._draft)):
            num_words -= self._starts_word(self._draft[place])
            if num_words == 0:
                return place
        return len(self._draft)
