"""Say whether an aligner makes replies better, by how much, and what it costs: the same prompts bare and aligned."""

from stream_aligner_lc.evaluation.classifying import Classifier
from stream_aligner_lc.evaluation.results import Results
from stream_aligner_lc.evaluation.work import Evaluation, evaluate

__all__ = ["Classifier", "Evaluation", "Results", "evaluate"]
