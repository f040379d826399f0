"""The whole work: what is asked of whom, where it is kept, and what is written in the end."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

from stream_aligner_lc.annotation.graph import annotation_graph, policy_mark
from stream_aligner_lc.annotation.journal import Journal, journal_of, open_journal
from stream_aligner_lc.annotation.outcomes import Summary
from stream_aligner_lc.annotation.prompts import Prompt, prompts_of
from stream_aligner_lc.annotation.running import MAX_FAILED_IN_A_ROW, Show, run_all
from stream_aligner_lc.annotation.teacher import is_chat_model
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.graph import AlignedGraph
from stream_aligner_lc.local.chat import ChatTransformers
from stream_aligner_lc.models import chat_model_of
from stream_aligner_lc.prompts import DEFAULT_POLICY
from stream_aligner_lc.rows.reading import Source, entries
from stream_aligner_lc.rows.writing import as_line, whole_file

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
    _check_numbers(concurrency=concurrency, tries=tries, limit=1 if limit is None else limit)
    sources = [prompts] if isinstance(prompts, str | os.PathLike) else list(prompts)
    place = _checked_place(Path(out), sources)
    if place.exists() and not overwrite and (restart or not journal_of(place).exists()):
        raise _is_there(place)
    graph = annotation_graph(upstream, teacher, policy=policy, attempts=attempts, tries=tries, **options)
    asked = list(islice(prompts_of(entries(sources)), limit))
    terms = _terms(graph, upstream, teacher, policy)
    with open_journal(journal_of(place), terms, restart=restart) as journal:
        if place.exists() and not (overwrite or journal.writes_new_file):
            raise _is_there(place)
        _check_prompts(journal, asked)
        summary = _summary_of(journal, len(asked))
        show(summary)
        patience = None if accept_failures else MAX_FAILED_IN_A_ROW
        _finished(run_all(asked, graph, journal, summary, concurrency=concurrency, show=show, patience=patience))
        if not summary.failed or accept_failures:
            _write(place, asked, journal)
            summary.written = True
    return summary


def _check_numbers(**numbers: Any) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigurationError(f"`{name}` must be a whole number of at least 1, got {value!r}.")


def _checked_place(out: Path, sources: Sequence[Source]) -> Path:
    if not out.parent.is_dir():
        raise ConfigurationError(
            f"{str(out)!r} cannot be written: there is no folder {str(out.parent)!r}. Make it first."
        )
    if out.is_dir():
        raise ConfigurationError(
            f"{str(out)!r} is a folder. Name the file to write, such as {str(out / 'rows.jsonl')!r}."
        )
    if out.resolve() in [Path(source).expanduser().resolve() for source in sources]:
        raise ConfigurationError(f"{str(out)!r} holds the prompts. Write the rows to another file.")
    return out


def _is_there(out: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{str(out)!r} is there already. Write to another file, or replace it with --overwrite (overwrite=True)."
    )


def _check_prompts(journal: Journal, asked: Sequence[Prompt]) -> None:
    digests = {prompt.id: prompt.digest for prompt in asked}
    other = [each for each, digest in journal.finished.items() if digests.get(each) != digest]
    if other:
        raise ConfigurationError(
            f"{str(journal.path)!r} keeps what is finished of {len(other)} prompts that are gone or were changed, the "
            f"first with the id {other[0]!r}. Give all of the prompts as they were, write to another file, or start "
            "anew with --restart (restart=True), which discards it."
        )


def _summary_of(journal: Journal, num_prompts: int) -> Summary:
    summary = Summary(prompts=num_prompts)
    for outcome in journal.outcomes():
        summary.add(outcome)
    # They are tried again; what they cost stays.
    summary.failed.clear()
    return summary


def _terms(graph: AlignedGraph, upstream: Any, teacher: Any, policy: str) -> dict[str, Any]:
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


def _finished(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    # In a notebook: its loop cannot be entered again.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="annotate") as pool:
        pool.submit(asyncio.run, work).result()


def _write(out: Path, asked: Sequence[Prompt], journal: Journal) -> None:
    journal.note_writing(is_new=not out.exists())
    kept = f"All rows are kept in {str(journal.path)!r}."
    with whole_file(out, kept=kept) as file:
        for prompt in asked:
            file.writelines(map(as_line, journal.rows(prompt.id)))
    journal.remove()
