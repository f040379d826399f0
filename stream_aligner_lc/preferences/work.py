"""The whole work: prompts in, pairs out, and what is finished kept in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from stream_aligner_lc.aligners import TransformersAligner
from stream_aligner_lc.annotation.teacher import Teacher, as_teacher, is_chat_model
from stream_aligner_lc.annotation.work import terms_of
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.models import patient
from stream_aligner_lc.preferences.graph import preference_graph
from stream_aligner_lc.preferences.outcomes import Summary
from stream_aligner_lc.prompts import DEFAULT_POLICY
from stream_aligner_lc.recipe import recipe_of
from stream_aligner_lc.resumable.graphs import outcome_of
from stream_aligner_lc.resumable.working import Work, work_through
from stream_aligner_lc.rows.reading import Source

Show = Callable[[Summary], object]


def export_preferences(
    prompts: Source | Iterable[Source],
    upstream: Any,
    aligner: Any,
    *,
    out: str | os.PathLike[str],
    policy: str | None = None,
    shared: bool = True,
    include_same: bool = False,
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
    """Have the upstream answer every prompt, aligned and bare, and write a preference pair for each to `out`.

    A row is in TRL's conversational form: `prompt`, `chosen` (the aligned reply) and `rejected` (the bare one) are
    lists of messages. With `shared` the bare reply has the aligned one's text up to the first sentence that was
    changed, that sentence as drafted, and what the upstream says after it: it is one of the upstream's own replies, and
    parts from the aligned one by nothing but the correction. Otherwise it is asked for from the start, and chance makes
    the two differ, too.

    `aligner` is what `StreamAlignedChat` takes; a chat model is told the `policy`. A sentence for which it has no
    usable answer in so many `attempts` stays as drafted. Equal replies are counted, and written only with
    `include_same`. There is no pair where a reply is empty or calls a tool, or where the aligned one is cut off. All
    else is as in `annotate`.
    """

    def prepare() -> Work:
        told = _policy(aligner, policy)
        teacher = as_teacher(aligner, policy=told, attempts=attempts, tries=tries)
        recipe = recipe_of(patient(upstream, tries), teacher, **{**options, "on_aligner_error": "keep"})
        graph = preference_graph(recipe, shared=shared)
        return Work(
            partial(outcome_of, graph=graph),
            _own_terms(terms_of(graph, upstream, aligner, told), teacher, shared=shared),
        )

    return work_through(
        prompts,
        prepare,
        lambda num_prompts: Summary(prompts=num_prompts),
        out=out,
        rows_are="pairs",
        is_written=lambda row: "left_out" not in row and (include_same or "same" not in row),
        concurrency=concurrency,
        tries=tries,
        limit=limit,
        restart=restart,
        overwrite=overwrite,
        accept_failures=accept_failures,
        show=show,
    )


def _policy(aligner: Any, policy: str | None) -> str:
    if policy is not None and not is_chat_model(aligner):
        raise ConfigurationError(
            f"A policy is told to a chat model, and {aligner!r} is none: it was made for one policy. Leave the policy "
            "out, or name a `provider:model` that follows it."
        )
    return DEFAULT_POLICY if policy is None else policy


def _own_terms(terms: dict[str, Any], teacher: Teacher, *, shared: bool) -> dict[str, Any]:
    """Return what must be the same where work goes on: as for rows, in this command's words."""
    aligner = terms.pop("teacher")
    if isinstance(teacher.inner, TransformersAligner):
        # Its name is the last part of a folder's, which others have too. Of the hub's the template is known later.
        identity = teacher.inner.identity
        aligner = str([identity[part] for part in ("model", "sampling")])
    return {"work": "export-preferences", **terms, "aligner": aligner, "shared": shared}
