"""Aligners asked in plain text, of which no tokenizer is known: templates as text, and the prompted protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError, UnusableAnswer
from stream_aligner_lc.local.completions import Effort
from stream_aligner_lc.local.forms import without_last_space
from stream_aligner_lc.prompts import Template, parse_answer, render_instructions, render_request, shortened
from stream_aligner_lc.remote.answers import Said
from stream_aligner_lc.remote.refusals import RefusedError
from stream_aligner_lc.remote.service import Service


class Asker(Protocol):
    """What answers drafts, once all that it needs is there."""

    def correct(self, drafts: Sequence[Draft], stopped: threading.Event) -> list[Correction]:
        """Correct consecutive drafts, at least the first."""


class PlainAsker:
    """Send a template as text, without a chat frame; the server cuts it into tokens as it likes."""

    def __init__(self, service: Service, template: Template, *, max_growth: float) -> None:
        self._service, self._template, self._max_growth = service, template, max_growth

    def correct(self, drafts: Sequence[Draft], stopped: threading.Event) -> list[Correction]:
        """Correct the first draft."""
        draft = drafts[0]
        # There is no more than about a token in a character.
        limit = int(self._max_growth * len(draft.text)) + 32

        def ask(prefix: str) -> Said:
            prompt = self._prompt(draft, prefix)
            return self._service.complete(prompt, max_tokens=limit, more={}, stopped=stopped)

        said, prefix_cut = _within_length(ask, draft)
        if not said.is_finished:
            raise UnusableAnswer(
                f"{self._service.model} did not come to an end within {limit} tokens for sentence {draft.index}. It "
                f"may not have been trained in the template {self._template.name!r}, or in a chat frame, for which "
                "`tokenizer=` must name its folder; `max_growth` allows more.",
            )
        text = self._template.unescape(said.text.strip())
        return [_correction(Correction(text), _effort(said), prefix_cut)]

    def _prompt(self, draft: Draft, prefix: str) -> str:
        fields = {"question": draft.question, "prefix": prefix, "last": draft.text}
        return "".join(part.text for part in without_last_space(self._template.render_plain(fields)))


class PromptedAsker:
    """Ask a chat model by the prompted protocol, `attempts` times if it does not keep to it."""

    def __init__(self, service: Service, *, policy: str, attempts: int) -> None:
        self._service, self._attempts = service, attempts
        self._instructions = render_instructions(policy)

    def correct(self, drafts: Sequence[Draft], stopped: threading.Event) -> list[Correction]:
        """Correct the first draft."""
        draft, effort = drafts[0], Effort()

        def ask(prefix: str) -> Said:
            request = render_request(draft.question, prefix, draft.text)
            messages = [{"role": "system", "content": self._instructions}, {"role": "user", "content": request}]
            return self._service.chat(messages, stopped=stopped)

        for _ in range(self._attempts):
            said, prefix_cut = _within_length(ask, draft)
            effort += _effort(said)
            if correction := parse_answer(said.text):
                return [_correction(correction, effort, prefix_cut)]
        raise UnusableAnswer(
            f"{self._service.model} answered {self._attempts} times without `CORRECTION: [[...]]` at the end, last "
            f"with {len(said.text)} characters of other text. Use a model that follows instructions, or "
            "on_aligner_error='keep' to show the draft in such a case."
        )


def _within_length(ask: Callable[[str], Said], draft: Draft) -> tuple[Said, int]:
    """Ask with the older half of the prefix left out as often as the server finds it too long."""
    prefix = draft.prefix
    while True:
        try:
            return ask(prefix), len(draft.prefix) - len(prefix)
        except RefusedError as fault:
            if not fault.refusal.is_of_length:
                raise
            if not prefix:
                raise AlignerError(
                    f"The server finds the prompt of sentence {draft.index} too long even without the text so far. Use "
                    "an aligner with a longer context, or align_first to stop earlier."
                ) from fault
            prefix = shortened(prefix)


def _correction(answer: Correction, effort: Effort, prefix_cut: int) -> Correction:
    return Correction(answer.text, answer.end, tokens=effort.tokens_fed, prefix_cut=prefix_cut, effort=effort.as_dict())


def _effort(said: Said) -> Effort:
    return Effort(
        passes=1, tokens_fed=said.num_tokens, tokens_reused=said.num_cached, cache_hits=int(said.num_cached > 0)
    )
