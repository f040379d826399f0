"""Cut a text that goes on from another one: the block that is open there is still open here. No I/O.

Rule: only blocks are gone on with. A sentence, a list, or a paragraph begins anew, as it would at the start of a text.
"""

from stream_aligner_lc.segmentation.granularity import Cutter
from stream_aligner_lc.segmentation.segmenter import Segmenter
from stream_aligner_lc.segmentation.segments import Segment

# A text without one of these has no block, and most texts need not be looked at more closely.
_MARKS = ("```", "~~~", "$$", "\\[", "\\begin{", "|")


def going_on(cutter: Cutter, before: str, lang: str | None = None) -> Cutter:
    """Return `cutter` for the text that follows `before`, where it ends in a block or right behind one.

    Without it the fence that closes a block would open one, and all that follows would be taken for code.
    """
    kind = _block_at_end(before, lang)
    if kind is None:
        return cutter
    # A fence that comes without a newline closes as well; a row of a table needs the line before it to be a row.
    return _GoingOn(cutter, before if kind == "table" else before + "\n")


def _block_at_end(text: str, lang: str | None) -> str | None:
    if not any(mark in text for mark in _MARKS):
        return None
    segmenter = Segmenter(lang)
    segmenter.feed(text)
    pending = segmenter.flush()
    return pending[-1].kind if pending and pending[-1].kind in ("code", "math", "table") else None


class _GoingOn:
    """Hand out what is behind `before`, at offsets of its own."""

    def __init__(self, cutter: Cutter, before: str) -> None:
        self._cutter = cutter
        self._offset = len(before)
        cutter.feed(before)

    def feed(self, chunk: str) -> list[Segment]:
        return self._new(self._cutter.feed(chunk))

    def flush(self) -> list[Segment]:
        return self._new(self._cutter.flush())

    def peek(self) -> Segment | None:
        segment = self._cutter.peek()
        new = self._new([segment]) if segment else []
        return new[0] if new and new[0].core else None

    def _new(self, segments: list[Segment]) -> list[Segment]:
        new: list[Segment] = []
        for segment in segments:
            text = segment.text[max(self._offset - segment.start, 0) :]
            kind = segment.kind if text.strip() else "space"
            if text:
                new.append(Segment(text, kind, max(segment.start - self._offset, 0), segment.cut))
        return new
