"""From rows of a correction data set to padded batches, in the form in which the aligner will be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.forms import NOT_LEARNED, Form, Row
from stream_aligner_lc.prompts import shortened

_FIELDS = ("question", "prefix", "last", "correction")


@dataclass(frozen=True)
class CorrectionCollator:
    """Make batches of rows `question, prefix, last, correction` and perhaps `end` (the public data set's fields).

    A row of more than `max_tokens` loses the older half of its prefix until it fits, as in serving. Answers
    `input_ids`, `attention_mask` and `labels` of shape (rows, longest), padded on the right. Raises
    `ConfigurationError` for a row that lacks a field, or does not fit even without a prefix.
    """

    form: Form
    max_tokens: int | None = None

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Return one batch."""
        tokenizer = self.form.encoder.tokenizer
        pad = self.form.encoder.end_of_answer if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        return padded([self.row(row) for row in rows], pad)

    def row(self, row: Mapping[str, Any]) -> Row:
        """Return the token ids and labels of one row."""
        if missing := [name for name in _FIELDS if not isinstance(row.get(name), str)]:
            raise ConfigurationError(
                f"A row of a correction data set needs the texts {', '.join(_FIELDS)}; {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing in {dict(row)!r:.200}."
            )
        question, prefix, last, correction = (row[name] for name in _FIELDS)
        while True:
            made = self.form.row(question, prefix, last, correction, end=bool(row.get("end")))
            if self.max_tokens is None or len(made.ids) <= self.max_tokens:
                return made
            if not prefix:
                raise ConfigurationError(
                    f"A row has {len(made.ids)} tokens even without its prefix, and {self.max_tokens} are the limit: "
                    f"{question!r:.200}. Leave it out, or raise `max_tokens`."
                )
            prefix = shortened(prefix)


def padded(rows: Sequence[Row], pad: int) -> dict[str, torch.Tensor]:
    """Pad rows on the right to (rows, longest)."""
    longest = max(len(row.ids) for row in rows)
    ids = [row.ids + [pad] * (longest - len(row.ids)) for row in rows]
    labels = [row.labels + [NOT_LEARNED] * (longest - len(row.ids)) for row in rows]
    mask = [[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows]
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "labels": torch.tensor(labels),
    }
