"""Cut a text stream into sentences and blocks. No I/O, no model, no clock.

Rule: neither the pieces nor when they are known may depend on how the stream was chunked. Every step reads
the text through a `Reader`, changes the state only after its last read, and is simply taken again when more
has arrived.
"""

from collections.abc import Collection

from stream_aligner_lc.segmentation.blocks import BlockScan
from stream_aligner_lc.segmentation.lines import block_at
from stream_aligner_lc.segmentation.oracle import Oracle, guarded, sentencex_oracle
from stream_aligner_lc.segmentation.prose import ProseScan
from stream_aligner_lc.segmentation.reader import MoreNeededError, Reader
from stream_aligner_lc.segmentation.rules import SPACE_LIMIT, Piece, Rules
from stream_aligner_lc.segmentation.segments import KINDS, Segment
from stream_aligner_lc.segmentation.words import Lexicon

_SLICE = 4096  # a longer chunk is taken in slices, or copying what is left of it would cost its square
_ITEM_INDENT = 2


class Segmenter:
    """A text stream in, its sentences and blocks out, each as soon as it is known.

    `lang` is a language code that sharpens the rules; None is good for all. A sentence longer than
    `max_chars` and a block longer than `max_block` are cut. Brackets and quotes keep their sentences together
    for up to `hold_chars`. The kinds in `through` are handed out line by line instead of as whole blocks.
    `oracle` tells abbreviations no table holds: "sentencex", or a function from the word before a dot to a
    bool.

    >>> segmenter = Segmenter()
    >>> [s.text for s in segmenter.feed("Dr. No is here. He w")]
    ['Dr. No is here. ']
    >>> [s.text for s in segmenter.flush()]
    ['He w']
    """

    def __init__(
        self,
        lang: str | None = None,
        *,
        max_chars: int = 600,
        hold_chars: int = 250,
        max_block: int = 20_000,
        markdown: bool = True,
        through: Collection[str] = (),
        oracle: Oracle | str | None = None,
    ) -> None:
        _check_lang(lang)
        _check_size("max_chars", max_chars, 1)
        _check_size("hold_chars", hold_chars, 0)
        _check_size("max_block", max_block, 1)
        lexicon = Lexicon(lang, _checked_oracle(oracle, lang))
        self._rules = Rules(lexicon, max_chars, hold_chars, max_block, markdown, _checked_kinds(through))
        self._reader = Reader()
        self._start = 0
        self._line = 0  # where the line of `_start` begins
        self._kind = "prose"
        self._scan: ProseScan | BlockScan | None = None
        self._piece: Piece | None = None
        self._done: list[Segment] = []

    def feed(self, chunk: str) -> list[Segment]:
        """Take in the next characters; return the segments that are complete with them."""
        check_chunk(chunk, ended=self._reader.ended)
        for i in range(0, len(chunk), _SLICE):
            self._reader.append(chunk[i : i + _SLICE])
            self._run()
        return self._take()

    def flush(self) -> list[Segment]:
        """End the text; return the segments that are left. Nothing can be fed afterwards."""
        self._reader.ended = True
        self._run()
        return self._take()

    def peek(self) -> Segment | None:
        """Return the segment whose core is decided while the whitespace behind it is still arriving.

        It lacks only whitespace that has not arrived. None where there is no such segment.
        """
        end = self.decided
        if end is None or self._piece is None:
            return None
        run = self._reader.slice(end, min(self._reader.end, end + SPACE_LIMIT))
        newline = run.rfind("\n") + 1
        text = self._reader.slice(self._start, end) + (run[:newline] if newline else run)
        return Segment(text, self._piece.kind, self._start, bool(self._piece.cut))

    @property
    def decided(self) -> int | None:
        """The offset where the core of the segment that `peek` returns ends."""
        if self._piece is None or self._piece.cut is None or self._piece.core_end == self._start:
            return None
        return self._piece.core_end

    def _take(self) -> list[Segment]:
        done, self._done = self._done, []
        return done

    def _run(self) -> None:
        try:
            while True:
                if self._piece is None:
                    self._piece = self._next_piece()
                if self._piece is not None:
                    self._release(self._piece)
        except MoreNeededError:
            self._reader.drop(self._start)

    def _next_piece(self) -> Piece | None:
        if self._scan is None:
            self._scan = self._begin()
        if self._scan is None:
            return None
        found = self._scan.run()
        if isinstance(found, Piece):
            return found
        # What looked like a sentence is the first line of a block.
        self._scan = BlockScan(self._reader, self._rules, found, self._start)
        return None

    def _begin(self) -> ProseScan | BlockScan | None:
        """Return what goes on at `_start`; None if that was whitespace alone, which is handed out."""
        reader = self._reader
        core = reader.skip_space(self._start, self._start + SPACE_LIMIT)
        if not reader.at(core) or core - self._start >= SPACE_LIMIT:
            self._hand_out(self._keep_crlf(core), "space", cut=False)
            return None
        lead = reader.slice(self._start, core)
        newline = lead.rfind("\n") + 1
        line = self._start + newline if newline else self._line
        indent = core - line
        starts_line = newline > 0 or self._line == self._start
        block = block_at(reader, core, indent) if starts_line and self._rules.markdown else None
        if block is not None and block.kind != "item":
            return BlockScan(reader, self._rules, block, self._start)
        if block is not None:
            self._kind = "item"
        elif starts_line and indent < _ITEM_INDENT:
            self._kind = "prose"
        content = core if block is None else block.body
        return ProseScan(reader, self._rules, self._kind, start=self._start, core=core, content=content, line=line)

    def _release(self, piece: Piece) -> None:
        """Hand out `piece` as soon as the whitespace behind it is known."""
        reader = self._reader
        core_end = piece.core_end
        end = reader.skip_space(core_end, core_end + SPACE_LIMIT)
        capped = end - core_end >= SPACE_LIMIT
        over = not capped and not reader.at(end)
        if capped:
            end = self._keep_crlf(end)
        elif not over and (newline := reader.slice(core_end, end).rfind("\n") + 1):
            end = core_end + newline  # the rest is the next line's indentation
        cut = piece.cut if piece.cut is not None else not over
        start = self._start
        self._hand_out(end, piece.kind if core_end > start else "space", cut=cut)
        self._piece = None
        if isinstance(self._scan, BlockScan) and not self._scan.over:
            self._scan.resume(end, self._line)
        else:
            self._scan = None

    def _hand_out(self, end: int, kind: str, *, cut: bool) -> None:
        text = self._reader.slice(self._start, end)
        if not text:
            raise MoreNeededError  # the text has ended and all of it is handed out
        self._done.append(Segment(text, kind, self._start, cut))
        newline = text.rfind("\n") + 1
        if newline:
            self._line = self._start + newline
        self._start = end

    def _keep_crlf(self, end: int) -> int:
        halves = self._reader.slice(end - 1, end) == "\r" and self._reader.at(end) == "\n"
        return end + 1 if halves else end


def segment(text: str, lang: str | None = None, **options: object) -> list[Segment]:
    """Cut a whole text; `options` are those of `Segmenter`."""
    segmenter = Segmenter(lang, **options)  # type: ignore[arg-type]  # checked by the constructor
    return segmenter.feed(text) + segmenter.flush()


def is_sentence(text: str, lang: str | None = None) -> bool:
    """Say whether a sentence ends where `text` does, so that what follows it is another one.

    >>> is_sentence("It rains."), is_sentence("It"), is_sentence("It is 3.")
    (True, False, True)
    """
    return any(piece.core and text.endswith(piece.core) for piece in segment(f"{text} And", lang)[:-1])


def check_chunk(chunk: object, *, ended: bool) -> None:
    """Raise if `chunk` cannot be fed: TypeError for anything but text, ValueError after the end."""
    if not isinstance(chunk, str):
        raise TypeError(
            f"`chunk` must be a str, got {type(chunk).__name__}. Decode bytes first, with "
            "`codecs.getincrementaldecoder('utf-8')` where they arrive in pieces."
        )
    if ended:
        raise ValueError("This text was ended by `flush()`. Make a new segmenter for the next text.")


def _check_lang(lang: object) -> None:
    if lang is not None and not isinstance(lang, str):
        raise ValueError(f"`lang` must be a language code such as 'en', or None for any language, got {lang!r}.")


def _check_size(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"`{name}` must be a whole number of characters, at least {least}, got {value!r}.")


def _checked_kinds(through: Collection[str]) -> frozenset[str]:
    if isinstance(through, str):
        raise ValueError(  # noqa: TRY004 -- every wrong option is a ValueError
            f"`through` must be a collection of kinds, got {through!r}. Write `({through!r},)`."
        )
    kinds = frozenset(through)
    if unknown := kinds - KINDS:
        raise ValueError(f"`through` holds no such kind as {sorted(map(repr, unknown))}. Use some of {sorted(KINDS)}.")
    return kinds


def _checked_oracle(oracle: object, lang: str | None) -> Oracle | None:
    if oracle is None:
        return None
    if oracle == "sentencex":
        return sentencex_oracle(lang)
    if not callable(oracle):
        raise ValueError(  # noqa: TRY004 -- every wrong option is a ValueError
            f"`oracle` must be 'sentencex', a function from a word to a bool, or None, got {oracle!r}."
        )
    return guarded(oracle)
