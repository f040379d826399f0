"""The aligners, and how what a user passes as `aligner=` becomes one."""

from stream_aligner_lc.aligners.adapters import FunctionAligner, RunnableAligner
from stream_aligner_lc.aligners.base import AcceptAligner, Aligner
from stream_aligner_lc.aligners.choose import as_aligner, coerced
from stream_aligner_lc.aligners.prompted import PromptedAligner
from stream_aligner_lc.aligners.transformers import TransformersAligner

__all__ = [
    "AcceptAligner",
    "Aligner",
    "FunctionAligner",
    "PromptedAligner",
    "RunnableAligner",
    "TransformersAligner",
    "as_aligner",
    "coerced",
]
