"""Find where in a text a stream begins to repeat it. Plain Python."""

from collections.abc import Callable


class GrowingSearch:
    """Find the longest end of `text` with which a growing pattern begins.

    Knuth-Morris-Pratt with the stream as the pattern: both only move forward, so time is linear.
    An alignment may start at 0, and wherever `can_start(place)` holds, up to `last_start`.
    """

    def __init__(self, text: str, can_start: Callable[[int], bool], *, last_start: int) -> None:
        self._text = text
        self._can_start = can_start
        self._last_start = last_start
        self._pattern: list[str] = []
        self._borders: list[int] = []  # per length of the pattern: its longest proper prefix that is also its suffix
        self._place = 0
        self._dead = not text
        self._led: int | None = None
        self.matched = 0
        """How many characters of the stream agree in the leftmost alignment that is still possible."""
        self.diverging = ""
        """The character with which the stream left the start of the text."""

    @property
    def found(self) -> bool:
        """The first `matched` characters of the stream are the end of the text."""
        return not self._dead and self._place == len(self._text)

    @property
    def alive(self) -> bool:
        """More of the stream may still complete an alignment."""
        return not self._dead and self._place < len(self._text)

    @property
    def led(self) -> int:
        """How many characters the stream agreed with the text from the very start of both."""
        return self.matched if self._led is None else self._led

    def push(self, character: str) -> None:
        """Add the next character of the stream."""
        self._pattern.append(character)
        self._borders.append(self._next_border(character))
        while self.alive and self.matched < len(self._pattern):
            if self._text[self._place] == self._pattern[self.matched] and self._may_be_here():
                self._place += 1
                self.matched += 1
            else:
                self._shift()

    def _may_be_here(self) -> bool:
        return self.matched > 0 or self._place == 0 or self._can_start(self._place)

    def _shift(self) -> None:
        """Move to the next alignment that agrees with what is known of the text up to here."""
        if self._led is None:
            self._led, self.diverging = self.matched, self._pattern[self.matched]
        if self.matched:
            self.matched = self._borders[self.matched - 1]
            while self.matched and not self._can_start(self._place - self.matched):
                self.matched = self._borders[self.matched - 1]
        else:
            place = self._text.find(self._pattern[0], self._place + 1)
            self._place = place if place >= 0 else len(self._text)
        self._dead = self._place - self.matched > self._last_start

    def _next_border(self, character: str) -> int:
        if not self._borders:
            return 0
        border = self._borders[-1]
        while border and self._pattern[border] != character:
            border = self._borders[border - 1]
        return border + 1 if self._pattern[border] == character else 0
