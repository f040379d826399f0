"""Time the replies of an upstream that takes its time for every token: bare, and corrected in four ways."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from stream_aligner_lc import ChatTransformers, Segmenter
from stream_aligner_lc.rows.writing import as_line, whole_file
from stream_aligner_lc.sums.problems import Problem, problems
from studied import published
from studied.answering import aligned, loaded, upstream_of
from studied.plans import SECONDS_PER_TOKEN

TIMED = ("bare", "whole-0", "shown-0", "stream-0", "published")


class Paced(ChatTransformers):
    """Hand out a token every `SECONDS_PER_TOKEN` at the earliest, from the first one on; sync calls only."""

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        due = time.perf_counter()
        for chunk in super()._stream(messages, stop, run_manager, **kwargs):
            due += SECONDS_PER_TOKEN
            time.sleep(max(0.0, due - time.perf_counter()))
            yield chunk


def time_replies(out: Path, way: str, seed: int, count: int) -> None:
    """Write a row for each of the first `count` held-out problems: seconds to the first sentence and in all."""
    file = timings(out, way, seed)
    if file.exists():
        return
    torch.set_num_threads(1)
    upstream = upstream_of(out, "bare" if way == "published" else way, seed, Paced)
    warm, *asked = problems(count + 1, seed=0)
    _timed(out, way, upstream, warm)
    with whole_file(file) as opened:
        opened.writelines(as_line(_timed(out, way, upstream, problem)) for problem in asked)


def timings(out: Path, way: str, seed: int) -> Path:
    """Return the file of the timings of one way with one sampling seed."""
    return out / "timings" / f"{way}-{seed}.jsonl"


def _timed(out: Path, way: str, upstream: ChatTransformers, problem: Problem) -> dict[str, Any]:
    if way == "published":
        said = published.reply(upstream, loaded(out, "stream-0"), problem.question)
        row = {"first": said.first, "seconds": said.seconds, "written": said.tokens, "calls": said.calls}
        text = said.text
    else:
        row, text = _streamed(aligned(out, way, upstream), problem.question)
    return {**row, "right": problem.is_right(text), "shown": upstream.get_num_tokens(text)}


def _streamed(llm: BaseChatModel, question: str) -> tuple[dict[str, Any], str]:
    """Read a reply as it comes; its first sentence counts when all of it is there."""
    began, first, text, segmenter = time.perf_counter(), None, "", Segmenter()
    written, calls = 0, 1
    for chunk in llm.stream(question):
        text += chunk.text
        if first is None and chunk.text and (segmenter.feed(chunk.text) or segmenter.peek()):
            first = time.perf_counter() - began
        written += chunk.usage_metadata["output_tokens"] if chunk.usage_metadata else 0
        calls = chunk.response_metadata.get("stream_aligner", {}).get("upstream_calls", calls)
    seconds = time.perf_counter() - began
    return {"first": first or seconds, "seconds": seconds, "written": written, "calls": calls}, text
