"""The whole work: prompts in, pairs out, and what is finished kept in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from stream_aligner_lc.aligners import TransformersAligner
from stream_aligner_lc.annotation.graph import _patient
from stream_aligner_lc.annotation.journal import Journal, journal_of, open_journal
from stream_aligner_lc.annotation.prompts import Prompt, prompts_of
from stream_aligner_lc.annotation.running import MAX_FAILED_IN_A_ROW, run_all
from stream_aligner_lc.annotation.teacher import Teacher, as_teacher, is_chat_model
from stream_aligner_lc.annotation.work import (
    _check_numbers,
    _check_prompts,
    _checked_place,
    _finished,
    _is_there,
    _terms,
)
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.preferences.graph import preference_graph
from stream_aligner_lc.preferences.outcomes import Summary
from stream_aligner_lc.prompts import DEFAULT_POLICY
from stream_aligner_lc.recipe import recipe_of
from stream_aligner_lc.rows.reading import Source, entries
from stream_aligner_lc.rows.writing import as_line, whole_file

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
    _check_numbers(concurrency=concurrency, tries=tries, limit=1 if limit is None else limit)
    sources = [prompts] if isinstance(prompts, str | os.PathLike) else list(prompts)
    place = _checked_place(Path(out), sources)
    if place.exists() and not overwrite and (restart or not journal_of(place).exists()):
        raise _is_there(place)
    told = _policy(aligner, policy)
    teacher = as_teacher(aligner, policy=told, attempts=attempts, tries=tries)
    recipe = recipe_of(_patient(upstream, tries), teacher, **{**options, "on_aligner_error": "keep"})
    graph = preference_graph(recipe, shared=shared)
    asked = list(islice(prompts_of(entries(sources)), limit))
    terms = _own_terms(_terms(graph, upstream, aligner, told), teacher, shared=shared)
    with open_journal(journal_of(place), terms, restart=restart) as journal:
        if place.exists() and not (overwrite or journal.writes_new_file):
            raise _is_there(place)
        _check_prompts(journal, asked)
        summary = _summary_of(journal, len(asked))
        show(summary)
        ways: dict[str, Any] = {"concurrency": concurrency, "show": lambda _: show(summary)}
        ways["patience"] = None if accept_failures else MAX_FAILED_IN_A_ROW
        _finished(run_all(asked, graph, journal, summary, **ways))
        if not summary.failed or accept_failures:
            _write(place, asked, journal, include_same=include_same)
            summary.written = True
    return summary


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


def _summary_of(journal: Journal, num_prompts: int) -> Summary:
    summary = Summary(prompts=num_prompts)
    for outcome in journal.outcomes():
        summary.add(outcome)
    # They are tried again; what they cost stays.
    summary.failed.clear()
    return summary


def _write(out: Path, asked: Sequence[Prompt], journal: Journal, *, include_same: bool) -> None:
    journal.note_writing(is_new=not out.exists())
    with whole_file(out, kept=f"All pairs are kept in {str(journal.path)!r}.") as file:
        for prompt in asked:
            for row in journal.rows(prompt.id):
                if "left_out" not in row and (include_same or "same" not in row):
                    file.write(as_line(row))
    journal.remove()
