"""Turn the chunks of one upstream call into pieces: sentences, whitespace, and what is no text. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.utils._merge import merge_dicts

from stream_aligner_lc.content import FORM_KEYS, BlockPlaces, OtherPart, as_chunk, parts
from stream_aligner_lc.continuation import Overlap
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.faults import CutOffError
from stream_aligner_lc.segmentation import Cutter, Segment
from stream_aligner_lc.state import ChunkPiece, DraftPiece, EndPiece, Piece, SpacePiece

# Where providers say that a reply has ended: with a reason, or as OpenAI's Responses API with a status.
_END_KEYS = ("finish_reason", "stop_reason", "done_reason", "status")


class Intake:
    """Feed it one call's message chunks; it gives back pieces as soon as they are whole.

    `new_cutter` makes what cuts a run of text into segments (`first`: the one that begins the call), `overlap` cuts
    away what a continuation repeats, `places` puts content blocks behind those of earlier calls. `max_chunks` bounds
    an upstream that ignores its `max_tokens`: a chunk holds at least one token. `names_end`: the provider always says
    why it ends. `counter` counts what is not reported.
    """

    def __init__(
        self,
        new_cutter: Callable[[], Cutter],
        *,
        first: Cutter | None = None,
        prompt: Sequence[BaseMessage] = (),
        overlap: Overlap | None = None,
        places: BlockPlaces | None = None,
        drop_reasoning: bool = False,
        max_chunks: int | None = None,
        names_end: bool = False,
        counter: TokenCounter,
    ) -> None:
        self.tool_call_seen = False
        self.num_chunks = 0
        self.num_characters = 0
        self.is_full = False
        self._max_chunks = max_chunks
        self._names_end = names_end
        self._prompt = prompt
        self._counter = counter
        self._texts: list[str] = []
        self._others: list[str] = []
        self._overlap = overlap
        self._places = places or BlockPlaces()
        self._drop_reasoning = drop_reasoning
        self._usage: UsageMetadata | None = None
        self._metadata: dict[str, Any] = {}
        self._logprobs: list[Any] = []
        self._run = _TextRun(first or new_cutter(), counter)
        self._new_cutter = new_cutter

    def feed(self, message: BaseMessage) -> list[Piece]:
        """Take one chunk (or the whole message of a model that does not stream)."""
        chunk = as_chunk(message)
        if chunk.usage_metadata:
            self._usage = add_usage(self._usage, chunk.usage_metadata)
        logprobs = self._logprobs + (self._note(chunk.response_metadata) if chunk.response_metadata else [])
        pieces: list[Piece] = []
        for part in parts(chunk, drop_reasoning=self._drop_reasoning):
            if isinstance(part, OtherPart):
                pieces += self._pass(part)
                continue
            if self.num_chunks == self._max_chunks:
                self.is_full = True
                break
            self.num_chunks += 1
            block = self._places.place_text(part.block)
            if self._run.ends_before(block):
                pieces += self._end_text()
            text = part.text
            self.num_characters += len(text)
            self._texts.append(text)
            if self._overlap is not None:
                text = self._overlap.feed(text)
                self._run.overlap = self._overlap.cut
            pieces += self._run.feed(text, block, self.form if block else {}, logprobs)
            logprobs = []
        # Log-probabilities may come without text, for half of a character.
        self._logprobs = logprobs
        return pieces

    def flush(self) -> list[Piece]:
        """Say that the stream is over; the last piece is the call's report.

        Raises `CutOffError` for a stream that broke off: a connection that is closed in the middle of an event
        looks to some clients as an end.
        """
        if self._names_end and not self.is_full and not any(self._metadata.get(key) for key in _END_KEYS):
            raise CutOffError("The upstream's stream broke off: it ended without a finish reason.")
        return [*self._end_text(), self.report(natural=True)]

    def report(self, *, natural: bool) -> EndPiece:
        """Return what the call amounts to so far; `natural` if the upstream ended it itself."""
        estimate = UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)
        if not natural or self._usage is None:
            read, wrote = self._counter.messages(self._prompt), self._num_written()
            estimate = UsageMetadata(input_tokens=read, output_tokens=wrote, total_tokens=read + wrote)
        overlap = self._overlap.cut if self._overlap is not None else 0
        cut_off = {"finish_reason": "length"} if self.is_full else {}
        return EndPiece(
            type="end",
            natural=natural,
            metadata={**self._metadata, **cut_off},
            usage=self._usage,
            estimate=estimate,
            estimated_by=self._counter.by,
            written=self.num_characters,
            overlap=overlap,
        )

    def _num_written(self) -> int:
        text = "".join(self._texts)
        told = _num_tokens(self.num_chunks, text, self._counter) if text else 0
        return told + self._counter.text("".join(self._others))

    @property
    def form(self) -> dict[str, Any]:
        """The part of the metadata that says how content blocks are to be read."""
        return {key: self._metadata[key] for key in FORM_KEYS if key in self._metadata}

    def _note(self, metadata: dict[str, Any]) -> list[Any]:
        # Log-probabilities hold their text, so they are released with it or not at all, in whatever form they come.
        rest = {key: value for key, value in metadata.items() if key != "logprobs"}
        logprobs = metadata.get("logprobs")
        self._run.is_listed = isinstance(logprobs, list)
        tokens = logprobs
        if isinstance(logprobs, dict):
            tokens = logprobs.get("content")
            if beside := {key: value for key, value in logprobs.items() if key != "content"}:
                rest["logprobs"] = beside
        self._metadata = merge_dicts(self._metadata, rest)
        return list(tokens) if isinstance(tokens, list) else []

    def _pass(self, part: OtherPart) -> list[Piece]:
        pieces = self._end_text() if part.ends_text else []
        self.tool_call_seen = self.tool_call_seen or part.is_call
        self._others += (f"{call['name'] or ''}{call['args'] or ''}" for call in part.chunk.tool_call_chunks)
        chunk = self._places.place_other(part.chunk)
        chunk.response_metadata = self.form
        return [*pieces, ChunkPiece(type="chunk", chunk=chunk)]

    def _end_text(self) -> list[Piece]:
        rest = self._overlap.flush() if self._overlap is not None else ""
        pieces = [*self._run.feed(rest, *self._run.last), *self._run.flush()] if rest else self._run.flush()
        self._run = _TextRun(self._new_cutter(), self._counter)
        return pieces


class _Span(NamedTuple):
    end: int
    logprobs: Sequence[Any]


class _TextRun:
    """Text up to its end or the next thing that is no text."""

    def __init__(self, cutter: Cutter, counter: TokenCounter) -> None:
        self._counter = counter
        self.overlap = 0
        self.is_listed = False
        self._cutter = cutter
        self._blocks: list[tuple[int, dict[str, Any] | None]] = []
        self._form: dict[str, Any] = {}
        self._spans: deque[_Span] = deque()
        self._offset = 0
        self._last = ""
        self._early: int | None = None

    def feed(
        self, text: str, block: dict[str, Any] | None, form: dict[str, Any], logprobs: Sequence[Any] = ()
    ) -> list[Piece]:
        if not self._blocks or self._blocks[-1][1] != block:
            self._blocks.append((self._offset, block))
        self._form = form
        self._offset += len(text)
        self._last = text[-1:] or self._last
        self._spans.append(_Span(self._offset, logprobs))
        pieces = self._whole(self._cutter.feed(text))
        # A sentence that is finished need not wait for the whitespace behind it.
        if self._early is None and (early := self._cutter.peek()):
            self._early = len(early.trail)
            pieces.append(self._draft(early))
        return pieces

    def flush(self) -> list[Piece]:
        return self._whole(self._cutter.flush())

    def ends_before(self, block: dict[str, Any] | None) -> bool:
        """Say whether text in another block is no continuation of a sentence in this one."""
        is_other = bool(self._offset) and self._block != block
        return is_other and (self._last.isspace() or not (self._last.isalnum() or self._last in ",;(-–—'\"“‘"))

    @property
    def last(self) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        return self._block, self._form

    @property
    def _block(self) -> dict[str, Any] | None:
        return self._blocks[-1][1] if self._blocks else None

    def _whole(self, segments: Sequence[Segment]) -> list[Piece]:
        pieces: list[Piece] = []
        for segment in segments:
            if self._early is not None:
                if rest := segment.trail[self._early :]:
                    pieces.append(SpacePiece(type="space", text=rest, block=self._block))
                self._early = None
            elif segment.core:
                pieces.append(self._draft(segment))
            else:
                pieces.append(SpacePiece(type="space", text=segment.text, block=self._block))
        return pieces

    def _draft(self, segment: Segment) -> DraftPiece:
        # A chunk belongs to the sentence in which it ends: what it holds of the next one has no verdict yet.
        end = segment.start + len(segment.text)
        tokens = 0
        logprobs: list[Any] = []
        while self._spans and self._spans[0].end <= end:
            logprobs += self._spans.popleft().logprobs
            tokens += 1
        start = segment.start + len(segment.lead)
        block, turns = self._blocks_of(start, start + len(segment.core))
        return DraftPiece(
            type="draft",
            text=segment.core,
            lead=segment.lead,
            trail=segment.trail,
            kind=segment.kind,
            cut=segment.cut,
            tokens=_num_tokens(tokens, segment.core, self._counter),
            block=block,
            turns=turns,
            form=self._form,
            logprobs=self._formed(logprobs),
            overlap=self.overlap,
            drafting=[0.0, 0.0],
        )

    def _blocks_of(self, start: int, end: int) -> tuple[dict[str, Any] | None, list[tuple[int, dict[str, Any] | None]]]:
        while len(self._blocks) > 1 and self._blocks[1][0] <= start:
            del self._blocks[0]
        turns = [(offset - start, block) for offset, block in self._blocks[1:] if offset < end]
        return self._block if not self._blocks else self._blocks[0][1], turns

    def _formed(self, logprobs: list[Any]) -> Any:
        if not logprobs:
            return None
        return logprobs if self.is_listed else {"content": logprobs}


def _num_tokens(chunks: int, text: str, counter: TokenCounter) -> int:
    own = counter.own(text)
    if own is not None:
        return max(own, 1)
    # Most providers send a token a chunk, which says more of their model than another tokenizer does; of those that
    # send many, or a whole message, the text has to tell.
    return max(chunks, 1) if len(text) <= 12 * chunks else counter.text(text)
