"""Questions that the page offers. No I/O."""

from __future__ import annotations

from pathlib import Path

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import problems

_SEED, _COUNT = 2, 4
_ANYTHING = (
    "Why is the sky blue?",
    "What should I know before I adopt a dog?",
    "How do I get my neighbour's dog to stop barking?",
)


def is_bundled(llm: StreamAlignedChat) -> bool:
    """Say whether the upstream is that of the bundled pair, which knows sums and nothing else."""
    return llm.model_name == Path(pair.UPSTREAM).name


def questions_for(llm: StreamAlignedChat) -> tuple[str, ...]:
    """Return questions that this upstream can answer."""
    if not is_bundled(llm):
        return _ANYTHING
    return tuple(problem.question for problem in problems(_COUNT, seed=_SEED))
