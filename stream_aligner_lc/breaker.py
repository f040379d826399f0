"""The circuit breaker: an aligner that failed too often in a row is not asked any more. No I/O.

Rule: whether it is open follows from the count in the state, so that a resumed run knows it too.
"""

from __future__ import annotations

from typing import Literal

from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.options import LoopOptions
from stream_aligner_lc.state import Progress

Breaker = Literal["closed", "opened", "open"]
"""As a sentence finds it: the aligner was asked, failed once too often ("opened"), or was not asked ("open")."""


def is_open(progress: Progress, options: LoopOptions) -> bool:
    """Say whether the aligner is passed over for the rest of the reply."""
    most = options.max_aligner_faults
    return most is not None and progress["faults_in_a_row"] >= most


def note_answer(progress: Progress, options: LoopOptions, *, failed: bool) -> Breaker:
    """Count what came of one sentence, and return how it found the breaker."""
    if is_open(progress, options):
        return "open"
    progress["aligner_faults"] += failed
    progress["faults_in_a_row"] = progress["faults_in_a_row"] + 1 if failed else 0
    return "opened" if is_open(progress, options) else "closed"


def passing_over(progress: Progress) -> AlignerError:
    """Return what stands for the answer of an aligner that was not asked."""
    faults = progress["faults_in_a_row"]
    return AlignerError(
        f"The aligner was not asked: it had failed on {faults} sentence(s) in a row, and max_aligner_faults allows no "
        "more. The errors of these say why; raise the number to ask on."
    )
