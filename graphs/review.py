"""The loop on the bundled pair, where a person decides: it stops at every correction until that is answered.

Answer "accept", "reject" (the draft stays) or {"text": "..."} (that text stays); the upstream goes on from it.
"""

from stream_aligner_lc import build_graph
from stream_aligner_lc.limits import max_input
from stream_aligner_lc.sums import pair

# The server brings the checkpointer that keeps the reply in the meantime.
graph = build_graph(pair.upstream(), pair.aligner(), name="review", interrupt_on="replaced", max_input=max_input())
