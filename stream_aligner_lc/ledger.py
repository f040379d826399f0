"""The bookkeeping of one step: what is released, counted, and left waiting. No I/O, no model, no clock.

Rule: text is released here and nowhere else, and only behind its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage

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
from stream_aligner_lc.corrections import Correction, Decision, Draft
from stream_aligner_lc.echo import check_opening
from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.fingerprints import fingerprint
from stream_aligner_lc.outlet import Outlet
from stream_aligner_lc.pages import Transcript
from stream_aligner_lc.segmentation import is_sentence
from stream_aligner_lc.spacing import hold, hold_around, hold_behind, hold_over, space_before
from stream_aligner_lc.state import (
    Changed,
    DraftPiece,
    EndPiece,
    NodeInput,
    Piece,
    Progress,
    Proposal,
    Release,
    last_id,
    new_progress,
)
from stream_aligner_lc.waiting import calls_tool, put

# After so many removed sentences in a row the upstream has nothing to say that may be shown.
MAX_REMOVED_IN_A_ROW = 8


class Ledger:
    """Open it on the state, let it receive, judge and pass on, and take its `update`."""

    def __init__(
        self, state: NodeInput, terms: Terms, messages: Sequence[BaseMessage], transcript: Transcript | None = None
    ) -> None:
        progress = state.get("progress")
        self._is_new = progress is None or _is_over(progress) or progress["reply_to"] != last_id(messages)
        self._terms = terms
        self.progress: Progress = new_progress(messages)
        if progress is not None and not self._is_new:
            # A checkpoint that waited for a person may be of an older version, and lack what is newer.
            self.progress = {**self.progress, **progress}
        self.messages = messages
        self._waiting: list[Piece] = [] if self._is_new else list(state.get("draft", ()))
        self._outlet = Outlet(() if self._is_new else state.get("released") or (), transcript or Transcript())
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
    def is_at_fragment(self) -> bool:
        """Whether the provider ended the reply inside the first sentence that waits."""
        first, *rest = (piece for piece in self._waiting if piece["type"] != "space")
        end = rest[0] if len(rest) == 1 else None
        if end is None or end["type"] != "end" or not was_cut_off(end) or first["type"] != "draft":
            return False
        return self._terms.options.granularity == "sentence" and not is_sentence(first["text"])

    @property
    def text(self) -> str:
        """The released text."""
        return self._outlet.text

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
                put(piece, self._waiting)
        self.num_settled += check_opening(self.progress, self._waiting, self._outlet, exact=self._terms.exact)
        self._pass_on()

    def drafts(self, *, joint: bool) -> list[Draft]:
        """Return the drafts to correct next: all that wait, or the first."""
        waiting = self._next_drafts() if joint else self._next_drafts()[:1]
        drafts: list[Draft] = []
        before = ""
        for index, piece in enumerate(waiting, start=self.progress["index"]):
            prefix = (self.text + before).rstrip()
            drafts.append(Draft(self.messages, prefix, piece["text"], piece["kind"], index))
            space = piece["lead"] if before else space_before(piece, self.progress, self.text)
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
            hold_around(piece, progress, self.text)
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
        progress, outlet = self.progress, self._outlet
        progress["seconds"] = seconds
        # In the order of reading: a trace shows what a person looks for first.
        update: dict[str, Any] = {"draft": self._waiting}
        if progress["finish"] is not None:
            final = final_chunk(progress, self._terms)
            outlet.chunks.append(final)
            update["messages"] = [whole_message([*outlet.pieces, {"chunk": final}], progress["reply_id"])]
        outlet.remember()
        if outlet.new or self._is_new:
            update["released"] = [None, *outlet.new] if self._is_new else outlet.new
        progress["ready"] = not (self.is_over or progress["restart"]) and bool(self._next_drafts())
        update["last_release"] = Release(chunks=outlet.chunks, verdicts=self._verdicts)
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
        progress["opening"] = self._outlet.is_begun
        progress["repeated"] = 0
        hold_over(self._waiting, progress)
        # What a stream said before it broke off, the next one says again.
        self._waiting = []

    def _needs_verdict(self, piece: DraftPiece, ahead: int = 0) -> bool:
        options = self._terms.options
        if options.align_first is not None and self.progress["index"] + ahead >= options.align_first:
            return False
        return piece["kind"] not in options.skip

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
            self._outlet.let_out_chunk(piece["chunk"], self.progress)
        elif self.progress["drain"]:
            return
        elif piece["type"] == "space":
            hold(piece["text"], self.progress, self.text)
            self.progress["block"] = self.progress["block"] or piece["block"]
        elif piece["type"] == "draft":
            self._note_verdict(piece, Decision("skipped", piece["text"]))
            self._release(piece, piece["text"], as_written=True)
            self.progress["index"] += not piece["cut"]

    def _is_enough(self, ahead: int = 0) -> bool:
        limit = self._terms.options.max_sentences
        return limit is not None and self.progress["index"] + ahead >= limit

    def _release(self, piece: DraftPiece, text: str, *, as_written: bool) -> None:
        progress = self.progress
        whole = self._until_stop(space_before(piece, progress, self.text) + text)
        hold_behind(piece, progress)
        progress["removed_in_a_row"] = 0
        draft, tokens = piece["text"], piece["tokens"]
        progress["tokens"] += tokens if as_written else self._terms.tokens_of(text, draft=draft, draft_tokens=tokens)
        if whole:
            logprobs = {"logprobs": piece["logprobs"]} if as_written and piece["logprobs"] else {}
            metadata = {**piece["form"], **logprobs}
            start, block = 0, piece["block"]
            for turn, next_block in piece["turns"] if as_written else ():
                end = len(whole) - len(text) + turn
                self._outlet.let_out(whole[start:end], block, metadata, progress)
                start, block, metadata = end, next_block, piece["form"]
            self._outlet.let_out(whole[start:], block, metadata, progress)

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
        if tool_call_seen or calls_tool(self._waiting):
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
            self._outlet.let_out(progress["held"], progress["block"], {}, progress)

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
        self.records.append({**record, "lead": space_before(piece, progress, self.text), "aligning": times})


def _is_over(progress: Progress) -> bool:
    return progress["finish"] is not None
