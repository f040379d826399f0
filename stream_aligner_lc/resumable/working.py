"""Work through prompts so that no end of the process costs more than what was under way.

What is finished is kept in a journal beside the file to be written, and the same call goes on from there. What is done
with a prompt is a graph's affair.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.resumable.journal import Journal, journal_of, open_journal
from stream_aligner_lc.resumable.outcomes import Summary
from stream_aligner_lc.resumable.prompts import Prompt, prompts_of
from stream_aligner_lc.resumable.running import MAX_FAILED_IN_A_ROW, Answer, run_all
from stream_aligner_lc.rows.reading import Source, entries
from stream_aligner_lc.rows.writing import as_line, check_replaceable, whole_file

S = TypeVar("S", bound=Summary)


class Work(NamedTuple):
    """What is done with every prompt."""

    answer: Answer
    """Its rows are what is written."""
    terms: dict[str, Any]
    """What must be the same where work goes on, in words that can be shown."""


def work_through(
    prompts: Source | Iterable[Source],
    prepare: Callable[[], Work],
    summary_of: Callable[[int], S],
    *,
    out: str | os.PathLike[str],
    rows_are: str,
    is_written: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    concurrency: int,
    tries: int,
    limit: int | None,
    restart: bool,
    overwrite: bool,
    accept_failures: bool,
    show: Callable[[S], object],
) -> S:
    """Have the work done with the first `limit` prompts, and write those of its rows that are to be written to `out`.

    The work is prepared once the numbers and `out` are known to be in order. `summary_of` makes the totals of so many
    prompts, `rows_are` says what rows are called. The other options are those of `annotate`.
    """
    check_numbers(concurrency=concurrency, tries=tries, limit=1 if limit is None else limit)
    sources = [prompts] if isinstance(prompts, str | os.PathLike) else list(prompts)
    place = _checked_place(Path(out), sources)
    if place.exists() and not overwrite and (restart or not journal_of(place).exists()):
        raise _is_there(place)
    work = prepare()
    asked = list(islice(prompts_of(entries(sources)), limit))
    with open_journal(journal_of(place), work.terms, restart=restart) as journal:
        if place.exists() and not (overwrite or journal.writes_new_file):
            raise _is_there(place)
        summary = summary_of(len(asked))
        carry_out(
            asked,
            work.answer,
            journal,
            summary,
            concurrency=concurrency,
            accept_failures=accept_failures,
            show=lambda: show(summary),
        )
        if not summary.failed or accept_failures:
            journal.note_writing(is_new=not place.exists())
            with whole_file(place, kept=f"All {rows_are} are kept in {str(journal.path)!r}.") as file:
                for prompt in asked:
                    file.writelines(as_line(row) for row in journal.rows(prompt.id) if is_written(row))
            journal.remove()
            summary.written = True
    return summary


def carry_out(
    asked: Sequence[Prompt],
    answer: Answer,
    journal: Journal,
    summary: Summary,
    *,
    concurrency: int,
    accept_failures: bool,
    show: Callable[[], object],
) -> None:
    """Have all prompts answered that are not finished, keep what comes of them in the journal, and count it.

    Raises `ConfigurationError` for a journal of other prompts, and what `run_all` raises.
    """
    _check_prompts(journal, asked)
    _recall(summary, journal)
    show()
    patience = None if accept_failures else MAX_FAILED_IN_A_ROW
    ways: dict[str, Any] = {"concurrency": concurrency, "patience": patience, "show": lambda _: show()}
    _finished(run_all(asked, answer, journal, summary, **ways))


def check_numbers(**numbers: Any) -> None:
    """Raise `ConfigurationError` for an option that is no whole number of at least 1."""
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
    check_replaceable(out)
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


def _recall(summary: Summary, journal: Journal) -> None:
    for outcome in journal.outcomes():
        summary.add(outcome)
    # They are tried again; what they cost stays.
    summary.failed.clear()


def _finished(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    # In a notebook: its loop cannot be entered again.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prompts") as pool:
        pool.submit(asyncio.run, work).result()
