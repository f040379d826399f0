"""How an interrupted upstream is asked to go on from the text that was released, on any provider.

`choose_continuation` decides once per model, `Continuation.request` builds each call, `Overlap` cuts away
what the answer repeats, and `join` puts the whitespace between the two texts.

Rule: no provider package is imported here; classes are recognised by name, so that subclasses count.
"""

from stream_aligner_lc.continuation.choice import choose_continuation
from stream_aligner_lc.continuation.joins import join
from stream_aligner_lc.continuation.overlap import Overlap
from stream_aligner_lc.continuation.scripts import is_spaceless
from stream_aligner_lc.continuation.strategies import Continuation, Request

__all__ = ["Continuation", "Overlap", "Request", "choose_continuation", "is_spaceless", "join"]
