"""What one call of a chat model cost. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.resumable.outcomes import Tokens


def cost_of(prompt: Sequence[BaseMessage], answer: BaseMessage, counter: TokenCounter) -> Tokens:
    """Return what a call cost: as the provider reports it, else as `counter` counts it."""
    reported = getattr(answer, "usage_metadata", None)
    usage = reported or counter.usage(prompt, answer)
    return Tokens(usage["input_tokens"], usage["output_tokens"], estimated=not reported)
