"""The bookkeeping of one step: what is released, counted, and left waiting. No I/O, no model, no clock.

Rule: text is released here and nowhere else, and only behind its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage

from stream_aligner_lc.accounts import (
    Terms,
    account,
    add_counts,
    final_chunk,
    record_of,
    was_cut_off,
    whole_message,
)
from stream_aligner_lc.breaker import Breaker, is_open, note_answer, passing_over
from stream_aligner_lc.content import places_taken, text_chunk
from stream_aligner_lc.continuation import join
from stream_aligner_lc.corrections import Correction, Decision, Draft
from stream_aligner_lc.echo import ignores_prefix, judge_opening
from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.fingerprints import fingerprint
from stream_aligner_lc.state import (
    Changed,
    DraftPiece,
    EndPiece,
    NodeInput,
    Piece,
    Progress,
    Proposal,
    Release,
    SpacePiece,
    Transcript,
    last_id,
    new_progress,
    pieces_of,
    text_of,
)

# After so many removed sentences in a row the upstream has nothing to say that may be shown.
MAX_REMOVED_IN_A_ROW = 8
# A text may want the same sentence again; one that comes back after so many restarts is not going on.
MAX_ECHOES = 8


class Ledger:
    """Open it on the state, let it receive, judge and pass on, and take its `update`."""

    def __init__(
        self, state: NodeInput, terms: Terms, messages: Sequence[BaseMessage], transcript: Transcript | None = None
    ) -> None:
        progress = state.get("progress")
        self._is_new = progress is None or _is_over(progress) or progress["reply_to"] != last_id(messages)
        self._terms = terms
        self.progress: Progress = new_progress(messages) if self._is_new or progress is None else {**progress}
        self.messages = messages
        self._waiting: list[Piece] = [] if self._is_new else list(state.get("draft", ()))
        self._before: Sequence[list[Any]] = () if self._is_new else state.get("released") or ()
        self._new: list[Any] = []
        self._transcript = transcript or Transcript()
        self._text = self._transcript.text(self._before)
        self._chunks: list[AIMessageChunk] = []
        self._verdicts: list[dict[str, Any]] = []
        self.records: list[dict[str, Any]] = []
        self.num_settled = 0
        """Drafts that this step settled, and that the upstream need not wait for any more."""

    @property
    def is_over(self) -> bool:
        """Whether the reply has ended."""
        return _is_over(self.progress)

    @property
    def awaits_review(self) -> bool:
        """Whether a correction waits for a person."""
        return self.progress["in_review"]

    @property
    def text(self) -> str:
        """The released text."""
        return self._text

    @property
    def tokens_left(self) -> int | None:
        """How many tokens of `max_tokens` the released text has left over."""
        limit = self._terms.max_tokens
        return None if limit is None else max(limit - self.progress["tokens"], 0)

    @property
    def passing_over(self) -> AlignerError | None:
        """What stands for the aligner's answers once it is not asked any more, None while it is."""
        return passing_over(self.progress) if is_open(self.progress, self._terms.options) else None

    def receive(self, pieces: Sequence[Piece]) -> None:
        """Take what the upstream said, and pass on what needs no verdict."""
        self.progress["restart"] = False
        for piece in pieces:
            if piece["type"] == "opened":
                self._opened()
            elif piece["type"] == "end" and not piece["natural"]:
                account(self.progress, piece)
            else:
                self._wait(piece)
        self._check_opening()
        self._pass_on()

    def drafts(self, *, joint: bool) -> list[Draft]:
        """Return the drafts to correct next: all that wait, or the first."""
        waiting = self._next_drafts() if joint else self._next_drafts()[:1]
        drafts: list[Draft] = []
        before = ""
        for index, piece in enumerate(waiting, start=self.progress["index"]):
            prefix = (self.text + before).rstrip()
            drafts.append(Draft(self.messages, prefix, piece["text"], piece["kind"], index))
            space = piece["lead"] if before else self._space_before(piece)
            before += space + piece["text"] + piece["trail"]
        return drafts

    def judge(
        self,
        decision: Decision,
        answer: Correction | None = None,
        *,
        aligning: tuple[float, float],
        share: float = 1.0,
        tool_call_seen: bool = False,
    ) -> None:
        """Give the first waiting draft its verdict.

        `aligning` is when the aligner began and when it was done, in seconds since the reply began, and `share` the
        part of that time that this draft took.
        """
        piece = self._waiting[0]
        assert piece["type"] == "draft", "only drafts are judged"
        progress = self.progress
        seconds = (aligning[1] - aligning[0]) * share
        progress["aligner_seconds"] += seconds
        if answer:
            progress["aligner_tokens"] += answer.tokens
            progress["aligner_effort"] = add_counts(progress["aligner_effort"], answer.effort)
        if decision.verdict == self._terms.interrupt_on:
            proposal = Proposal(
                text=decision.text,
                finish=decision.finish,
                tokens=answer.tokens if answer else 0,
                prefix_cut=answer.prefix_cut if answer else 0,
                seconds=seconds,
                aligning=list(aligning),
                tool_call_seen=tool_call_seen,
            )
            self._waiting[0] = {**piece, "proposal": proposal}
            progress["in_review"] = True
            return
        self._give(decision, answer, seconds=seconds, aligning=aligning, tool_call_seen=tool_call_seen)

    def proposed(self) -> tuple[str, Decision]:
        """Return the draft whose correction waits for a person, and that correction."""
        piece, proposal = self._in_review()
        return piece["text"], Decision("replaced", proposal["text"], proposal["finish"])

    def review(self, decision: Decision) -> None:
        """Give the draft that a person has reviewed its verdict."""
        _, proposal = self._in_review()
        self.progress["in_review"] = False
        began, done = proposal["aligning"]
        self._give(
            decision,
            # What the answer cost is counted already; the record tells it of this sentence.
            Correction(proposal["text"], tokens=proposal["tokens"], prefix_cut=proposal["prefix_cut"]),
            seconds=proposal["seconds"],
            aligning=(began, done),
            tool_call_seen=proposal["tool_call_seen"],
        )

    def _in_review(self) -> tuple[DraftPiece, Proposal]:
        piece = self._waiting[0]
        assert piece["type"] == "draft", "only drafts are reviewed"
        return piece, piece["proposal"]

    def _give(
        self,
        decision: Decision,
        answer: Correction | None,
        *,
        seconds: float,
        aligning: tuple[float, float],
        tool_call_seen: bool,
    ) -> None:
        piece = self._waiting.pop(0)
        assert piece["type"] == "draft", "only drafts are judged"
        self.num_settled += 1
        progress = self.progress
        breaker = note_answer(progress, self._terms.options, failed=decision.error is not None)
        self._note_verdict(piece, decision, answer, seconds=seconds, aligning=aligning, breaker=breaker)
        if decision.verdict in ("replaced", "removed") and progress["changed"] is None:
            progress["changed"] = Changed(fingerprint=fingerprint(piece["text"]), behind=len(self.text))
        if decision.text:
            self._release(piece, decision.text, as_written=decision.verdict in ("accepted", "kept"))
        else:
            progress["removed_in_a_row"] += 1
            before = self._space_before(piece)
            progress["around"] = [before, piece["trail"]]
            progress["held"] = _stronger(before, piece["trail"], start=not self.text)
            progress["left"] = None
        progress["index"] += 1
        if progress["finish"] is None and decision.finish:
            progress["finish"] = decision.finish
        elif progress["removed_in_a_row"] >= MAX_REMOVED_IN_A_ROW:
            progress["finish"] = "removed"
        elif decision.verdict == "replaced" and self._terms.options.feedback and progress["finish"] is None:
            self._leave_stream(piece, tool_call_seen=tool_call_seen)

    def settle(self) -> None:
        """Pass on what needs no verdict, once all verdicts of the step are given."""
        if not self.progress["restart"]:
            self._pass_on()

    def cut_short(self, reason: str) -> None:
        """End the reply with what was released, unless it has ended already; what waits for a verdict is not shown."""
        if not self.is_over:
            self.progress["finish"] = reason

    def account(self, pieces: Sequence[Piece]) -> None:
        """Add the reports of calls that were closed because the reply is over, or waits for a person."""
        left = self._waiting if self.is_over else []
        for piece in [*left, *pieces]:
            if piece["type"] == "end":
                account(self.progress, piece)
        self._waiting = [] if self.is_over else self._waiting

    def update(self, *, seconds: float) -> dict[str, Any]:
        """Return the state's update after so many seconds; at the end of the reply with the message itself."""
        progress = self.progress
        progress["seconds"] = seconds
        # In the order of reading: a trace shows what a person looks for first.
        update: dict[str, Any] = {"draft": self._waiting}
        if progress["finish"] is not None:
            final = final_chunk(progress, self._terms)
            self._chunks.append(final)
            pieces = [*pieces_of(self._before), *self._new, {"chunk": final}]
            update["messages"] = [whole_message(pieces, progress["reply_id"])]
        if self._new:
            self._transcript.extend(self._new, self._text)
        if self._new or self._is_new:
            update["released"] = [None, *self._new] if self._is_new else self._new
        progress["ready"] = not (self.is_over or progress["restart"]) and bool(self._next_drafts())
        update["last_release"] = Release(chunks=self._chunks, verdicts=self._verdicts)
        update["progress"] = progress
        return update

    def _next_drafts(self) -> list[DraftPiece]:
        drafts: list[DraftPiece] = []
        for piece in self._waiting:
            ahead = len(drafts)
            if piece["type"] != "draft" or not self._needs_verdict(piece, ahead) or self._is_enough(ahead):
                break
            drafts.append(piece)
        return drafts

    def _opened(self) -> None:
        progress = self.progress
        progress["calls"] += 1
        progress["opening"] = bool(self._before or self._new)
        progress["repeated"] = 0
        progress["around"] = None
        # How much of the whitespace behind the last sentence was read before its stream was closed is chance, so it
        # may stand before a sentence, and never at the end of the reply.
        read = "".join(piece["text"] for piece in self._waiting if piece["type"] == "space")
        progress["left"] = (read or progress["held"] or progress["left"] or "") if progress["opening"] else None
        progress["held"] = ""
        # What a stream said before it broke off, the next one says again.
        self._waiting = []

    def _needs_verdict(self, piece: DraftPiece, ahead: int = 0) -> bool:
        options = self._terms.options
        if options.align_first is not None and self.progress["index"] + ahead >= options.align_first:
            return False
        return piece["kind"] not in options.skip

    def _wait(self, piece: Piece) -> None:
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last["type"] == "draft" and piece["type"] == "space":
            self._waiting[-1] = {**last, "trail": last["trail"] + piece["text"]}
        elif last is not None and last["type"] == "space" and piece["type"] == "draft":
            self._waiting[-1] = {**piece, "lead": last["text"] + piece["lead"]}
        else:
            self._waiting.append(piece)

    def _check_opening(self) -> None:
        progress = self.progress
        while progress["opening"] and (index := self._first_draft()) is not None:
            piece = self._waiting[index]
            assert piece["type"] == "draft", "that is what was looked for"
            said = _sentences([*pieces_of(self._before), *self._new])
            opening = judge_opening(
                piece["text"],
                whole=self._beginning_of(piece) + piece["text"],
                is_flush=not piece["lead"] or piece["overlap"] > 0,
                said=said,
                repeated=progress["repeated"],
                replaced=progress["replaced"],
                changed=self._changed,
                exact=self._terms.exact,
            )
            if opening in ("repeated", "repeated whole"):
                rest = self._waiting[index + 1 :]
                del self._waiting[index:]
                self._wait(SpacePiece(type="space", text=piece["trail"], block=piece["block"]))
                for each in rest:
                    self._wait(each)
                self.num_settled += 1
                progress["repeated"] += 1
                progress["overlap"] += len(piece["text"])
                progress["opening"] = opening == "repeated"
                continue
            progress["opening"] = False
            progress["echoes"] = progress["echoes"] + 1 if opening == "again" else 0
            if opening == "ignored" or progress["echoes"] >= MAX_ECHOES:
                raise ignores_prefix(self.text)
            if opening == "new after all":
                self._waiting[index:index] = [
                    {**piece, "text": text, "lead": "", "trail": "", "turns": []}
                    for text in said[: progress["repeated"]]
                ]
            if opening != "again":
                progress["replaced"] = None

    @property
    def _changed(self) -> str | None:
        changed = self.progress["changed"]
        # What was removed may come again until something was released behind it.
        return changed["fingerprint"] if changed and changed["behind"] < len(self.text) else None

    def _beginning_of(self, piece: DraftPiece) -> str:
        """Return what was cut of a draft, because the released sentence in its place begins with the same words."""
        place = 0
        for text in map(text_of, [*pieces_of(self._before), *self._new]):
            start, place = place + len(text) - len(text.lstrip()), place + len(text)
            if start < piece["overlap"] <= place and not self.progress["repeated"]:
                return self.text[start : piece["overlap"]] + piece["lead"]
        return ""

    def _first_draft(self) -> int | None:
        return next((index for index, piece in enumerate(self._waiting) if piece["type"] == "draft"), None)

    def _pass_on(self) -> None:
        while self._waiting and self.progress["finish"] is None:
            piece = self._waiting[0]
            if piece["type"] == "space" and self.progress["left"] is not None and len(self._waiting) == 1:
                # It may be the continuation's own leading whitespace, which wins over the held.
                return
            if piece["type"] == "draft":
                if self._is_enough():
                    self.progress["finish"] = "length"
                    return
                if self._needs_verdict(piece) and not self.progress["drain"]:
                    return
            del self._waiting[0]
            self.num_settled += piece["type"] == "draft" and piece["kind"] not in self._terms.options.skip
            self._pass(piece)

    def _pass(self, piece: Piece) -> None:
        if piece["type"] == "end":
            account(self.progress, piece)
            self._end(piece)
        elif piece["type"] == "chunk":
            self._release_chunk(piece["chunk"])
        elif self.progress["drain"]:
            return
        elif piece["type"] == "space":
            self._hold(piece["text"])
            self.progress["block"] = self.progress["block"] or piece["block"]
        elif piece["type"] == "draft":
            self._note_verdict(piece, Decision("skipped", piece["text"]))
            self._release(piece, piece["text"], as_written=True)
            self.progress["index"] += not piece["cut"]

    def _hold(self, space: str) -> None:
        progress = self.progress
        progress["held"] = self._held_with(space)
        if progress["around"]:
            before, after = progress["around"]
            progress["around"] = [before, after + space]

    def _held_with(self, space: str) -> str:
        if self.progress["around"] is None:
            return self.progress["held"] + space
        # Whitespace may come after the verdict on the sentence before it.
        before, after = self.progress["around"]
        return _stronger(before, after + space, start=not self.text)

    def _is_enough(self, ahead: int = 0) -> bool:
        limit = self._terms.options.max_sentences
        return limit is not None and self.progress["index"] + ahead >= limit

    def _space_before(self, piece: DraftPiece) -> str:
        progress = self.progress
        if progress["left"] is not None:
            return join(self.text, progress["held"] or progress["left"], piece["lead"], piece["text"])
        return self._held_with(piece["lead"])

    def _release(self, piece: DraftPiece, text: str, *, as_written: bool) -> None:
        progress = self.progress
        whole = self._until_stop(self._space_before(piece) + text)
        progress["left"] = None
        progress["around"] = None
        progress["removed_in_a_row"] = 0
        progress["held"] = piece["trail"]
        draft, tokens = piece["text"], piece["tokens"]
        progress["tokens"] += tokens if as_written else self._terms.tokens_of(text, draft=draft, draft_tokens=tokens)
        if whole:
            logprobs = {"logprobs": piece["logprobs"]} if as_written and piece["logprobs"] else {}
            metadata = {**piece["form"], **logprobs}
            start, block = 0, piece["block"]
            for turn, next_block in piece["turns"] if as_written else ():
                end = len(whole) - len(text) + turn
                self._let_out(whole[start:end], block, metadata)
                start, block, metadata = end, next_block, piece["form"]
            self._let_out(whole[start:], block, metadata)

    def _let_out(self, text: str, block: dict[str, Any] | None, metadata: dict[str, Any]) -> None:
        if not text:
            return
        chunk = text_chunk(text, block, metadata)
        self._text += text
        self._chunks.append(chunk)
        if block is None and not metadata:
            self._new.append(text)
            return
        self._new.append({"chunk": chunk})
        if block is not None:
            self.progress["block"] = block
            self.progress["blocks"] = max(self.progress["blocks"], places_taken(chunk.content))

    def _release_chunk(self, chunk: AIMessageChunk) -> None:
        self._chunks.append(chunk)
        self._new.append({"chunk": chunk})
        self.progress["blocks"] = max(self.progress["blocks"], places_taken(chunk.content))

    def _until_stop(self, text: str) -> str:
        if not self._terms.stop:
            return text
        reach = max(map(len, self._terms.stop)) - 1
        tail = self.text[-reach:] if reach else ""
        found = [(tail + text).find(stop, max(len(tail) - len(stop) + 1, 0)) for stop in self._terms.stop]
        ends = [end for end in found if end >= 0]
        if not ends:
            return text
        self.progress["finish"] = "stop"
        return text[: max(min(ends) - len(tail), 0)].rstrip()

    def _leave_stream(self, piece: DraftPiece, *, tool_call_seen: bool) -> None:
        progress = self.progress
        if tool_call_seen or any(_is_call(waiting) for waiting in self._waiting):
            # The upstream has said what it wants to do; asking again could lose or double the call.
            progress["drain"] = True
            return
        end = next((waiting for waiting in self._waiting if waiting["type"] == "end"), None)
        is_last = end is not None and self._waiting[0] is end
        if end is not None and is_last and not self._may_ask_again(end):
            return
        if progress["restarts"] >= self._terms.options.max_restarts:
            progress["finish"] = "max_restarts"
            return
        if self.tokens_left == 0:
            progress["finish"] = "length"
            return
        if end is not None:
            account(self.progress, end)
        progress["asked_again"] = progress["asked_again"] or is_last
        progress["restart"] = True
        progress["restarts"] += 1
        progress["replaced"] = fingerprint(piece["text"])
        self._waiting = []

    def _may_ask_again(self, end: EndPiece) -> bool:
        is_whole = self._terms.options.granularity == "response"
        return self._terms.exact and not (is_whole or was_cut_off(end) or self.progress["asked_again"])

    def _end(self, piece: EndPiece) -> None:
        progress = self.progress
        progress["metadata"] = piece["metadata"]
        progress["finish"] = ""
        # Whitespace is the reply's own end only where nothing else should have followed it.
        if progress["held"] and not (progress["removed_in_a_row"] or progress["drain"]):
            self._let_out(progress["held"], progress["block"], {})

    def _note_verdict(
        self,
        piece: DraftPiece,
        decision: Decision,
        answer: Correction | None = None,
        *,
        seconds: float = 0.0,
        aligning: tuple[float, float] | None = None,
        breaker: Breaker = "closed",
    ) -> None:
        progress, verdict = self.progress, decision.verdict
        if verdict != "skipped" or not piece["cut"]:
            progress["verdicts"] = {**progress["verdicts"], verdict: progress["verdicts"].get(verdict, 0) + 1}
        self._verdicts.append({"index": progress["index"], "verdict": verdict, "kind": piece["kind"]})
        record = record_of(progress, piece, decision, answer, seconds=seconds, breaker=breaker)
        times = None if aligning is None else [round(each, 6) for each in aligning]
        self.records.append({**record, "lead": self._space_before(piece), "aligning": times})


def _is_over(progress: Progress) -> bool:
    return progress["finish"] is not None


def _sentences(released: Sequence[Any]) -> list[str]:
    return [core for text in map(text_of, released) if (core := text.strip())]


def _is_call(piece: Piece) -> bool:
    return piece["type"] == "chunk" and bool(piece["chunk"].tool_call_chunks)


def _stronger(before: str, after: str, *, start: bool) -> str:
    """Return the whitespace that stays where a sentence was removed: a paragraph break outlives a space."""
    return before if start or before.count("\n") >= after.count("\n") else after
