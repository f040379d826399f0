"""An aligner's prompt and answer as token ids: one template in one tokenizer's frame, in training as in serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.frames import Turn
from stream_aligner_lc.prompts import Part, Template


@dataclass(frozen=True)
class Form:
    """A template inside the tokenizer's chat template if there is one, and plain if there is none."""

    encoder: Encoder
    template: Template

    def prompt(self, question: str, prefix: str, last: str) -> list[int]:
        """Return what the model is given."""
        parts = self.template.render({"question": question, "prefix": prefix, "last": last})
        if self.encoder.has_chat_template:
            return self.encoder.conversation([Turn("user", parts)])
        return self.encoder.plain(_without_last_space(parts))

    def answer(self, text: str) -> list[int]:
        """Return what the model answers, without the token that ends it."""
        escaped = self.template.escape(text)
        if self.encoder.has_chat_template:
            return self.encoder.text(escaped)
        return self.encoder.text(" " + escaped, goes_on=True)

    def read(self, ids: Sequence[int]) -> str:
        """Return the text that an answer says."""
        said: str = self.encoder.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return self.template.unescape(said.strip())


def _without_last_space(parts: Sequence[Part]) -> list[Part]:
    # Nothing stands between the prompt and the answer there, and most tokenizers have the space before a word
    # in the word's own token.
    *before, last = parts
    return [*before, last._replace(text=last.text.rstrip())]
