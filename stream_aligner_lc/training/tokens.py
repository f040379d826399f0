"""From samples to token rows: in the form in which the model will be served, no longer than it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED, Form, Row
from stream_aligner_lc.local.frames import Turn
from stream_aligner_lc.prompts import Part, shortened
from stream_aligner_lc.rows.reading import Fault
from stream_aligner_lc.training.samples import Reply, Sample
from stream_aligner_lc.training.trees import Tree, trees

OnFault = Callable[[Fault], object]


@dataclass(frozen=True)
class CorrectionRows:
    """Make token rows of corrected sentences.

    A row of more than `max_tokens` loses the older half of its prefix until it fits, as in serving; one that does not
    fit without it is handed to `on_fault`. With `learns_text` the released text is learned beside the corrections.
    """

    form: Form
    max_tokens: int
    learns_text: bool = False

    def rows(self, samples: Sequence[Sample], *, on_fault: OnFault) -> Iterator[Row]:
        """Make one row of each sample."""
        made = (self._fitted(sample, self._row, on_fault) for sample in samples)
        return (row for row in made if row is not None)

    def trees(self, samples: Iterable[Sample], *, on_fault: OnFault) -> Iterator[Tree]:
        """Make rows as `rows` does, those of consecutive samples of a question as one."""
        for _, asked in groupby(samples, key=lambda sample: sample.question):
            yield from trees(self.rows(list(asked), on_fault=on_fault), most=self.max_tokens)

    def copying_rows(self, samples: Iterable[Sample], *, on_fault: OnFault) -> Iterator[Row]:
        """Make rows in which every sentence is copied: the warm-up of Aligner (arXiv 2402.02416, section 3)."""
        made = (self._fitted(sample, self._copying_row, on_fault) for sample in samples)
        return (row for row in made if row is not None)

    def _fitted(self, sample: Sample, make: Callable[[Sample], Row], on_fault: OnFault) -> Row | None:
        while True:
            row = make(sample)
            if len(row.ids) <= self.max_tokens:
                return row
            if not sample.prefix:
                on_fault(
                    Fault(
                        sample.place, "question", _too_long(len(row.ids), self.max_tokens, " even without its prefix")
                    )
                )
                return None
            sample = sample._replace(prefix=shortened(sample.prefix))

    def _row(self, sample: Sample) -> Row:
        row = self.form.row(
            sample.question, sample.prefix, sample.last, sample.correction, end=sample.end, rewrites=sample.rewrites
        )
        if self.learns_text:
            for span in self.form.text_spans(sample.question, sample.prefix, sample.last, sample.correction):
                row.labels[span.start : span.stop] = row.ids[span.start : span.stop]
        return row

    def _copying_row(self, sample: Sample) -> Row:
        return self.form.copying_row(sample.question, sample.prefix, sample.last)


@dataclass(frozen=True)
class ReplyRows:
    """Make token rows of replies: what an upstream learns to say. `max_tokens` as for corrections."""

    encoder: Encoder
    max_tokens: int

    def rows(self, replies: Iterable[Reply], *, on_fault: OnFault) -> Iterator[Row]:
        """Make one row of each reply; the prefix from which it goes on is not learned."""
        if not self.encoder.has_chat_template:
            raise ConfigurationError(
                "The tokenizer has no chat template, so nothing says how a conversation is written. "
                "Set `tokenizer.chat_template` and save it."
            )
        # Raised now, if there is none.
        self.encoder.end_of_answer  # noqa: B018
        for reply in replies:
            try:
                row = self._row(reply)
            except ConfigurationError as error:
                # Some chat templates take no system message, or no two of a user in a row.
                on_fault(Fault(reply.place, "messages", str(error)))
                continue
            if len(row.ids) <= self.max_tokens:
                yield row
                continue
            on_fault(Fault(reply.place, "answer", _too_long(len(row.ids), self.max_tokens)))

    def _row(self, reply: Reply) -> Row:
        turns = [Turn(role, [Part(text, is_ours=False)]) for role, text in reply.turns]
        prompt, said = self.encoder.conversation(turns), reply.text
        if reply.prefix:
            turns.append(Turn("assistant", [Part(reply.prefix, is_ours=False)]))
            prompt, said = self.encoder.conversation(turns, goes_on=True), f" {reply.text}"
        answer = [*self.encoder.text(said, goes_on=bool(reply.prefix)), self.encoder.end_of_answer]
        return Row(prompt + answer, [NOT_LEARNED] * len(prompt) + answer)


def _too_long(num_tokens: int, limit: int, how: str = "") -> str:
    return f"the row has {num_tokens} tokens{how}, and {limit} are the limit. Raise `max_tokens`, or leave it out."
