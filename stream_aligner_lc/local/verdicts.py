"""The `verdict` template as token ids: after the last token of a sentence, one token says what becomes of it.

The context is the question and the released text and nothing else, so it only grows: every sentence is read once. The
verdict is never part of it. Only where a sentence is to be replaced does the model go on, after the token that ends a
turn, which no text can hold; the correction then takes the sentence's place in the context of the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from stream_aligner_lc.errors import ConfigurationError, UnusableAnswer
from stream_aligner_lc.local.completions import Effort, Engine, Prompt
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import (
    NOT_LEARNED,
    Answer,
    Asked,
    Form,
    RevisionForm,
    Row,
    parting,
    without_last_space,
)
from stream_aligner_lc.local.frames import Turn
from stream_aligner_lc.prompts import Part, Template


class Judgement(NamedTuple):
    """What a verdict token means."""

    replaces: bool
    """Whether a correction follows."""
    end: bool
    """Whether the reply is complete with the sentence, or with what replaces it."""


# Single characters, because every tokenizer has those as tokens. They are read at one place only and never fed, so they
# mean nothing inside a text.
_WORDS = {
    "=": Judgement(replaces=False, end=False),
    "~": Judgement(replaces=True, end=False),
    "#": Judgement(replaces=False, end=True),
    "!": Judgement(replaces=True, end=True),
}


class VerdictForm(Form):
    """The sentence stands where it will be read as part of the reply, and is judged there.

    Raises `ConfigurationError` if the tokenizer has no tokens to judge with.
    """

    def __post_init__(self) -> None:
        # Looked up now, so that it is told when the model is loaded.
        self.judgements  # noqa: B018

    def prompt(self, question: str, prefix: str, last: str) -> list[int]:
        """Return the conversation up to the end of the sentence."""
        escape = self.template.escape
        said = [Part(escape(prefix), is_ours=False)] if prefix else []
        said.append(Part(f" {escape(last)}" if prefix else escape(last), is_ours=False))
        if self.encoder.has_chat_template:
            asked = Turn("user", [Part(escape(question), is_ours=False)])
            return self.encoder.conversation([asked, Turn("assistant", said)], goes_on=True)
        before = without_last_space(self.template.render({"question": question}))
        first, *rest = said
        return self.encoder.plain([*before, first._replace(text=f" {first.text}"), *rest])

    def answer(self, text: str) -> list[int]:
        """Return a correction; what stands before it is a control token."""
        return self.encoder.text(self.template.escape(text))

    def ask_each(self, engine: Engine, asked: Sequence[Asked], stopped: threading.Event) -> Generator[Answer]:
        """Have the sentences judged, and where one is to be replaced have the correction written."""
        judged = [asked[0]]
        # Each sentence stands in the context of the next one, so that one text holds all of them.
        for each in asked[1:]:
            if each.prompt[: len(judged[-1].prompt)] != judged[-1].prompt:
                break
            judged.append(each)
        places = [len(each.prompt) for each in judged]
        standing = [token for token, judgement in self.judgements.items() if not judgement.replaces]
        tokens, effort = engine.tokens_after(judged[-1].prompt, places, stopped=stopped, preferred=standing)
        for each, token in zip(judged, tokens, strict=False):
            judgement = self.judgement(token)
            if judgement.replaces:
                yield self._corrected(engine, each, judgement, effort, stopped)
                return
            yield Answer(each.last, is_whole=True, end=judgement.end, effort=effort)
            # The pass that they shared is counted once.
            effort = Effort()

    def _corrected(
        self, engine: Engine, asked: Asked, judgement: Judgement, effort: Effort, stopped: threading.Event
    ) -> Answer:
        prompt = Prompt([*asked.prompt, self.encoder.end_of_answer], asked.answer, asked.limit)
        done = next(engine.complete_each([prompt], stopped=stopped))
        return Answer(self.read(done.ids), done.is_finished, judgement.end, effort + done.effort)

    def judgement(self, token: int) -> Judgement:
        """Return what the token means; raises `UnusableAnswer` if it is no verdict."""
        judgement = self.judgements.get(token)
        if judgement is None:
            raise UnusableAnswer(
                f"Asked for a verdict, the model said {self.encoder.tokenizer.decode([token])!r}. It was not trained "
                f"in the template {self.template.name!r}: name its own with `template=`."
            )
        return judgement

    def row(
        self, question: str, prefix: str, last: str, correction: str, *, end: bool = False, rewrites: bool = False
    ) -> Row:
        """Return the context, with the verdict as the label of what stands after it, and the correction if any."""
        prompt, mark = self.prompt(question, prefix, last), self.encoder.end_of_answer
        replaces = rewrites or correction.strip() != last.strip()
        answer = [*self.answer(correction), mark] if replaces else []
        verdict = self.verdict(Judgement(replaces, end))
        # A label belongs to the token before it, so the mark is there in any case and carries the verdict.
        return Row([*prompt, mark, *answer], [NOT_LEARNED] * len(prompt) + [verdict, *answer])

    def copying_row(self, question: str, prefix: str, last: str) -> Row:
        """Return a correction that is the sentence itself; whether there should be one is not learned from it."""
        prompt, mark = self.prompt(question, prefix, last), self.encoder.end_of_answer
        answer = [*self.answer(last), mark]
        return Row([*prompt, mark, *answer], [NOT_LEARNED] * (len(prompt) + 1) + answer)

    def text_spans(self, question: str, prefix: str, last: str, correction: str) -> list[range]:
        """Return the reply up to where the sentence and its correction part."""
        start = parting(self.prompt(question, "", "a"), self.prompt(question, "", "1"))
        prompt = self.prompt(question, prefix, last)
        return [range(start, parting(prompt, self.prompt(question, prefix, correction)))]

    def verdict(self, judgement: Judgement) -> int:
        """Return the token that says it."""
        return next(token for token, meaning in self.judgements.items() if meaning == judgement)

    @cached_property
    def judgements(self) -> Mapping[int, Judgement]:
        """The verdict tokens; raises `ConfigurationError` if the tokenizer has none."""
        spelled = {word: self.encoder.text(word, goes_on=True) for word in _WORDS}
        tokens = {ids[0]: _WORDS[word] for word, ids in spelled.items() if len(ids) == 1}
        if len(tokens) < len(_WORDS):
            raise ConfigurationError(
                f"The template {self.template.name!r} needs a token for each of {' '.join(_WORDS)}; this tokenizer "
                f"spells them {list(spelled.values())}. Use a tokenizer with all letters and signs, or another "
                "template."
            )
        return tokens


def form_of(encoder: Encoder, template: Template) -> Form:
    """Return the form in which a model that was trained in `template` is asked."""
    return (VerdictForm if template.name == "verdict" else RevisionForm)(encoder, template)
