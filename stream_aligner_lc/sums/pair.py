"""The bundled pair: an upstream that solves sums with mistakes, and an aligner that corrects a step.

The aligner is there in both templates. All were trained by `stream_aligner_lc.sums.train`; loading them needs torch and
transformers, importing this does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stream_aligner_lc.aligners.transformers import TransformersAligner
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.chat import ChatTransformers

CHECKPOINTS = Path(__file__).parent / "checkpoints"
UPSTREAM = str(CHECKPOINTS / "sums-upstream")
ALIGNER = str(CHECKPOINTS / "sums-aligner")
VERDICT_ALIGNER = str(CHECKPOINTS / "sums-verdict")
_ALIGNERS = {"stream-aligner": ALIGNER, "verdict": VERDICT_ALIGNER}


def upstream(**options: Any) -> ChatTransformers:
    """Return the upstream, with the options of `ChatTransformers`; a processor is faster than a GPU for it."""
    return ChatTransformers(UPSTREAM, **{"device": "cpu", **options})


def aligner(*, template: str = "stream-aligner", **options: Any) -> TransformersAligner:
    """Return the aligner that was trained in `template`, with the options of `TransformersAligner`.

    Raises `ConfigurationError` for a template that none was trained in.
    """
    if template not in _ALIGNERS:
        known = ", ".join(map(repr, _ALIGNERS))
        raise ConfigurationError(f"The bundled aligners were trained in the templates {known}, got {template!r}.")
    return TransformersAligner(_ALIGNERS[template], template=template, **{"device": "cpu", **options})
