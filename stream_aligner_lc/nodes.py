"""The graph's two nodes, each in both colours: they wait for a model and write down what the ledger says.

Rule: a node iterates, awaits and closes. What is decided is decided by `Ledger`, `decide` and `route`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langgraph.config import get_config, get_stream_writer
from langgraph.graph.message import push_message
from langgraph.runtime import get_runtime

from stream_aligner_lc.accounts import Terms
from stream_aligner_lc.aligners.base import Aligner
from stream_aligner_lc.corrections import Correction, Draft, decide
from stream_aligner_lc.errors import AlignerError, AlignerTimeout, ConfigurationError
from stream_aligner_lc.events import MessageEvents
from stream_aligner_lc.isolation import inner_context, isolated
from stream_aligner_lc.ledger import Ledger
from stream_aligner_lc.pages import Transcript
from stream_aligner_lc.state import NodeInput
from stream_aligner_lc.upstream import Call, Upstream

logger = logging.getLogger(__name__)

VERDICT_EVENT = "stream_aligner_verdict"
# An async aligner that is stopped is waited for, so that it can clean up; not for ever, for it may ignore that.
_STOP_SECONDS = 1.0


@dataclass(frozen=True)
class Run:
    """What the nodes of one graph run share, handed over as the run's context."""

    upstream: Upstream
    terms: Terms
    messages: Sequence[BaseMessage] | None = None
    """The conversation, where the chat model runs the graph. LangGraph gives messages in its state an id each,
    which is not the caller's wish. The chat model also streams and reports to the outside by itself."""
    transcript: Transcript = field(default_factory=Transcript)
    events: MessageEvents = field(default_factory=MessageEvents)

    @property
    def seconds(self) -> float:
        """How long the reply has been going on."""
        return time.perf_counter() - self.upstream.began

    @property
    def is_inner(self) -> bool:
        """Whether the chat model runs the graph."""
        return self.messages is not None

    def ledger(self, state: NodeInput) -> Ledger:
        """Open the books on a step's state."""
        return Ledger(state, self.terms, self.conversation(state), self.transcript)

    def admit(self, messages: Sequence[BaseMessage]) -> None:
        """Raise `ConfigurationError` if the conversation is longer than it may be."""
        self.terms.options.check_input(message.text for message in messages)

    def conversation(self, state: NodeInput) -> Sequence[BaseMessage]:
        """Return what is being answered."""
        return state["messages"] if self.messages is None else self.messages


class UpstreamNode(Runnable[NodeInput, dict[str, Any]]):
    """Take what the upstream has said: at least one sentence, or its end."""

    name = "upstream"

    def __init__(self, aligner: Aligner) -> None:
        self._aligner = aligner
        self._warms = type(aligner).warm is not Aligner.warm

    def invoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Wait for the next pieces."""
        run: Run = get_runtime(Run).context
        ledger = run.ledger(input)
        call = self._call(run, ledger, ensure_config(config))
        ledger.receive(run.upstream.take(call))
        return _ended(run, ledger)

    async def ainvoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Wait for the next pieces."""
        run: Run = get_runtime(Run).context
        ledger = run.ledger(input)
        call = self._call(run, ledger, ensure_config(config))
        ledger.receive(await run.upstream.atake(call))
        return _ended(run, ledger)

    def _call(self, run: Run, ledger: Ledger, config: RunnableConfig) -> Call:
        progress, prefix = ledger.progress, ledger.text
        if not progress["index"]:
            run.admit(ledger.messages)
        if self._warms and ledger.passing_over is None:
            self._aligner.warm(Draft(ledger.messages, prefix, "", index=progress["index"]))
        return Call(
            messages=ledger.messages,
            prefix=prefix,
            max_tokens=ledger.tokens_left,
            block=progress["block"],
            blocks=progress["blocks"],
            config=config,
            restart=progress["restart"],
        )


class AlignerNode(Runnable[NodeInput, dict[str, Any]]):
    """Have the waiting drafts corrected, and release them up to the first that changes."""

    name = "aligner"

    def __init__(self, aligner: Aligner) -> None:
        self._aligner = aligner

    def invoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Correct, release and report."""
        run: Run = get_runtime(Run).context
        ledger = run.ledger(input)
        config = ensure_config(config)
        drafts = ledger.drafts(joint=self._aligner.joint)
        began = run.seconds
        with inner_context(isolated(config, run.upstream.observers)) as context:
            seconds = run.upstream.at_most(run.terms.options.aligner_timeout)
            answers = ledger.passing_over or self._answers(drafts, context, seconds)
        _judge(run, ledger, drafts, answers, began)
        update = _ended(run, ledger)
        if not run.is_inner:
            for verdict in update["last_release"]["verdicts"]:
                dispatch_custom_event(VERDICT_EVENT, verdict, config=config)
        return update

    async def ainvoke(self, input: NodeInput, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Correct, release and report."""
        run: Run = get_runtime(Run).context
        ledger = run.ledger(input)
        config = ensure_config(config)
        drafts = ledger.drafts(joint=self._aligner.joint)
        began = run.seconds
        with inner_context(isolated(config, run.upstream.observers)) as context:
            seconds = run.upstream.at_most(run.terms.options.aligner_timeout)
            answers = ledger.passing_over or await self._aanswers(drafts, context, seconds)
        _judge(run, ledger, drafts, answers, began)
        update = _ended(run, ledger)
        if not run.is_inner:
            for verdict in update["last_release"]["verdicts"]:
                await adispatch_custom_event(VERDICT_EVENT, verdict, config=config)
        return update

    def _answers(
        self, drafts: Sequence[Draft], context: Context, seconds: float | None
    ) -> Sequence[Correction] | Exception:
        try:
            return _within(seconds, context, self._aligner, drafts)
        except _TooLateError:
            return self._too_late(drafts[0], seconds)
        except ConfigurationError:
            # No failure of one sentence, which a policy could pass over: this aligner will never work.
            raise
        except (Exception, asyncio.CancelledError) as fault:  # noqa: BLE001  # `on_aligner_error` decides
            return _as_aligner_error(fault, drafts[0])

    async def _aanswers(
        self, drafts: Sequence[Draft], context: Context, seconds: float | None
    ) -> Sequence[Correction] | Exception:
        task = asyncio.get_running_loop().create_task(
            self._aligner.acorrect_many(drafts), name="aligner", context=context
        )
        try:
            done, _ = await asyncio.wait([task], timeout=seconds)
        except asyncio.CancelledError:
            self._aligner.cancel(drafts[0])
            raise
        finally:
            await _stop(task)
        if not done:
            return self._too_late(drafts[0], seconds)
        try:
            return task.result()
        except ConfigurationError:
            raise
        except (Exception, asyncio.CancelledError) as fault:  # noqa: BLE001  # `on_aligner_error` decides
            return _as_aligner_error(fault, drafts[0])

    def _too_late(self, draft: Draft, seconds: float | None) -> AlignerTimeout:
        self._aligner.cancel(draft)
        return AlignerTimeout(
            f"The aligner took longer than aligner_timeout={seconds} seconds for sentence {draft.index}. Raise "
            "the limit, or choose on_aligner_error='keep' to show the draft in such a case.",
            released=draft.prefix,
            draft=draft.text,
        )


def _judge(
    run: Run,
    ledger: Ledger,
    drafts: Sequence[Draft],
    answers: Sequence[Correction] | Exception,
    began: float,
) -> None:
    if isinstance(answers, AlignerTimeout) and run.upstream.is_late:
        return  # it was the reply's time that was over, not the aligner's
    given = [answers] if isinstance(answers, Exception) else _given(answers, drafts)
    aligning, options = (began, run.seconds), run.terms.options
    for judged, (draft, answer) in enumerate(zip(drafts, given, strict=False)):
        try:
            decision = decide(
                draft,
                answer,
                on_aligner_error=options.on_aligner_error,
                end_on_accept=options.end_on_accept,
                is_fragment=ledger.is_at_fragment,
            )
        except AlignerError:
            if judged:
                # What was judged before it is released first; the draft comes again in the next step.
                break
            raise
        ledger.judge(
            decision,
            answer if isinstance(answer, Correction) else None,
            aligning=aligning,
            share=1 / len(given),
            tool_call_seen=run.upstream.tool_call_seen,
        )
        if ledger.records and ledger.records[-1]["breaker"] == "opened":
            logger.warning(
                "The aligner failed on %s sentence(s) in a row: the rest of the reply is shown as drafted "
                "(max_aligner_faults).",
                ledger.progress["faults_in_a_row"],
            )
            break
        if decision.verdict not in ("accepted", "kept") or ledger.is_over:
            break
    ledger.settle()


def _given(answers: Sequence[Correction], drafts: Sequence[Draft]) -> Sequence[object]:
    # An aligner is anyone's code: what its signature says need not be so.
    number = len(answers) if isinstance(answers, list | tuple) else None
    if number and number <= len(drafts):
        return answers
    got = f"a {type(answers).__name__}" if number is None else f"{number} answers"
    fault = AlignerError(
        f"correct_many must answer 1 to {len(drafts)} of {len(drafts)} drafts with a list of corrections, got {got}."
    )
    return [fault]


def _ended(run: Run, ledger: Ledger) -> dict[str, Any]:
    """Leave the upstream where the reply is over, or waits for a person, and return the step's update."""
    run.upstream.settled(ledger.num_settled)
    if run.upstream.is_late:
        ledger.cut_short("timeout")
    if ledger.is_over or ledger.awaits_review:
        run.upstream.leave()
        ledger.account(run.upstream.reports())
    return publish(run, ledger)


def publish(run: Run, ledger: Ledger) -> dict[str, Any]:
    """Return the step's update, and show what it released to those who read along."""
    update = ledger.update(seconds=run.seconds)
    if run.terms.options.on_record is not None:
        for record in ledger.records:
            run.terms.options.on_record(record)
    if not run.is_inner:
        for chunk in update["last_release"]["chunks"]:
            shown = chunk.model_copy(update={"id": ledger.progress["reply_id"]})
            push_message(shown, state_key=None)
            run.events.push(shown, get_config())
        write = get_stream_writer()
        for verdict in update["last_release"]["verdicts"]:
            write({VERDICT_EVENT: verdict})
    return update


class _TooLateError(Exception):
    """The time is over; a TimeoutError may be the aligner's own."""


def _within(seconds: float | None, context: Context, aligner: Aligner, drafts: Sequence[Draft]) -> Sequence[Correction]:
    if seconds is None:
        return context.run(aligner.correct_many, drafts)
    answers: Future[Sequence[Correction]] = Future()
    inner = context.copy()  # a call that took too long stays in its context

    def answer() -> None:
        try:
            answers.set_result(inner.run(aligner.correct_many, drafts))
        except BaseException as fault:  # noqa: BLE001  # raised again where the answer is waited for
            answers.set_exception(fault)

    # No pool: at its end a program waits for the threads of pools, also for one in which an aligner never ends.
    threading.Thread(target=answer, name="aligner", daemon=True).start()
    if not wait([answers], timeout=seconds).done:
        raise _TooLateError
    return answers.result()


async def _stop(task: asyncio.Task[Any]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_STOP_SECONDS)
    if task.done():
        # Whoever has left does not want it any more, and asyncio complains of a fault that nobody has seen.
        _ = task.cancelled() or task.exception()


def _as_aligner_error(fault: BaseException, draft: Draft) -> AlignerError:
    if isinstance(fault, AlignerError):
        return fault
    error = AlignerError(
        # In its own words an aligner may quote what it was given.
        f"The aligner failed on sentence {draft.index} with {type(fault).__name__}; what that says is the "
        "`__cause__` of this error. Choose on_aligner_error='keep' to show the draft in such a case, or 'stop' to end "
        "the reply.",
        released=draft.prefix,
        draft=draft.text,
    )
    error.__cause__ = fault
    return error
