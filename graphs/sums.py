"""The loop on the bundled pair: an upstream that slips in sums, and an aligner that sets them right. No key, no GPU."""

from stream_aligner_lc import build_graph
from stream_aligner_lc.limits import max_input
from stream_aligner_lc.sums import pair

# Made once, when the server starts. A function would be called for every run and every look at the graph.
graph = build_graph(pair.upstream(), pair.aligner(), name="sums", max_input=max_input())
