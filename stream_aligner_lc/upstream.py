"""The open upstream stream of one reply: opened, read ahead, restarted from a prefix, and closed here.

It is the one thing in a running graph that is no state. A graph run owns exactly one `Upstream`, hands it to
the nodes as the run's context, and closes it when the run is over or its reader walks away.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.retry import RunnableRetry
from tenacity import AsyncRetrying, Retrying

from stream_aligner_lc.content import BlockPlaces, as_chunk, without_reasoning
from stream_aligner_lc.continuation import Continuation, Overlap
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.errors import StreamAlignerError, UpstreamError
from stream_aligner_lc.faults import CutOffError, StallError, is_empty_stream, is_refusal, is_transient
from stream_aligner_lc.intake import Intake
from stream_aligner_lc.isolation import inner_context, isolated
from stream_aligner_lc.options import LoopOptions
from stream_aligner_lc.pacing import Clock, Lead, Patience
from stream_aligner_lc.readers import TaskReader, ThreadReader
from stream_aligner_lc.retries import MAX_RETRY_AFTER, asks_too_long, retrying
from stream_aligner_lc.segmentation import Cutter, going_on, make_segmenter
from stream_aligner_lc.state import OpenedPiece, Piece

logger = logging.getLogger(__name__)

UpstreamModel = Runnable[LanguageModelInput, BaseMessage]
# Kinds whose blocks are handed out line by line when they need no verdict.
_BLOCKS = frozenset({"code", "math", "table", "rule"})
# Faults that we find ourselves: nobody else can have tried them again.
_OURS = (StallError, CutOffError)
# Timers may go off this much too early, in seconds.
_GRAIN = 0.001


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the upstream: the conversation, and the released text to go on from."""

    messages: Sequence[BaseMessage]
    prefix: str = ""
    max_tokens: int | None = None
    block: dict[str, Any] | None = None
    blocks: int = 0
    config: RunnableConfig = field(default_factory=RunnableConfig)
    restart: bool = False
    """Leave the open stream. Otherwise it is read on, and opened only if there is none."""


class Upstream:
    """What the nodes of one run share: the open stream, and how to open the next one.

    `stop`, `max_tokens` and `kwargs` go with every call; `retry` is a `with_retry` that the user put around the
    model; `names_end` says that the provider always says why it ends; `counter` counts what it does not report. One
    reply, in one thread or one event loop.
    """

    def __init__(
        self,
        llm: UpstreamModel,
        continuation: Continuation,
        options: LoopOptions,
        *,
        stop: Sequence[str] | None = None,
        max_tokens: int | None = None,
        kwargs: Mapping[str, Any] | None = None,
        observers: Sequence[BaseCallbackHandler] = (),
        retry: RunnableRetry[Any, Any] | None = None,
        names_end: bool = False,
        counter: TokenCounter,
    ) -> None:
        self.counter = counter
        self.retry = retry
        self.attempts = max(1 + options.upstream_retries, retry.max_attempt_number if retry else 0)
        self.llm = llm
        self.continuation = continuation
        self.options = options
        self.stop = list(stop or ())
        self.max_tokens = max_tokens
        self.kwargs = dict(kwargs or {})
        self.observers = tuple(observers)
        self.names_end = names_end and options.upstream_retries > 0
        self.began = time.perf_counter()
        self._reader: ThreadReader | TaskReader | None = None
        self._left: list[ThreadReader | TaskReader] = []
        self._received = False
        self._ended = False
        self._times_cut_off = 0
        self._call_begun = False
        self._log: list[Piece] = []

    @property
    def tool_call_seen(self) -> bool:
        """Whether the open stream has begun to call a tool."""
        return self._reader is not None and self._reader.intake.tool_call_seen

    @property
    def seconds_left(self) -> float | None:
        """How long the reply may still go on; None without a `reply_timeout`."""
        limit = self.options.reply_timeout
        return None if limit is None else max(self.began + limit - time.perf_counter(), 0.0)

    @property
    def is_late(self) -> bool:
        """Whether the reply's time is over."""
        left = self.seconds_left
        return left is not None and left <= _GRAIN

    def at_most(self, seconds: float | None) -> float | None:
        """Return so many seconds, or what is left of the reply's."""
        left = self.seconds_left
        return min((each for each in (seconds, left) if each is not None), default=None)

    def settled(self, count: int) -> None:
        """Say that so many sentences of the open stream have their verdict."""
        if self._reader is not None and count:
            self._reader.settled(count)

    def take(self, call: Call) -> list[Piece]:
        """Return all pieces that wait, at least one while the reply has time left.

        A fault in mid-reply, or a stall, opens the stream anew from the released text, up to `upstream_retries` times
        in a row. Raises the provider's own error for a first call that fails, `UpstreamError` afterwards.
        """
        if call.restart:
            self.leave()
        try:
            return self._taken(Retrying(**self._retrying(call))(self._take, call))
        except Exception as fault:  # noqa: BLE001  # raised again, explained
            raise self._explained(fault, call)  # noqa: B904  # it sets its own cause

    async def atake(self, call: Call) -> list[Piece]:
        """Do what `take` does, asynchronously."""
        if call.restart:
            self.leave()
        try:
            return self._taken(await AsyncRetrying(**self._retrying(call))(self._atake, call))
        except Exception as fault:  # noqa: BLE001  # raised again, explained
            raise self._explained(fault, call)  # noqa: B904  # it sets its own cause

    def leave(self) -> None:
        """Have the open stream closed, if there is one; its report is among the pieces taken next."""
        reader, self._reader = self._reader, None
        if reader is None:
            return
        if not self._ended:
            self._log.append(reader.intake.report(natural=False))
        reader.close()
        self._left.append(reader)

    def unaligned(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> Iterator[AIMessageChunk]:
        """Yield the upstream's own chunks: for replies in a machine's format, which are no sentences."""
        with closing(self.llm.stream(list(messages), config, **self._kwargs(self.max_tokens))) as chunks:  # type: ignore[type-var]
            for chunk in chunks:
                yield self._as_said(chunk)

    async def aunaligned(
        self, messages: Sequence[BaseMessage], config: RunnableConfig
    ) -> AsyncIterator[AIMessageChunk]:
        """Yield the upstream's own chunks: for replies in a machine's format, which are no sentences."""
        async with aclosing(self.llm.astream(list(messages), config, **self._kwargs(self.max_tokens))) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                yield self._as_said(chunk)

    def _as_said(self, message: BaseMessage) -> AIMessageChunk:
        chunk = as_chunk(message)
        if self.options.reasoning == "drop":
            chunk = without_reasoning(chunk)
        return chunk.model_copy(update={"id": None})

    def reports(self) -> list[Piece]:
        """Return the reports of calls that were left, for a reply that takes no more pieces."""
        return self._taken([])

    def close(self) -> None:
        """Close every stream that was opened, and wait for them for a bounded time."""
        self.leave()
        ThreadReader.join([reader for reader in self._left if isinstance(reader, ThreadReader)])

    async def aclose(self) -> None:
        """Do what `close` does, asynchronously."""
        self.leave()
        await TaskReader.join([reader for reader in self._left if isinstance(reader, TaskReader)])

    def _take(self, call: Call) -> list[Piece]:
        if self.is_late:
            return []
        try:
            if self._reader is None:
                self.counter.load()
                self._open(call, ThreadReader)
            assert isinstance(self._reader, ThreadReader), "a run is sync or async as a whole"
            return self._reader.take(self.seconds_left)
        except Exception as fault:  # noqa: BLE001  # raised again, unless it only says that the stream is empty
            return self._after(fault, call)

    async def _atake(self, call: Call) -> list[Piece]:
        if self.is_late:
            return []
        try:
            if self._reader is None:
                await self.counter.aload()
                self._open(call, TaskReader)
            assert isinstance(self._reader, TaskReader), "a run is sync or async as a whole"
            return await self._reader.take(self.seconds_left)
        except Exception as fault:  # noqa: BLE001  # raised again, unless it only says that the stream is empty
            return self._after(fault, call)

    def _open(self, call: Call, kind: type[ThreadReader | TaskReader]) -> None:
        # A limit of the model's own is left to the model until a restart has to share it out.
        is_own = self.max_tokens is None and not call.prefix
        kwargs = self._kwargs(None if is_own else call.max_tokens)
        request = self.continuation.request(call.messages, call.prefix, kwargs)
        intake = Intake(
            self._new_cutter,
            first=going_on(self._new_cutter(), call.prefix, self.options.lang),
            prompt=request.messages,
            overlap=Overlap(call.prefix, exact=self.continuation.exact) if call.prefix else None,
            places=BlockPlaces(call.block, call.blocks),
            drop_reasoning=self.options.reasoning == "drop",
            max_chunks=call.max_tokens,
            names_end=self.names_end,
            counter=self.counter,
        )
        # Copies, because a model may write an id into what it is given.
        messages = [message.model_copy() for message in request.messages]
        lead = Lead(self.options.lookahead, needs_verdict=self._needs_verdict)
        patience = Patience(self.options.upstream_timeout)
        config = isolated(call.config, self.observers)
        self._log.append(OpenedPiece(type="opened"))
        self._ended = False
        with inner_context(config) as context:
            open_stream = self.llm.stream if kind is ThreadReader else self.llm.astream
            opening = partial(open_stream, messages, config, **request.kwargs)
            reader: Any = context.run(kind, opening, intake, lead, Clock(self.began), patience)
        self._reader = reader

    def _new_cutter(self) -> Cutter:
        through = _BLOCKS & set(self.options.skip)
        return make_segmenter(self.options.granularity, self.options.lang, through=through)

    def _kwargs(self, max_tokens: int | None) -> dict[str, Any]:
        limit = {} if max_tokens is None else {"max_tokens": max_tokens}
        # An explicit None would override a stop that is bound to the upstream.
        return {**self.kwargs, **limit, **({"stop": self.stop} if self.stop else {})}

    def _needs_verdict(self, piece: Piece) -> bool:
        return piece["type"] == "draft" and piece["kind"] not in self.options.skip

    def _taken(self, pieces: list[Piece]) -> list[Piece]:
        pieces, self._log = self._log + pieces, []
        # A stream that is closed keeps all that it said, and a reply may restart often.
        self._left = [reader for reader in self._left if not reader.is_over]
        self._ended = self._ended or any(piece["type"] == "end" and piece["natural"] for piece in pieces)
        self._received = self._received or any(piece["type"] != "opened" for piece in pieces)
        if cut := sum(piece["overlap"] for piece in pieces if piece["type"] == "end"):
            logger.warning(
                "The upstream repeated %d characters of what was already said; they were cut away. If it often "
                "does, continuation=%r does not suit the provider: set `continuation` to another one.",
                cut,
                self.continuation.name,
            )
        return pieces

    def _after(self, fault: Exception, call: Call) -> list[Piece]:
        reader = self._reader
        if reader is not None and call.prefix and is_empty_stream(fault) and not reader.intake.num_chunks:
            if not self.names_end:
                # Asked to go on, the upstream had nothing more to say.
                return [reader.intake.report(natural=True)]
            fault = CutOffError("The upstream's stream was empty: it ended without a chunk.")
        self._received = self._received or (reader is not None and reader.intake.num_chunks > 0)
        self._call_begun = self._call_begun or self.tool_call_seen
        self._times_cut_off += isinstance(fault, CutOffError)
        self.leave()
        raise fault

    def _explained(self, fault: Exception, call: Call) -> Exception:
        if isinstance(fault, StreamAlignerError) or not self._in_mid_reply(call, fault):
            return fault
        if self._call_begun:
            way_out = "It had begun to call a tool, which another call could double, so it was not asked again."
        elif seconds := asks_too_long(fault):
            way_out = f"It asks for a pause of {seconds:.0f} seconds, and a reply waits {MAX_RETRY_AFTER:.0f} at most."
        elif isinstance(fault, CutOffError):
            way_out = (
                f"It did so {self._times_cut_off} times. If the provider never gives a finish reason, "
                "upstream_retries=0 takes every end as it comes."
            )
        elif call.prefix and is_refusal(fault):
            way_out = (
                f"It was asked to go on from the released text by continuation={self.continuation.name!r}; set "
                "`continuation` to what the provider understands, 'instruct' if nothing else, or feedback=False "
                "to never restart it."
            )
        elif is_transient(fault):
            way_out = f"Tried {self.attempts} times; raise `upstream_retries` to try more often."
        else:
            way_out = "Trying again would not mend it; its cause says what to change."
        error = UpstreamError(
            f"The upstream failed in the middle of the reply: {fault!r}. {way_out}", released=call.prefix
        )
        error.__cause__ = fault
        return error

    def _retrying(self, call: Call) -> dict[str, Any]:
        return retrying(self.attempts, lambda fault: self._is_worth_a_retry(fault, call), lambda: self.seconds_left)

    def _is_worth_a_retry(self, fault: BaseException, call: Call) -> bool:
        if self._call_begun or asks_too_long(fault):
            return False
        if isinstance(fault, CutOffError):
            # Counted over the whole reply: a provider that never says why it ends would be asked for ever.
            return self._times_cut_off <= self.options.upstream_retries
        if not self._in_mid_reply(call, fault):
            return self.retry is not None and _retries(self.retry, fault)
        return not isinstance(fault, StreamAlignerError) and is_transient(fault)

    def _in_mid_reply(self, call: Call, fault: BaseException) -> bool:
        # Before anything was said a failure is the caller's to see, as the bare model's would be.
        return self._received or bool(call.prefix) or isinstance(fault, _OURS)


def _retries(policy: RunnableRetry[Any, Any], fault: BaseException) -> bool:
    kinds = policy.retry_exception_types
    return isinstance(fault, kinds) if isinstance(kinds, tuple) else kinds(fault)
