"""Correction data, a prompt at a time: what `stream-aligner annotate` runs for each of its prompts.

STREAM_ALIGNER_UPSTREAM is the model that answers and STREAM_ALIGNER_TEACHER the one that corrects: `provider:model`,
or the folder or hub id of a local one. STREAM_ALIGNER_POLICY says in words what a sentence must be.
"""

import os

from stream_aligner_lc.annotation import annotation_graph
from stream_aligner_lc.limits import max_input
from stream_aligner_lc.named import UnsetModel, model_named
from stream_aligner_lc.prompts import DEFAULT_POLICY

upstream, teacher = os.environ.get("STREAM_ALIGNER_UPSTREAM"), os.environ.get("STREAM_ALIGNER_TEACHER")
graph = annotation_graph(
    model_named(upstream) if upstream else UnsetModel(variable="STREAM_ALIGNER_UPSTREAM to the model that answers"),
    model_named(teacher) if teacher else UnsetModel(variable="STREAM_ALIGNER_TEACHER to the model that corrects"),
    policy=os.environ.get("STREAM_ALIGNER_POLICY") or DEFAULT_POLICY,
    continuation="auto" if upstream else "instruct",
    max_input=max_input(),
)
