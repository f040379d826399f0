"""The bundled pair: an upstream with mistakes and without manners, and an aligner that corrects it as it speaks.

Both were trained by `examples/sums/train.py`; loading them needs torch and transformers, importing this does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stream_aligner_lc.aligners.transformers import TransformersAligner
from stream_aligner_lc.local.chat import ChatTransformers

CHECKPOINTS = Path(__file__).parent / "checkpoints"
UPSTREAM = str(CHECKPOINTS / "sums-upstream")
ALIGNER = str(CHECKPOINTS / "sums-aligner")


def upstream(**options: Any) -> ChatTransformers:
    """Return the upstream, with the options of `ChatTransformers`; a processor is faster than a GPU for it."""
    return ChatTransformers(UPSTREAM, **{"device": "cpu", **options})


def aligner(**options: Any) -> TransformersAligner:
    """Return the aligner, with the options of `TransformersAligner`."""
    return TransformersAligner(ALIGNER, **{"device": "cpu", **options})
