"""What readers see of a reply, to which a step adds. No I/O.

Rule: `Ledger` alone lets something out, and text only behind its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk

from stream_aligner_lc.content import places_taken, text_chunk
from stream_aligner_lc.pages import Transcript, pieces_of, text_of
from stream_aligner_lc.state import Progress


class Outlet:
    """Open it on the pages of `released`; `new` and `chunks` are what was let out since."""

    def __init__(self, pages: Sequence[list[Any]], transcript: Transcript) -> None:
        self._pages = pages
        self._transcript = transcript
        self.text = transcript.text(pages)
        self.new: list[Any] = []
        self.chunks: list[AIMessageChunk] = []

    @property
    def pieces(self) -> list[Any]:
        """All pieces of the reply so far."""
        return [*pieces_of(self._pages), *self.new]

    @property
    def is_begun(self) -> bool:
        """Whether anything of the reply was let out."""
        return bool(self._pages or self.new)

    @property
    def sentences(self) -> list[str]:
        """The released sentences, without the whitespace around them."""
        return [core for text in map(text_of, self.pieces) if (core := text.strip())]

    def beginning_before(self, place: int) -> str:
        """Return the part before `place` of the sentence that it falls into or ends, "" if it falls into none."""
        end = 0
        for text in map(text_of, self.pieces):
            start, end = end + len(text) - len(text.lstrip()), end + len(text)
            if start < place <= end:
                return self.text[start:place]
        return ""

    def let_out(self, text: str, block: dict[str, Any] | None, metadata: dict[str, Any], progress: Progress) -> None:
        """Let text out, in the content block that it stands in; None where content is a string."""
        if not text:
            return
        chunk = text_chunk(text, block, metadata)
        self.text += text
        self.chunks.append(chunk)
        if block is None and not metadata:
            self.new.append(text)
            return
        self.new.append({"chunk": chunk})
        if block is not None:
            progress["block"] = block
            progress["blocks"] = max(progress["blocks"], places_taken(chunk.content))

    def let_out_chunk(self, chunk: AIMessageChunk, progress: Progress) -> None:
        """Let out what is no text."""
        self.chunks.append(chunk)
        self.new.append({"chunk": chunk})
        progress["blocks"] = max(progress["blocks"], places_taken(chunk.content))

    def remember(self) -> None:
        """Take it that the next step finds what this one let out, so that its text need not be joined again."""
        if self.new:
            self._transcript.extend(self.new, self.text)
