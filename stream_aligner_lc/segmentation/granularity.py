"""How much of a text one segment holds: a sentence, a paragraph, or all of it."""

from collections.abc import Collection
from typing import Protocol

from stream_aligner_lc.segmentation.oracle import Oracle
from stream_aligner_lc.segmentation.segmenter import Segmenter, check_chunk
from stream_aligner_lc.segmentation.segments import Segment

GRANULARITIES = ("sentence", "paragraph", "response")
# Kinds that make up paragraphs; all others stand alone.
_PARAGRAPH_KINDS = frozenset({"prose", "heading", "item", "quote"})
_SENTENCES = 20  # a paragraph ends early at this many times `max_chars`
_BLANK_LINE = 2  # newlines in a row


class Cutter(Protocol):
    """Anything that cuts a text stream into segments."""

    def feed(self, chunk: str) -> list[Segment]:
        """Take in the next characters; return the segments that are complete with them."""
        ...

    def flush(self) -> list[Segment]:
        """End the text; return the segments that are left."""
        ...

    def peek(self) -> Segment | None:
        """Return the segment whose core is decided while the whitespace behind it is still arriving."""
        ...


class Grouper:
    """Puts the segments of `segmenter` together to paragraphs.

    A paragraph is made of prose, headings, items and quotes, and ends with a blank line or before a segment
    of another kind or of a kind in `through`; those pass on as they come. Longer than `max_chars`, it ends at
    the next sentence end and is marked `cut`.
    """

    def __init__(self, segmenter: Segmenter, *, max_chars: int, through: Collection[str] = ()) -> None:
        self._segmenter = segmenter
        self._max_chars = max_chars
        self._kinds = _PARAGRAPH_KINDS - frozenset(through)
        self._parts: list[Segment] = []

    def feed(self, chunk: str) -> list[Segment]:
        """Take in the next characters; return the segments that are complete with them."""
        return self._group(self._segmenter.feed(chunk))

    def flush(self) -> list[Segment]:
        """End the text; return the segments that are left. Nothing can be fed afterwards."""
        return self._group(self._segmenter.flush()) + self._release(cut=False)

    def peek(self) -> Segment | None:
        """Return the segment whose core is decided while the whitespace behind it is still arriving."""
        part = self._segmenter.peek()
        if part is None or part.kind not in self._kinds:
            # Another kind ends the paragraph before it, but only the paragraph comes out first.
            return part if not self._parts else None
        parts = [*self._parts, part]
        cut = self._is_long(parts)
        return _joined(parts, cut=cut) if cut or _ends_paragraph(parts) else None

    def _group(self, segments: list[Segment]) -> list[Segment]:
        done: list[Segment] = []
        for part in segments:
            if part.kind not in self._kinds and not (part.kind == "space" and self._parts):
                done += [*self._release(cut=False), part]
                continue
            self._parts.append(part)
            cut = self._is_long(self._parts)
            if cut or _ends_paragraph(self._parts):
                done += self._release(cut=cut)
        return done

    def _is_long(self, parts: list[Segment]) -> bool:
        # Measured to the end of the core, which `peek` knows as well.
        last = parts[-1]
        length = last.start + len(last.text.rstrip()) - parts[0].start
        # Text without sentence ends must end somewhere, too.
        return length > (2 * self._max_chars if last.cut else self._max_chars)

    def _release(self, *, cut: bool) -> list[Segment]:
        parts, self._parts = self._parts, []
        return [_joined(parts, cut=cut)] if parts else []


class WholeText:
    """Keeps a text until it ends, as one segment."""

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._ended = False

    def feed(self, chunk: str) -> list[Segment]:
        """Take in the next characters; nothing is complete before the text is."""
        check_chunk(chunk, ended=self._ended)
        self._chunks.append(chunk)
        return []

    def flush(self) -> list[Segment]:
        """End the text; return it, or nothing if it is empty."""
        self._ended = True
        text = "".join(self._chunks)
        self._chunks = []
        if not text:
            return []
        return [Segment(text, "prose" if text.strip() else "space", 0, cut=False)]

    def peek(self) -> None:
        """Return None: only the end of the text decides."""


def make_segmenter(
    granularity: str,
    lang: str | None = None,
    *,
    through: Collection[str] = (),
    max_chars: int = 600,
    hold_chars: int = 250,
    max_block: int = 20_000,
    markdown: bool = True,
    oracle: Oracle | str | None = None,
) -> Cutter:
    """Return what cuts a stream into sentences, paragraphs, or not at all; options as of `Segmenter`."""
    if granularity not in GRANULARITIES:
        raise ValueError(f"`granularity` must be one of {', '.join(GRANULARITIES)}, got {granularity!r}.")
    segmenter = Segmenter(
        lang,
        max_chars=max_chars,
        hold_chars=hold_chars,
        max_block=max_block,
        markdown=markdown,
        through=through,
        oracle=oracle,
    )
    if granularity == "sentence":
        return segmenter
    if granularity == "response":
        return WholeText()
    return Grouper(segmenter, max_chars=_SENTENCES * max_chars, through=through)


def _ends_paragraph(parts: list[Segment]) -> bool:
    newlines = 0
    for part in reversed(parts):
        newlines += part.text[len(part.text.rstrip()) :].count("\n")
        if part.core:
            break
    return newlines >= _BLANK_LINE


def _joined(parts: list[Segment], *, cut: bool) -> Segment:
    return Segment("".join(part.text for part in parts), parts[0].kind, parts[0].start, cut)
