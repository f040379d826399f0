"""Correct what a language model says while it is saying it.

>>> from stream_aligner_lc import StreamAlignedChat
>>> from stream_aligner_lc.testing import ScriptedChatModel
>>> llm = StreamAlignedChat(ScriptedChatModel("Cats bark. Dogs too."), lambda d: d.text.replace("bark", "meow"))
>>> [chunk.text for chunk in llm.stream("What do cats say?")]
['Cats meow.', ' Dogs too.', '']
"""

from stream_aligner_lc.aligners import (
    AcceptAligner,
    Aligner,
    FunctionAligner,
    PromptedAligner,
    RunnableAligner,
)
from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.corrections import Correction, Draft, Verdict
from stream_aligner_lc.errors import (
    AlignerError,
    AlignerTimeout,
    ConfigurationError,
    StreamAlignerError,
    UpstreamError,
)
from stream_aligner_lc.graph import build_graph
from stream_aligner_lc.recorders import JsonlRecorder
from stream_aligner_lc.segmentation import Segment, Segmenter

__all__ = [
    "AcceptAligner",
    "Aligner",
    "AlignerError",
    "AlignerTimeout",
    "ConfigurationError",
    "Correction",
    "Draft",
    "FunctionAligner",
    "JsonlRecorder",
    "PromptedAligner",
    "RunnableAligner",
    "Segment",
    "Segmenter",
    "StreamAlignedChat",
    "StreamAlignerError",
    "UpstreamError",
    "Verdict",
    "build_graph",
]
__version__ = "0.1.0"
