"""Correct what a language model says while it is saying it.

>>> from stream_aligner_lc import StreamAlignedChat
>>> from stream_aligner_lc.testing import ScriptedChatModel
>>> llm = StreamAlignedChat(ScriptedChatModel("Cats bark. Dogs too."), lambda d: d.text.replace("bark", "meow"))
>>> [chunk.text for chunk in llm.stream("What do cats say?")]
['Cats meow.', ' Dogs too.', '']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream_aligner_lc.aligners import (
        AcceptAligner,
        Aligner,
        FunctionAligner,
        PromptedAligner,
        RunnableAligner,
        TransformersAligner,
    )
    from stream_aligner_lc.aligners.server import ServerAligner
    from stream_aligner_lc.chat_model import StreamAlignedChat
    from stream_aligner_lc.corrections import Correction, Draft, Verdict
    from stream_aligner_lc.errors import (
        AlignerError,
        AlignerTimeout,
        ConfigurationError,
        StreamAlignerError,
        UnusableAnswer,
        UpstreamError,
    )
    from stream_aligner_lc.graph import build_graph
    from stream_aligner_lc.local.chat import ChatTransformers
    from stream_aligner_lc.middleware import StreamAlignerMiddleware
    from stream_aligner_lc.recorders import JsonlRecorder
    from stream_aligner_lc.segmentation import Segment, Segmenter, segment

__version__ = "0.1.0"
__all__ = [
    "AcceptAligner",
    "Aligner",
    "AlignerError",
    "AlignerTimeout",
    "ChatTransformers",
    "ConfigurationError",
    "Correction",
    "Draft",
    "FunctionAligner",
    "JsonlRecorder",
    "PromptedAligner",
    "RunnableAligner",
    "Segment",
    "Segmenter",
    "ServerAligner",
    "StreamAlignedChat",
    "StreamAlignerError",
    "StreamAlignerMiddleware",
    "TransformersAligner",
    "UnusableAnswer",
    "UpstreamError",
    "Verdict",
    "build_graph",
    "segment",
]

# Who only cuts sentences should not wait for LangGraph: a name is imported when it is first asked for.
_HOMES = {
    "aligners": (
        "AcceptAligner",
        "Aligner",
        "FunctionAligner",
        "PromptedAligner",
        "RunnableAligner",
        "TransformersAligner",
    ),
    "aligners.server": ("ServerAligner",),
    "chat_model": ("StreamAlignedChat",),
    "corrections": ("Correction", "Draft", "Verdict"),
    "errors": (
        "AlignerError",
        "AlignerTimeout",
        "ConfigurationError",
        "StreamAlignerError",
        "UnusableAnswer",
        "UpstreamError",
    ),
    "graph": ("build_graph",),
    "local.chat": ("ChatTransformers",),
    "middleware": ("StreamAlignerMiddleware",),
    "recorders": ("JsonlRecorder",),
    "segmentation": ("Segment", "Segmenter", "segment"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    thing: object = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = thing
    return thing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
