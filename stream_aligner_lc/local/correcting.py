"""From drafts to corrections with a loaded model: prompts that fit, answers that are whole, and what it took."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError, UnusableAnswer
from stream_aligner_lc.local.completions import Engine, StoppedError
from stream_aligner_lc.local.forms import Answer, Asked, Form, parting
from stream_aligner_lc.prompts import shortened

_MOST_TOGETHER = 4
# All of them should more likely than not be needed.
_LEAST_PROBABLE = 0.6
_EDITS_AT_FIRST, _WEIGHT_OF_ONE = 0.25, 0.1


@dataclass
class Corrector:
    """What corrects, once a model is loaded; any number of threads may use one."""

    form: Form
    engine: Engine
    name: str
    max_tokens: int | None
    """How many tokens the model can attend to, None if its configuration does not say."""
    max_growth: float
    """How many times as many tokens as its draft a correction may take, beside a few more."""
    shares_passes: bool
    """Whether waiting sentences cost less together than one after the other."""
    _edit_rate: float = field(default=_EDITS_AT_FIRST, init=False)
    """About what share of sentences changes; only speed depends on it."""

    def correct(self, drafts: Sequence[Draft], stopped: threading.Event) -> list[Correction]:
        """Correct consecutive drafts, as many as are worth it at once, up to and including the first that changes.

        Raises `AlignerError` if the first of them cannot be corrected, `StoppedError` once `stopped` is set.
        """
        corrections: list[Correction] = []
        try:
            for draft, correction in self._corrections(drafts[: self._num_together()], stopped):
                corrections.append(correction)
                changes = correction.text.strip() != draft.text
                self._edit_rate += _WEIGHT_OF_ONE * (changes - self._edit_rate)
                if changes:
                    break
        except StoppedError:
            raise
        except Exception as fault:
            # What is wrong with a later one is told when it is the first.
            if corrections:
                return corrections
            if isinstance(fault, MemoryError):
                raise self._without_memory(fault, drafts[0]) from fault
            raise
        return corrections

    def warm(self, draft: Draft, stopped: threading.Event) -> None:
        """Read what the prompts of all sentences after `draft.prefix` have in common."""
        one, other = (self.form.prompt(draft.question, draft.prefix, last) for last in ("a", "1"))
        length = parting(one, other)
        if length and (self.max_tokens is None or length < self.max_tokens):
            self.engine.warm(one[:length], stopped=stopped)

    def _without_memory(self, fault: MemoryError, draft: Draft) -> AlignerError:
        return AlignerError(
            f"There is no memory left for sentence {draft.index} beside {self.name}: {fault} Use a smaller model, "
            '`dtype="bfloat16"` or another `device`, or free some memory.',
            released=draft.prefix,
            draft=draft.text,
        )

    def _num_together(self) -> int:
        if not self.shares_passes:
            return 1
        num, probability = 1, 1 - self._edit_rate
        while num < _MOST_TOGETHER and probability >= _LEAST_PROBABLE:
            num, probability = num + 1, probability * (1 - self._edit_rate)
        return num

    def _corrections(self, drafts: Sequence[Draft], stopped: threading.Event) -> Iterator[tuple[Draft, Correction]]:
        asked = [self._asked(drafts[0])]
        for draft in drafts[1:]:
            try:
                asked.append(self._asked(draft))
            except AlignerError:
                # It is too long; that is told when it is the first.
                break
        with closing(self.form.ask_each(self.engine, asked, stopped)) as answers:
            for draft, question, answer in zip(drafts, asked, answers, strict=False):
                yield draft, self._checked(draft, question, answer)

    def _checked(self, draft: Draft, asked: Asked, answer: Answer) -> Correction:
        if not answer.is_whole:
            raise UnusableAnswer(
                f"{self.name} did not come to an end within {asked.limit} tokens for sentence {draft.index} of "
                f"{len(asked.answer)}. It may not have been trained in the template "
                f"{self.form.template.name!r}; `max_growth` allows more.",
                released=draft.prefix,
                draft=draft.text,
            )
        return Correction(
            answer.text,
            answer.end,
            tokens=answer.effort.tokens_fed,
            prefix_cut=asked.prefix_cut,
            effort=answer.effort.as_dict(),
        )

    def _asked(self, draft: Draft) -> Asked:
        answer = self.form.answer(draft.text)
        limit = int(self.max_growth * len(answer)) + 32
        prefix = draft.prefix
        while True:
            prompt = self.form.prompt(draft.question, prefix, draft.text)
            if self.max_tokens is None or len(prompt) + limit <= self.max_tokens:
                return Asked(prompt, draft.text, answer, limit, prefix_cut=len(draft.prefix) - len(prefix))
            if not prefix:
                raise AlignerError(
                    f"The prompt of sentence {draft.index} has {len(prompt)} tokens even without the text so far, and "
                    f"{self.name} can attend to {self.max_tokens}, {limit} of which its answer may need. Use an "
                    "aligner with a longer context, or align_first to stop earlier.",
                    released=draft.prefix,
                    draft=draft.text,
                )
            prefix = shortened(prefix)
