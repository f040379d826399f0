"""What an aligner is: a Runnable from `Draft` to `Correction`, with what the loop needs beyond that."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor

from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.fingerprints import fingerprint


class Aligner(Runnable[Draft, Any]):
    """Correct one sentence at a time; subclass it and implement `invoke`.

    `invoke(draft)` answers with a `Correction`, a `str` or a message: the draft's own text accepts it, an empty
    text removes it. An aligner keeps no state between two drafts that could change an answer: several replies
    share one object.
    """

    name = "aligner"

    @abstractmethod
    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Answer one draft."""

    def correct_many(self, drafts: Sequence[Draft]) -> list[Correction]:
        """Answer consecutive waiting drafts, up to and including the first whose text changes.

        Override it where one pass over several drafts is cheaper than one each: the loop then hands over all
        that wait. Left as it is, the loop hands over one at a time, so that each is released with its verdict.
        At least one answer, and an answer never depends on a later draft.
        """
        answers: list[Correction] = []
        for draft in drafts:
            answers.append(Correction.of(self.invoke(draft)))
            if answers[-1].text.strip() != draft.text:
                break
        return answers

    async def acorrect_many(self, drafts: Sequence[Draft]) -> list[Correction]:
        """Do what `correct_many` does, asynchronously."""
        if self.joint:
            return await run_in_executor(None, self.correct_many, drafts)
        answers: list[Correction] = []
        for draft in drafts:
            answers.append(Correction.of(await self.ainvoke(draft)))
            if answers[-1].text.strip() != draft.text:
                break
        return answers

    @property
    def granularity(self) -> str | None:
        """What it was made to correct at a time, "sentence", "paragraph" or "response"; None if it does not mind."""
        return None

    @property
    def joint(self) -> bool:
        """Whether this class brought a `correct_many` of its own."""
        return type(self).correct_many is not Aligner.correct_many

    def warm(self, draft: Draft) -> None:
        """Prepare for the sentence that follows `draft.prefix` (`draft.text` is empty).

        Called while the upstream writes; must return at once and may do nothing.
        """

    def cancel(self, draft: Draft) -> None:
        """Give up on `draft`, whose answer is not wanted any more; may come from another thread."""

    def num_tokens(self, text: str) -> int | None:
        """Return how many tokens its own tokenizer makes of a text, None if it has none at hand.

        Must return at once: nothing is loaded for it, and no network asked.
        """
        return None

    @property
    def identity(self) -> dict[str, Any]:
        """What tells this aligner's answers from another's, as plain values: part of cache keys and traces.

        Unless a subclass says it better, that is its class and a fingerprint of its attributes, which may be secret.
        """
        identity = {"aligner": f"{type(self).__module__}.{type(self).__qualname__}", "name": self.name}
        if type(self).identity is Aligner.identity:
            identity["settings"] = fingerprint(repr(sorted(vars(self).items())))
        return identity


class AcceptAligner(Aligner):
    """Change nothing: for tests, dry runs and measurements."""

    name = "accept"

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Accept the draft."""
        return Correction(input.text)

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Accept the draft, without a thread."""
        return Correction(input.text)
