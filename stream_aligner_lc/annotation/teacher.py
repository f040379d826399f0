"""The teacher as the loop's aligner: what it is asked and answers is noted, and a fault is no answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig
from tenacity import AsyncRetrying, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from stream_aligner_lc.aligners import Aligner, PromptedAligner
from stream_aligner_lc.aligners.choose import as_aligner
from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.errors import AlignerError, StreamAlignerError
from stream_aligner_lc.faults import is_transient
from stream_aligner_lc.resumable.costs import cost_of
from stream_aligner_lc.resumable.outcomes import Tokens


@dataclass
class Notes:
    """What the teacher was asked and answered in one step of the loop."""

    draft: Draft | None = None
    answer: Correction | None = None
    """None where no answer could be used."""
    fault: Exception | None = None
    """What kept it from answering at all."""
    tokens: Tokens = field(default_factory=Tokens)


_notes: ContextVar[Notes | None] = ContextVar("stream_aligner_notes", default=None)


@contextmanager
def noting() -> Iterator[Notes]:
    """Provide the notes on what the teacher does inside the `with` block, also in tasks that start there."""
    notes = Notes()
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def as_teacher(teacher: Any, *, policy: str, attempts: int, tries: int) -> Teacher:
    """Return the teacher: a chat model told the policy, whose tokens are counted, or an aligner as it is.

    An answer that does not keep to the protocol is asked for `attempts` times, and a call that fails is made `tries`
    times in all, if a later one may succeed.
    """
    if is_chat_model(teacher):
        return Teacher(PromptedAligner(Counted(bound=teacher), policy=policy, attempts=attempts), tries)
    return Teacher(as_aligner(teacher, teacher), tries)


def is_chat_model(teacher: Any) -> bool:
    """Say whether a teacher is a chat model, with or without bindings, which has to be told the policy."""
    return isinstance(teacher, Runnable) and isinstance(next(leaves(teacher)).model, BaseChatModel)


class Teacher(Aligner):
    """Ask another aligner, again where it fails for a moment, and note what comes of it."""

    def __init__(self, inner: Aligner, tries: int) -> None:
        self.inner = inner
        self.name = inner.name
        self._how: dict[str, Any] = {
            "stop": stop_after_attempt(tries),
            "wait": wait_exponential(multiplier=0.25, max=30) + wait_random(0, 0.25),
            "retry": retry_if_exception(_is_worth_a_retry),
            "reraise": True,
        }

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Ask and note."""
        with _answering(input) as notes:
            answer: Any = Retrying(**self._how)(self.inner.invoke, input, config, **kwargs)
            notes.answer = Correction.of(answer)
            return notes.answer

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Ask and note."""
        with _answering(input) as notes:
            answer: Any = await AsyncRetrying(**self._how)(self.inner.ainvoke, input, config, **kwargs)
            notes.answer = Correction.of(answer)
            return notes.answer

    @property
    def identity(self) -> dict[str, Any]:
        """The other aligner's."""
        return self.inner.identity

    def num_tokens(self, text: str) -> int | None:
        """Pass it on."""
        return self.inner.num_tokens(text)

    def warm(self, draft: Draft) -> None:
        """Pass it on."""
        self.inner.warm(draft)

    def cancel(self, draft: Draft) -> None:
        """Pass it on."""
        self.inner.cancel(draft)


class Counted(RunnableBinding[Any, Any]):
    """Count what a chat model's answers cost: as it reports, else as `TokenCounter` does."""

    @cached_property
    def _counter(self) -> TokenCounter:
        return TokenCounter(self.bound)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Count one call."""
        self._counter.load()
        return self._counted(input, super().invoke(input, config, **kwargs))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Count one call."""
        await self._counter.aload()
        return self._counted(input, await super().ainvoke(input, config, **kwargs))

    def _counted(self, prompt: list[BaseMessage], answer: BaseMessage) -> BaseMessage:
        notes = _notes.get()
        if notes is not None:
            notes.tokens += cost_of(prompt, answer, self._counter)
        return answer


@contextmanager
def _answering(draft: Draft) -> Iterator[Notes]:
    notes = _notes.get() or Notes()
    notes.draft = draft
    try:
        yield notes
    except AlignerError:
        # An answer, if none that can be used.
        raise
    except Exception as fault:
        notes.fault = fault
        raise


def _is_worth_a_retry(fault: BaseException) -> bool:
    return not isinstance(fault, StreamAlignerError) and is_transient(fault)
