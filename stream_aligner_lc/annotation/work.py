"""Annotation as a whole: what is asked of whom, and what tells one piece of work from another."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from stream_aligner_lc.annotation.graph import annotation_graph, policy_mark
from stream_aligner_lc.annotation.outcomes import Summary
from stream_aligner_lc.annotation.resumable import Work, work_through
from stream_aligner_lc.annotation.running import Show
from stream_aligner_lc.annotation.teacher import is_chat_model
from stream_aligner_lc.graph import AlignedGraph
from stream_aligner_lc.local.chat import ChatTransformers
from stream_aligner_lc.models import chat_model_of
from stream_aligner_lc.prompts import DEFAULT_POLICY
from stream_aligner_lc.rows.reading import Source

# Of the loop's options those that do not show in the rows, and of those for the upstream those that are secret.
_NOT_IN_ROWS = {"lookahead", "on_aligner_error", "aligner_timeout", "upstream_retries", "on_record"}
_OF_CLIENT = {"api_key", "timeout", "max_retries"}


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
        return Work(graph, terms_of(graph, upstream, teacher, policy))

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
    recipe = graph.recipe
    options = {field.name: getattr(recipe.options, field.name) for field in fields(recipe.options)}
    terms = {
        "upstream": _described(upstream),
        "teacher": _described(teacher) if is_chat_model(teacher) else recipe.aligner.name,
        "policy": policy_mark(policy),
        "continuation": recipe.continuation.name,
        **{name: value for name, value in options.items() if name not in _NOT_IN_ROWS},
        "skip": sorted(recipe.options.skip),
        **{name: value for name, value in recipe.kwargs.items() if name not in _OF_CLIENT},
        "stop": recipe.stop,
    }
    plain: dict[str, Any] = json.loads(json.dumps(terms, default=str))
    return plain


def _described(llm: Any) -> dict[str, Any]:
    model = chat_model_of(llm)
    params: Mapping[str, Any] = model._get_ls_params()  # noqa: SLF001  # LangChain's one way of asking any integration
    said = {name.removeprefix("ls_"): value for name, value in params.items()}
    if isinstance(model, ChatTransformers):
        # Its name is the last part of a folder's, which others have too; and it may be trained again in its place.
        said["identity"] = model._identifying_params["identity"]  # noqa: SLF001  # ours
    said["seed"] = getattr(model, "seed", None)
    return {name: value for name, value in said.items() if value is not None}
