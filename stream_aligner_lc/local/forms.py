"""An aligner's prompt, answer and training row as token ids: one frame in training and serving."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stream_aligner_lc.local.completions import Effort, Engine, Prompt
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.frames import Turn
from stream_aligner_lc.prompts import Part, Template

NOT_LEARNED = -100
"""The label of a token that the loss leaves out."""


class Row(NamedTuple):
    """One training sequence: `labels` has at every place the token to predict there, else `NOT_LEARNED`."""

    ids: list[int]
    labels: list[int]


class Answer(NamedTuple):
    """What an aligner said of one sentence."""

    text: str
    is_whole: bool
    """Whether it came to an end within its limit."""
    end: bool
    """Whether the reply is complete with it."""
    effort: Effort


class Asked(NamedTuple):
    """A sentence to be corrected, as it is put to the model."""

    prompt: list[int]
    last: str
    answer: list[int]
    """What would leave it as it is."""
    limit: int
    """The most tokens that the answer may take."""
    prefix_cut: int = 0
    """How many characters of the prefix had to be left out."""


@dataclass(frozen=True)
class Form(ABC):
    """A template inside the tokenizer's chat template if there is one, and plain if there is none."""

    encoder: Encoder
    template: Template

    @abstractmethod
    def prompt(self, question: str, prefix: str, last: str) -> list[int]:
        """Return what the model is given."""

    @abstractmethod
    def answer(self, text: str) -> list[int]:
        """Return what the model writes in place of a sentence, without the token that ends it."""

    @abstractmethod
    def ask_each(self, engine: Engine, asked: Sequence[Asked], stopped: threading.Event) -> Generator[Answer]:
        """Have consecutive sentences corrected in shared passes, in order.

        The answer to one never depends on a later one. It may end early, but not before the first answer, and whoever
        reads a changed sentence reads no further.
        """

    @abstractmethod
    def row(
        self, question: str, prefix: str, last: str, correction: str, *, end: bool = False, rewrites: bool = False
    ) -> Row:
        """Return what a model learns from one corrected sentence: all that it should say, and nothing else.

        If it `rewrites`, the correction is written out though it may be the sentence itself: some things are seen to be
        right only in the writing. Raises `ConfigurationError` if the tokenizer has no token with which an answer could
        end.
        """

    @abstractmethod
    def copying_row(self, question: str, prefix: str, last: str) -> Row:
        """Return what a model learns to copy a sentence from: Aligner's warm-up (arXiv 2402.02416)."""

    @abstractmethod
    def text_spans(self, question: str, prefix: str, last: str, correction: str) -> list[range]:
        """Return where in the prompt the released text stands, and as much of the sentence as should be said.

        A model that starts from nothing learns its task from these, beside the corrections.
        """

    def read(self, ids: Sequence[int]) -> str:
        """Return the text that an answer says."""
        said: str = self.encoder.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return self.template.unescape(said.strip())


class RevisionForm(Form):
    """The sentence stands in the prompt, and the whole correction is written anew: the published templates."""

    def prompt(self, question: str, prefix: str, last: str) -> list[int]:
        """Return the template, filled."""
        fields = {"question": question, "prefix": prefix, "last": last}
        if self.encoder.has_chat_template:
            return self.encoder.conversation([Turn("user", self.template.render(fields))])
        return self.encoder.plain(without_last_space(self.template.render_plain(fields)))

    def answer(self, text: str) -> list[int]:
        """Return the sentence as it is to be."""
        escaped = self.template.escape(text)
        if self.encoder.has_chat_template:
            return self.encoder.text(escaped)
        return self.encoder.text(" " + escaped, goes_on=True)

    def ask_each(self, engine: Engine, asked: Sequence[Asked], stopped: threading.Event) -> Generator[Answer]:
        """Have the corrections written; most often they are the sentences themselves."""
        prompts = [Prompt(each.prompt, each.answer, each.limit) for each in asked]
        for done in engine.complete_each(prompts, stopped=stopped):
            yield Answer(self.read(done.ids), done.is_finished, end=False, effort=done.effort)

    def row(
        self, question: str, prefix: str, last: str, correction: str, *, end: bool = False, rewrites: bool = False
    ) -> Row:
        """Return the prompt and the correction, which is always written out; that a reply is complete goes unsaid."""
        prompt = self.prompt(question, prefix, last)
        answer = [*self.answer(correction), self.encoder.end_of_answer]
        return Row(prompt + answer, [NOT_LEARNED] * len(prompt) + answer)

    def copying_row(self, question: str, prefix: str, last: str) -> Row:
        """Return the row of a sentence that stands: to leave one alone is to copy it."""
        return self.row(question, prefix, last, last)

    def text_spans(self, question: str, prefix: str, last: str, correction: str) -> list[range]:
        """Return the place of the prefix; the sentence itself is not said there."""
        if not self.template.has_prefix:
            return []
        before = parting(self.prompt(question, "a", last), self.prompt(question, "1", last))
        whole, bare = self.prompt(question, prefix, last), self.prompt(question, "", last)
        return [range(before, before + len(whole) - len(bare))]


def parting(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two lists have in common from the start on."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def without_last_space(parts: Sequence[Part]) -> list[Part]:
    """Let the space between a plain prompt and what follows belong to that: so most tokenizers have it."""
    *before, last = parts
    return [*before, last._replace(text=last.text.rstrip())]
