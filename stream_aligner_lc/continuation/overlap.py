"""Find what a continuation repeats of the text it continues. No I/O.

Rule: the result may not depend on how the stream was chunked, and time is linear in prefix plus continuation.
"""

import re
from collections.abc import Generator

from stream_aligner_lc.continuation.scripts import columns, is_spaceless
from stream_aligner_lc.continuation.search import GrowingSearch

# Starting over: two or three words agree by accident ("In the case of the"), a sentence of five does not.
_STARTED_OVER = 24
# The same for a reply of one sentence: enough for "Sure." and "Yes.", not for "3." or "No.".
_WHOLE_REPLY = 4
# Words from the end of the prefix that a model repeats to find its way back in; about three.
_LEAD_IN = 16
# A whole last sentence or line is repeated on purpose even if it is short.
_LAST_UNIT = 6

# A full stop and what closes after it; possessive, and from the first stop on, so that "....x" stays linear.
_STOP = r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]*+"
_STOP_WITHOUT_SPACE = r"[。！？｡]+[」』”’）】]*"
_BOUNDARY = re.compile(
    rf"{_STOP}(?=\s|$)|{_STOP_WITHOUT_SPACE}"
    r"|(?<=\S)(?=[^\S\n]*\n)"  # the end of a line
)
_ENDED = re.compile(rf"(?:{_STOP}|(?<![。！？｡]){_STOP_WITHOUT_SPACE})$")
_ENDED_BEFORE_SPACE = re.compile(rf"{_STOP}$")
_LETTER = re.compile(r"[^\W\d_]")
_FENCE = re.compile(r"^[^\S\n]*(?:```|~~~)", re.MULTILINE)
_WHITESPACE = re.compile(r"\s+")

_Decision = Generator[None, str, int]
"""Is sent one character after the other, "" at the end of the stream; returns how many of them to cut."""


class Overlap:
    """Cut away what a continuation repeats of `prefix`; `feed` and `flush` return what is certainly new.

    An exact provider continues the very prefix. A text that begins, flush left, with the first sentence and
    the first 24 characters of the prefix (or with all of it) is an echo or a new turn: the repeated part is
    cut, back to its last sentence boundary if they diverge. Repetition after whitespace is the model's own.

    A model that was asked to go on (`exact=False`) also repeats its last words, or signals with an ellipsis.
    The longest end of the prefix that the text starts with is cut if it starts at a word and is at least the
    whole last sentence or line, or 16 characters; how long the whitespace before it or in it is, is ignored.

    A character of a script without spaces counts as two. Whitespace after what was cut is kept.

    >>> overlap = Overlap("It rains. It pours.", exact=False)
    >>> overlap.feed("It po"), overlap.feed("urs. The end."), overlap.flush(), overlap.cut
    ('', ' The end.', '', 9)
    """

    def __init__(self, prefix: str, *, exact: bool) -> None:
        self._cut = 0
        self._held: list[str] = []
        self._decision: _Decision | None = _started_over(prefix) if exact else _repeated(prefix)
        self._decided(None)

    @property
    def cut(self) -> int:
        """How many characters were cut away so far; more than 0 suggests that the `continuation` is wrong."""
        return self._cut

    def feed(self, text: str) -> str:
        """Add `text`; return what is certainly new, "" while undecided."""
        if self._decision is None:
            return text
        self._held.append(text)
        for character in text:
            if self._decided(character):
                return self._release()
        return ""

    def flush(self) -> str:
        """End the stream; return what is still held and no repetition."""
        if self._decision is not None:
            self._decided("")
        return self._release()

    def _decided(self, character: str | None) -> bool:
        """Send on the next character (None starts the decision); tell whether it is now known what to cut."""
        try:
            if self._decision is not None:
                self._decision.send(character)  # type: ignore[arg-type]  # a generator is started with None
        except StopIteration as decision:
            self._cut = decision.value
            self._decision = None
        return self._decision is None

    def _release(self) -> str:
        text = "".join(self._held)[self._cut :] if self._held else ""
        self._held.clear()
        return text


def _started_over(prefix: str) -> _Decision:
    """Decide how much of the stream repeats `prefix` from its start, character by character."""
    known = prefix.strip()
    if columns(known) < _STARTED_OVER and not _enough_alone(known):
        return 0
    search = GrowingSearch(known, lambda _: False, last_start=0)
    while search.alive and (character := (yield)):
        search.push(character)
    if search.found:
        return search.matched
    return _back_to_boundary(known, search)


def _repeated(prefix: str) -> _Decision:
    """Decide how much of the stream repeats the start or the end of `prefix`, whatever the whitespace."""
    lines = _WHITESPACE.sub(lambda run: "\n" if "\n" in run[0] else " ", prefix.strip())
    seen, cut = 0, 0  # characters of the stream
    character = yield
    while character.isspace():
        seen, character = seen + 1, (yield)
    dots = ""
    while character and dots + character in {".", "..", "...", "…"}:
        dots += character
        seen, character = seen + 1, (yield)
    if dots in {"...", "…"} and character not in {".", "…", "\n"} and not _in_code(prefix):
        dots, cut = "", seen
        while character.isspace():
            seen, character = seen + 1, (yield)
    return max(cut, (yield from _repeated_words(lines, seen, dots, character)))


def _repeated_words(lines: str, seen: int, dots: str, character: str) -> _Decision:
    """Do the same from the first word on: the `dots` and the `character` after `seen` ones of the stream."""
    last_start = _last_start(lines)
    whole = _enough_alone(lines)
    if last_start < 0 and not whole and columns(lines) < _STARTED_OVER:
        return 0
    words = lines.replace("\n", " ")
    search = GrowingSearch(words, lambda place: _starts_word(words, place), last_start=max(last_start, 0))
    places: list[int] = []  # where in the stream each character of the search ends
    for place, dot in enumerate(dots, seen - len(dots) + 1):
        search.push(dot)
        places.append(place)
    in_space = False
    while character and search.alive:
        seen += 1
        if not character.isspace() or not in_space:
            search.push(" " if character.isspace() else character)
            places.append(seen)
        in_space = character.isspace()
        if search.alive:
            character = yield
    size = _back_to_boundary(lines, search)
    if search.found and (search.matched < len(words) or last_start >= 0 or whole):
        size = max(size, search.matched)
    return places[size - 1] if size else 0


def _back_to_boundary(lines: str, search: GrowingSearch) -> int:
    """Return where the common start of stream and prefix has its last boundary, 0 if it is too short."""
    common = lines[: search.led]
    if columns(common) < _STARTED_OVER:
        return 0
    ends = [match.end() for match in _BOUNDARY.finditer(common + search.diverging)]
    return max((end for end in ends if end <= len(common)), default=0)


def _enough_alone(known: str) -> bool:
    """Tell whether a repetition of all of `known` can be no accident."""
    if columns(known) >= _STARTED_OVER:
        return True
    # Without spaces between sentences, saying something short twice looks the same as starting over.
    return len(known) >= _WHOLE_REPLY and bool(_LETTER.search(known) and _ENDED_BEFORE_SPACE.search(known))


def _last_start(lines: str) -> int:
    """Return the last place where a repetition of the end of `lines` may start, -1 if there is none."""
    place, width = len(lines), 0
    while place and width < _LEAD_IN:
        place -= 1
        width += columns(lines[place])
    starts = [place] if width >= _LEAD_IN else []
    if not _in_code(lines):
        starts += [start for start in (_sentence_start(lines), lines.rfind("\n") + 1) if _is_unit(lines, start)]
    return max(starts, default=-1)


def _sentence_start(lines: str) -> int:
    ends = [match.end() for match in _BOUNDARY.finditer(lines) if match.end() < len(lines)]
    start = ends[-1] if ends else 0
    return start + 1 if lines[start : start + 1].isspace() else start


def _is_unit(lines: str, start: int) -> bool:
    """Tell whether `lines` from `start` on is a whole sentence or line that nobody repeats by accident."""
    unit = lines[start:]
    whole_line = start == 0 or lines[start - 1] == "\n"
    if columns(unit) < _LAST_UNIT or not _LETTER.search(unit):
        return False
    return _ENDED.search(unit) is not None or (whole_line and not unit.startswith("|"))


def _starts_word(words: str, place: int) -> bool:
    before, after = words[place - 1], words[place]
    return not (before.isalnum() and after.isalnum()) or is_spaceless(before) or is_spaceless(after)


def _in_code(text: str) -> bool:
    """Tell whether `text` stops inside a code block, where lines are repeated for good reasons."""
    return len(_FENCE.findall(text)) % 2 == 1
