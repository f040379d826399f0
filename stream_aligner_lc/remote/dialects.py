"""Two ways in which servers take a prompt that is a list of token ids.

`Tokens`: as ids (vLLM, SGLang, llama.cpp). No text can become a control token then, and the prompt is token for token
what `TransformersAligner` reads. `Text`: as text alone (`transformers serve`), which the server tokenises. A prompt
that would there hold other control tokens than it should is refused; one whose tokens only join differently at the
seams between template and text is sent, with one warning.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from stream_aligner_lc.continuation.leaves import warn
from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.remote.answers import Said
from stream_aligner_lc.remote.tokenizers import Known


class Request(NamedTuple):
    """What goes into the body of a completion request."""

    prompt: str | Sequence[int]
    more: Mapping[str, Any]


class Dialect(Protocol):
    """How one kind of server is spoken to."""

    def request(self, ids: Sequence[int], *, bias: float, preferred: Collection[int]) -> Request:
        """Return the request that goes on after `ids`, with `bias` added to the logits of the `preferred` tokens."""

    def ids(self, said: Said) -> list[int]:
        """Return the tokens of an answer, the one that ended it included or not."""


@dataclass
class Tokens:
    """Ids in, and ids out where the server returns them."""

    known: Known

    def request(self, ids: Sequence[int], *, bias: float, preferred: Collection[int]) -> Request:
        """Return ids as they are."""
        more: dict[str, Any] = {
            "return_token_ids": True,
            "stop_token_ids": sorted(self.known.ends),
            # A correction is nearly a copy, which a penalty of the model's own configuration would spoil.
            "repetition_penalty": 1.0,
        }
        if bias:
            more["logit_bias"] = {str(token): bias for token in preferred}
        return Request(ids, more)

    def ids(self, said: Said) -> list[int]:
        """Return the ids that were returned, else the text's."""
        return _ids(self.known, said.text) if said.ids is None else said.ids


@dataclass
class Text:
    """Text in, text out."""

    known: Known
    _has_warned: bool = field(default=False, init=False)

    def request(self, ids: Sequence[int], *, bias: float, preferred: Collection[int]) -> Request:
        """Return the text of `ids`; raises `AlignerError` if the server would read control tokens out of it."""
        text = self._written(ids)
        read = self.known.encoder.tokenizer(text)["input_ids"]
        if read == list(ids):
            return self._request(text, bias, preferred)
        encoder = self.known.encoder
        if encoder.parts_turns_by_words or encoder.controls(read) != encoder.controls(ids):
            raise AlignerError(
                "The server takes text alone, and this prompt holds text that it could take for control tokens. Serve "
                "the model with vLLM or another server that takes token ids, or choose on_aligner_error='keep' to show "
                "the draft in such a case."
            )
        if not self._has_warned:
            self._has_warned = True
            warn(
                "The server takes text alone, so tokens join where a template and a text meet, which they did not in "
                "training. Corrections may differ from those in process; vLLM takes token ids."
            )
        return self._request(text, bias, preferred)

    def _request(self, text: str, bias: float, preferred: Collection[int]) -> Request:
        settings: dict[str, Any] = {"do_sample": False, "eos_token_id": sorted(self.known.ends)}
        if bias:
            settings["sequence_bias"] = [[[token], float(bias)] for token in preferred]
        return Request(text, {"generation_config": json.dumps(settings)})

    def ids(self, said: Said) -> list[int]:
        """Return the tokens of the text."""
        return _ids(self.known, said.text)

    def _written(self, ids: Sequence[int]) -> str:
        encoder = self.known.encoder
        # What the tokenizer puts before every text, the server's will put there, too.
        leading = encoder.plain([])
        bare = list(ids[len(leading) :] if list(ids[: len(leading)]) == leading else ids)
        text: str = encoder.tokenizer.decode(bare, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text


def _ids(known: Known, text: str) -> list[int]:
    return known.encoder.text(text, goes_on=True)
