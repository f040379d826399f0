"""The loop of the paper's published scripts: each round the upstream writes all of the rest, and one sentence is used.

PKU-Alignment/stream-aligner, generation/ (arXiv 2501.05336). Kept: at most 16 rounds, the whole remainder generated
each time, its first sentence corrected and appended with a space, the rest thrown away. Left out, in its favour:
loading both models anew every round, its way of cutting sentences (a digit before the full stop ends none), and rounds
after the upstream has nothing more to say.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from stream_aligner_lc import Correction, Draft, Segmenter
from stream_aligner_lc.aligners import Aligner
from stream_aligner_lc.errors import AlignerError

NUM_ROUNDS = 16


class Said(NamedTuple):
    """A reply, and what it took: tokens of the upstream, seconds to the first sentence and in all."""

    text: str
    tokens: int
    calls: int
    first: float
    seconds: float


def reply(upstream: BaseChatModel, aligner: Aligner, question: str) -> Said:
    """Answer a question as the published scripts do."""
    began, first, tokens, prefix = time.perf_counter(), 0.0, 0, ""
    asked: list[BaseMessage] = [HumanMessage(question)]
    for calls in range(1, NUM_ROUNDS + 1):
        remainder = upstream.invoke([*asked, AIMessage(prefix)] if prefix else asked)
        tokens += _output_tokens(remainder)
        last = first_sentence(remainder.text)
        if not last:
            break
        prefix = f"{prefix} {_corrected(aligner, Draft(asked, prefix, last, index=calls - 1))}".strip()
        first = first or time.perf_counter() - began
    return Said(prefix, tokens, calls, first, time.perf_counter() - began)


def first_sentence(text: str) -> str:
    """Return the first sentence of a text."""
    segmenter = Segmenter()
    segments = [*segmenter.feed(text), *segmenter.flush()]
    return next((segment.text.strip() for segment in segments if segment.text.strip()), "")


def _corrected(aligner: Aligner, draft: Draft) -> str:
    try:
        return Correction.of(aligner.invoke(draft)).text
    except AlignerError:
        # As everywhere in these experiments: where there is no usable answer the draft stands.
        return draft.text


def _output_tokens(message: Any) -> int:
    return int(message.usage_metadata["output_tokens"])
