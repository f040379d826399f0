"""A graph for the test server: limited as those of `langgraph.json` are."""

from stream_aligner_lc import AcceptAligner, build_graph
from stream_aligner_lc.limits import max_input
from stream_aligner_lc.testing import ScriptedChatModel

plain = build_graph(ScriptedChatModel(["Yes."] * 20), AcceptAligner(), max_input=max_input())
