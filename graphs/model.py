"""The loop on a model of yours, which the environment names.

STREAM_ALIGNER_UPSTREAM is the model to correct: `provider:model`, or the folder or hub id of a local one.
STREAM_ALIGNER_MODEL is the aligner, a folder or a hub id; without it the upstream corrects itself.
"""

import os

from stream_aligner_lc import AcceptAligner, build_graph
from stream_aligner_lc.limits import max_input
from stream_aligner_lc.named import UnsetModel, model_named

if name := os.environ.get("STREAM_ALIGNER_UPSTREAM"):
    graph = build_graph(model_named(name), name="model", max_input=max_input())
else:
    unset = UnsetModel(variable="STREAM_ALIGNER_UPSTREAM to the model to correct")
    graph = build_graph(unset, AcceptAligner(), continuation="instruct", name="model", max_input=max_input())
