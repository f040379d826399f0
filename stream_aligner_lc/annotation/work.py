"""Annotation as a whole: what is asked of whom, and what tells one piece of work from another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from stream_aligner_lc.annotation.graph import annotation_graph, policy_mark
from stream_aligner_lc.annotation.outcomes import Summary
from stream_aligner_lc.annotation.teacher import is_chat_model
from stream_aligner_lc.graph import AlignedGraph
from stream_aligner_lc.prompts import DEFAULT_POLICY
from stream_aligner_lc.resumable.graphs import outcome_of
from stream_aligner_lc.resumable.terms import described, loop_terms
from stream_aligner_lc.resumable.working import Work, work_through
from stream_aligner_lc.rows.reading import Source

Show = Callable[[Summary], object]
"""Told the totals so far."""


def annotate(
    prompts: Source | Iterable[Source],
    upstream: Any,
    teacher: Any,
    *,
    out: str | os.PathLike[str],
    policy: str = DEFAULT_POLICY,
    concurrency: int = 8,
    attempts: int = 3,
    tries: int = 6,
    limit: int | None = None,
    restart: bool = False,
    overwrite: bool = False,
    accept_failures: bool = False,
    show: Show = lambda _: None,
    **options: Any,
) -> Summary:
    """Have the upstream answer every prompt under the eyes of the teacher, and write a row for each sentence to `out`.

    `prompts` are data files (see `entries` and `prompts_of`), of which the first `limit` prompts are taken; `upstream`,
    `teacher`, `policy`, `attempts`, `tries` and the loop's `options` are those of `annotation_graph`. The rows stand in
    the order of the prompts, whatever the `concurrency`. `show` is called with the totals at first and after every
    prompt.

    What is finished is kept in `out` + ".part", so that after any end of the process the same call goes on from there;
    `restart` discards it. A prompt that is longer than a model's context is skipped. While prompts failed, the rows are
    not written and another call tries those prompts again, unless `accept_failures`. A file that is there already is
    replaced only with `overwrite`.

    Raises `ConfigurationError` for what is wrong with the call, before a model is asked, and `StreamAlignerError` where
    going on makes no sense.
    """

    def prepare() -> Work:
        graph = annotation_graph(upstream, teacher, policy=policy, attempts=attempts, tries=tries, **options)
        return Work(partial(outcome_of, graph=graph), terms_of(graph, upstream, teacher, policy))

    return work_through(
        prompts,
        prepare,
        lambda num_prompts: Summary(prompts=num_prompts),
        out=out,
        rows_are="rows",
        concurrency=concurrency,
        tries=tries,
        limit=limit,
        restart=restart,
        overwrite=overwrite,
        accept_failures=accept_failures,
        show=show,
    )


def terms_of(graph: AlignedGraph, upstream: Any, teacher: Any, policy: str) -> dict[str, Any]:
    """Return what must be the same where work goes on, in words that can be shown."""
    return {
        "upstream": described(upstream),
        "teacher": described(teacher) if is_chat_model(teacher) else graph.recipe.aligner.name,
        "policy": policy_mark(policy),
        **loop_terms(graph.recipe),
    }
