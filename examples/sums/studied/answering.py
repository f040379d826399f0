"""Have held-out problems answered in one way, and note what came of each."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from langchain_core.language_models import BaseChatModel

from stream_aligner_lc import ChatTransformers, StreamAlignedChat, TransformersAligner
from stream_aligner_lc.rows.writing import as_line, whole_file
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import Problem, problems
from stream_aligner_lc.testing import ScriptedChatModel
from studied.plans import TEMPERATURE, WAYS

COUNTED = ("upstream_calls", "restarts", "aligner_tokens")


def answer(out: Path, way: str, seed: int, count: int) -> None:
    """Write a row for each of the first `count` held-out problems, unless that is done."""
    file = answers(out, way, seed)
    if file.exists():
        return
    # Models this small lose more by handing work to other cores than they gain.
    torch.set_num_threads(1)
    upstream, asked = upstream_of(out, way, seed), problems(count, seed=0)
    if WAYS[way].strange:
        # Of others, which are not the same for any two seeds.
        said = [ScriptedChatModel(" ".join(other.solution)) for other in problems(count, seed=seed)]
        rows = [noted(problem, aligned(out, way, model), upstream) for problem, model in zip(asked, said, strict=True)]
    else:
        llm = aligned(out, way, upstream)
        rows = [noted(problem, llm, upstream) for problem in asked]
    with whole_file(file) as opened:
        opened.writelines(map(as_line, rows))


def answers(out: Path, way: str, seed: int) -> Path:
    """Return the file of the answers that were given in one way with one sampling seed."""
    return out / "answers" / f"{way}-{seed}.jsonl"


def upstream_of(out: Path, way: str, seed: int, kind: type[ChatTransformers] = ChatTransformers) -> ChatTransformers:
    """Return the upstream of a way to answer: the bundled one, or what a round of bootstrapping made of it."""
    tuned = WAYS[way].tuned
    folder = pair.UPSTREAM if tuned is None else str(out / f"round-{tuned}" / "upstream")
    return kind(folder, device="cpu", temperature=TEMPERATURE, seed=seed)


def aligned(out: Path, way: str, upstream: BaseChatModel) -> BaseChatModel:
    """Return the upstream with the aligner of that way in front of it, if there is one."""
    aligner = WAYS[way].aligner
    if aligner is None:
        return upstream
    return StreamAlignedChat(upstream, loaded(out, aligner), on_aligner_error="keep", **WAYS[way].options)


@cache
def loaded(out: Path, name: str) -> TransformersAligner:
    """Return one of the aligners, ready."""
    return TransformersAligner(str(out / "models" / name), device="cpu").load()


def noted(problem: Problem, llm: BaseChatModel, upstream: ChatTransformers) -> dict[str, Any]:
    """Have one problem answered, and note whether that is right and what it took."""
    reply = llm.invoke(problem.question)
    row: dict[str, Any] = {"right": problem.is_right(reply.text), "shown": upstream.get_num_tokens(reply.text)}
    if reply.usage_metadata is not None:
        row["written"] = reply.usage_metadata["output_tokens"]
    if totals := reply.response_metadata.get("stream_aligner"):
        row |= {name: totals[name] for name in COUNTED}
        row |= {"seconds": totals["aligner_seconds"], "sentences": dict(totals["sentences"])}
    return row
