"""One very long reply, whose end costs what its beginning cost, and upstreams that never end, which are ended."""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from itertools import islice, pairwise
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from tqdm import tqdm

from stream_aligner_lc import AcceptAligner, StreamAlignedChat
from stream_aligner_lc.testing import ScriptedCall, ScriptedChatModel

Row = tuple[str, str, str]

# What the end of a long reply may cost beside its beginning, and hold beside what LangChain does.
MOST_RATIO, MOST_KB_A_SENTENCE = 1.3, 8.0
# What a text without a full stop may come to before it is cut.
MOST_CHARACTERS = 3000
_THOUSAND, _TURN = 1000, 50


def long_reply(count: int) -> tuple[list[Row], list[str]]:
    """Write one very long reply, and compare its end with its beginning."""
    size = min(_THOUSAND, count // 2)
    time_ratio, calls = _time(count, size)
    fewer = max(count // 5, 8)
    # LangChain keeps every chunk of a stream until it ends, so the bare model grows as well.
    (bare, _), (ours, memory_ratio) = (_memory(model, fewer) for model in (_storyteller(fewer), _aligned(fewer)))
    findings = [
        f"A long reply: the {what} of its end is {ratio:.2f} times that of its beginning, {MOST_RATIO} is allowed."
        for what, ratio in (("CPU", time_ratio), ("memory", memory_ratio))
        if ratio > MOST_RATIO
    ]
    if calls != 1:
        findings.append(f"A long reply of which everything is accepted took {calls} upstream calls.")
    if ours - bare > MOST_KB_A_SENTENCE:
        findings.append(
            f"A long reply holds {ours - bare:.1f} kB more than the bare model's for each of its sentences."
        )
    return [
        ("one reply: upstream calls", f"{count}", f"{calls}"),
        (f"one reply: CPU of its last {size} sentences beside its first", f"{count}", f"{time_ratio:.2f}"),
        ("one reply: memory of its last fourth beside its first", f"{fewer}", f"{memory_ratio:.2f}"),
        ("one reply: memory for each sentence more, kB (the bare model's)", f"{fewer}", f"{ours:.1f} ({bare:.1f})"),
    ], findings


def _time(count: int, size: int) -> tuple[float, int]:
    """Return what the last sentences cost beside the first of another reply, and the calls that the long one took.

    Both are read in turns, so that whatever else the machine does slows both. The collector is not shown what the
    long reply has made so far: LangChain keeps every chunk, and looking through them is the bare model's, too.
    """
    model = _storyteller(count + _TURN)  # the sum of all chunks, at the end, is LangChain's
    late, early = _sentences(StreamAlignedChat(model, AcceptAligner())), _sentences(_aligned(count))
    with closing(late), closing(early):
        for _ in tqdm(islice(late, count - size), total=count - size, unit="sentence", disable=None):
            pass
        gc.collect()
        gc.freeze()
        turn = min(_TURN, size)
        ratios = [_cpu(late, turn) / _cpu(early, turn) for _ in range(size // turn)]
        gc.unfreeze()
    return statistics.median(ratios), len(model.calls)


def _cpu(sentences: Iterator[Any], count: int) -> float:
    began = time.process_time()
    for _ in islice(sentences, count):
        pass
    return time.process_time() - began


def _memory(model: Any, sentences: int) -> tuple[float, float]:
    """Return how many kilobytes a sentence adds, and how many in the last fourth beside the first.

    The ends are left out, where what a reply takes to begin and to end shows more than its length.
    """
    marks = [sentences * (1 + 4 * part) // 20 for part in range(5)]
    tracemalloc.start()
    held, written = [], 0
    for chunk in model.stream("Go on."):
        before, written = written, written + chunk.text.count(".")
        if any(before < mark <= written for mark in marks):
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    growth = [after - before for before, after in pairwise(held)]
    return (held[-1] - held[0]) / 1024 / (marks[-1] - marks[0]), growth[-1] / growth[0]


def _storyteller(count: int) -> ScriptedChatModel:
    return ScriptedChatModel(" ".join(f"Sentence number {number} of a long story is here." for number in range(count)))


def _aligned(count: int) -> StreamAlignedChat:
    return StreamAlignedChat(_storyteller(count), AcceptAligner())


def _sentences(model: StreamAlignedChat) -> Any:
    return (chunk for chunk in model.stream("Go on.") if chunk.text)


class EndlessModel(ScriptedChatModel):
    """Say the script over and over, whatever it was told of limits."""

    def _chunks(self, call: ScriptedCall) -> Iterator[ChatGenerationChunk]:
        while True:
            for token in self._cut(self.script):
                call.sent.append(token)
                yield ChatGenerationChunk(message=AIMessageChunk(content=token))


def bounds(_: int) -> tuple[list[Row], list[str]]:
    """Have upstreams that never end ended, each by another bound."""
    longest: list[int] = []

    def note(record: Any) -> None:
        longest.append(len(record["draft"]))

    tried = {
        "no full stop, max_sentences=4": ("and so on ", {"max_sentences": 4, "on_record": note}),
        "max_sentences=5": ("Again and again. ", {"max_sentences": 5}),
        "max_tokens=12, which it ignores": (" word.", {"max_tokens": 12}),
    }
    rows, findings = [], []
    for name, (script, options) in tried.items():
        upstream = EndlessModel(script)
        reply = StreamAlignedChat(upstream, AcceptAligner(), **options).invoke("Go on.")
        reason, said = reply.response_metadata["finish_reason"], len(reply.text)
        rows.append((f"an upstream that never ends: {name}", f"{said} characters", f"finish_reason {reason!r}"))
        findings += _wrong_with(reply, upstream, name)
    if max(longest) > MOST_CHARACTERS:
        findings.append(f"A text without a full stop is released after {max(longest)} characters only.")
    return [*rows, ("a text without a full stop: characters until it is cut", "", f"{max(longest)}")], findings


def _wrong_with(reply: AIMessage, upstream: EndlessModel, name: str) -> list[str]:
    is_released = bool(reply.text.strip()) and reply.response_metadata["finish_reason"] == "length"
    is_over = len(upstream.calls) == 1 and upstream.calls[0].is_closed
    return [] if is_released and is_over else [f"An upstream that never ends ({name}) is not ended: {reply!r}"]
