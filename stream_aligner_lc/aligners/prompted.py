"""An aligner without training: any chat model, told the policy in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig

from stream_aligner_lc.aligners.base import Aligner
from stream_aligner_lc.aligners.checks import check_policy, check_whole
from stream_aligner_lc.continuation.leaves import identity_of, leaves
from stream_aligner_lc.corrections import Correction, Draft, tokens_of
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.errors import AlignerError, ConfigurationError, UnusableAnswer
from stream_aligner_lc.prompts import DEFAULT_POLICY, parse_answer, render_instructions, render_request, shortened


class PromptedAligner(Aligner):
    """Have a chat model correct sentences by the protocol `CORRECTION: [[...]]`, `EOS: [[TRUE|FALSE]]`.

    `llm` is a chat model or a binding of one, `policy` says in words what a sentence must be. An answer that
    does not keep to the protocol is asked for `attempts` times in all, then `AlignerError` is raised and the
    loop's `on_aligner_error` decides. The protocol is Stream Aligner's (arXiv 2501.05336).

    A prompt of more than `max_input_tokens` (by the model's own encoding where that needs
    no download, else approximately; None: what the model's profile says, if it says
    anything) loses the older half of the prefix, at the start of a sentence, until it fits; the record says how much.
    """

    def __init__(
        self,
        llm: Runnable[Any, Any],
        *,
        policy: Any = DEFAULT_POLICY,
        attempts: Any = 2,
        max_input_tokens: int | None = None,
    ) -> None:
        if not isinstance(llm, Runnable):
            raise ConfigurationError(f"PromptedAligner needs a chat model, got {llm!r}.")
        check_policy(policy)
        check_whole("attempts", attempts, at_least=1)
        self.llm = llm
        self.policy = policy
        self.attempts = attempts
        self.max_input_tokens = _profile_limit(llm) if max_input_tokens is None else max_input_tokens
        self.name = f"prompted:{_model_name(llm)}"
        self._counter = TokenCounter(llm)
        self._instructions = SystemMessage(render_instructions(policy))

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Ask until an answer keeps to the protocol."""
        shown = input.question, input.prefix
        if self.max_input_tokens is not None:
            self._counter.load()
        prompt, prefix_cut = self._prompt(input, *shown)
        tokens = 0
        for _ in range(self.attempts):
            answer = self.llm.invoke(prompt, config, **kwargs)
            tokens += tokens_of(answer)
            if correction := parse_answer(answer.text, input.text, shown):
                return replace(correction, tokens=tokens, prefix_cut=prefix_cut)
        raise self._unusable(answer)

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Ask until an answer keeps to the protocol."""
        shown = input.question, input.prefix
        if self.max_input_tokens is not None:
            await self._counter.aload()
        prompt, prefix_cut = self._prompt(input, *shown)
        tokens = 0
        for _ in range(self.attempts):
            answer = await self.llm.ainvoke(prompt, config, **kwargs)
            tokens += tokens_of(answer)
            if correction := parse_answer(answer.text, input.text, shown):
                return replace(correction, tokens=tokens, prefix_cut=prefix_cut)
        raise self._unusable(answer)

    @property
    def identity(self) -> dict[str, Any]:
        """The model's own identity and the policy."""
        return {**super().identity, "llm": identity_of(self.llm), "policy": self.policy}

    def _prompt(self, draft: Draft, question: str, prefix: str) -> tuple[list[BaseMessage], int]:
        while True:
            request = HumanMessage(render_request(question, prefix, draft.text))
            prompt: list[BaseMessage] = [self._instructions, request]
            if self._fits(prompt):
                return prompt, len(draft.prefix) - len(prefix)
            if not prefix:
                raise AlignerError(
                    f"The prompt of sentence {draft.index} needs more than max_input_tokens={self.max_input_tokens} "
                    "even without the text so far. Use a model with a longer context, or align_first to stop earlier."
                )
            prefix = shortened(prefix)

    def _fits(self, prompt: list[BaseMessage]) -> bool:
        return self.max_input_tokens is None or self._counter.fits(prompt, self.max_input_tokens)

    def _unusable(self, answer: BaseMessage) -> AlignerError:
        return UnusableAnswer(
            f"{self.name} answered {self.attempts} times without `CORRECTION: [[...]]` at the end, last with "
            f"{len(answer.text)} characters of other text. Use a model that follows instructions, or "
            "on_aligner_error='keep' to show the draft in such a case."
        )


def _profile_limit(llm: Runnable[Any, Any]) -> int | None:
    profile = getattr(next(leaves(llm)).model, "profile", None)
    return profile.get("max_input_tokens") if isinstance(profile, dict) else None


def _model_name(llm: Runnable[Any, Any]) -> str:
    model = next(leaves(llm)).model
    named = (getattr(model, name, None) for name in ("model_name", "model", "model_id"))
    return next((name for name in named if isinstance(name, str) and name), type(model).__name__)
