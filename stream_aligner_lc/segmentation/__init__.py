"""Cut a text stream into sentences, headings, list items and blocks, independent of how it is chunked."""

from stream_aligner_lc.segmentation.going_on import going_on
from stream_aligner_lc.segmentation.granularity import GRANULARITIES, Cutter, Grouper, make_segmenter
from stream_aligner_lc.segmentation.segmenter import Segmenter, is_sentence, segment
from stream_aligner_lc.segmentation.segments import KINDS, Segment

__all__ = [
    "GRANULARITIES",
    "KINDS",
    "Cutter",
    "Grouper",
    "Segment",
    "Segmenter",
    "going_on",
    "is_sentence",
    "make_segmenter",
    "segment",
]
