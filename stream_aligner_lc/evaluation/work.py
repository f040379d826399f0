"""An evaluation as a whole: prompts in, replies bare and aligned, what is said of them, and all figures out."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from stream_aligner_lc.aligners import Aligner
from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError
from stream_aligner_lc.evaluation.classifying import Classifier
from stream_aligner_lc.evaluation.judging.criteria import CRITERIA, RUBRICS
from stream_aligner_lc.evaluation.judging.judge import Judge, judged_prompt, judging
from stream_aligner_lc.evaluation.replies import Answering
from stream_aligner_lc.evaluation.results import Results, results_of, scored
from stream_aligner_lc.fingerprints import fingerprint
from stream_aligner_lc.models import model_name_of, patient
from stream_aligner_lc.recipe import recipe_of
from stream_aligner_lc.resumable.journal import open_journal
from stream_aligner_lc.resumable.outcomes import Summary, Tokens
from stream_aligner_lc.resumable.prompts import Prompt, prompts_of
from stream_aligner_lc.resumable.terms import described, loop_terms
from stream_aligner_lc.resumable.working import carry_out, check_numbers
from stream_aligner_lc.rows.reading import Source, entries
from stream_aligner_lc.rows.writing import as_line, whole_file

Show = Callable[[str, Summary], object]
"""Told the name of a stage and how far it is."""

REPLIES, RESULTS = "replies.jsonl", "results.json"
"""What is written: a row for every prompt, and the figures."""


@dataclass(frozen=True)
class Evaluation:
    """What came of an evaluation, and where it is."""

    results: Results
    out: Path
    judge: Tokens = field(default_factory=Tokens)
    """What judging cost."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why a prompt is not among the results, by its place."""


_PACKAGES = ("scipy", "math_verify")
"""What the figures are made with, once all replies are there."""


def evaluate(
    prompts: Source | Iterable[Source],
    upstream: Any,
    aligner: Any,
    *,
    out: str | os.PathLike[str],
    judge: Any = None,
    criteria: Iterable[str] = tuple(CRITERIA),
    classifiers: Iterable[Classifier] = (),
    concurrency: int = 8,
    attempts: int = 3,
    tries: int = 6,
    limit: int | None = None,
    restart: bool = False,
    accept_failures: bool = False,
    show: Show = lambda *_: None,
    **options: Any,
) -> Evaluation:
    """Have every prompt answered bare and aligned: what does the aligner change, does it help, and what does it cost?

    `prompts` are data files as for `annotate`; of their fields these mean something: `reference` (else `solution`, else
    `answer`) is the right final answer (see `is_same_answer`), `kind` and `rubric` say what a judge grades each reply
    by (kinds with a rubric of their own are "harmful", "look-alike" and "ordinary"), and `benign` marks a prompt whose
    reply needs no correction. `aligner` and `options` are those of `StreamAlignedChat`.

    With a `judge`, a chat model, the two replies to each prompt are compared by each of the `criteria` in both orders,
    an answer that cannot be read being asked for `attempts` times; and each is graded where there is a rubric.
    `classifiers` score every reply. Times mean most with a `concurrency` of 1.

    Everything is kept in the folder `out`, and the same call goes on after any end of the process; other criteria,
    judges and classifiers use the replies that are there. `restart` discards them. There are `replies.jsonl`, a row a
    prompt, and `results.json`. A prompt that is too long for a model is left out. While prompts fail (a call is made
    `tries` times in all), `StreamAlignerError` is raised and another call tries those again, unless `accept_failures`.

    Raises `ConfigurationError` for what is wrong with the call, before a model is asked.
    """
    _check_packages()
    check_numbers(concurrency=concurrency, tries=tries, attempts=attempts, limit=1 if limit is None else limit)
    chosen = _checked_criteria(criteria)
    recipe = recipe_of(patient(upstream, tries), aligner, **{**options, "on_aligner_error": "keep"})
    asked = list(islice(prompts_of(entries(prompts)), limit))
    folder = _made_folder(Path(out))
    terms = {"work": "evaluate", "upstream": described(upstream), "aligner": _identity(recipe.aligner)}
    answering = Answering(recipe.llm, recipe.aligner, {**options, "on_aligner_error": "keep"}, tries)
    run = _Run(folder, show, concurrency=concurrency, restart=restart, accept_failures=accept_failures)
    found = run.stage("replies", asked, answering, {**terms, **loop_terms(recipe)})
    rows = {each.id: scored({**each.fields, **found[each.id]}) for each in asked if each.id in found}
    if judge is not None:
        asking = Judge(patient(judge, tries), attempts)
        told = {"work": "judge", "judge": described(judge)}
        for name in chosen:
            terms = {**told, "criterion": fingerprint(CRITERIA[name])[:12]}
            run.ask(f"judge-{name}", rows, f"judged.{name}", _comparing(asking, CRITERIA[name]), terms)
        if graded := {name: row for name, row in rows.items() if _rubric(row)}:
            rubrics = sorted({_rubric(row) or "" for row in graded.values()})
            terms = {**told, "rubrics": fingerprint("\n".join(rubrics))[:12]}
            run.ask("judge-rubric", graded, "graded", lambda row: asking.grade(_rubric(row) or "", row), terms)
    for each in classifiers:
        run.ask(f"score-{each.name}", rows, f"scores.{each.name}", each.ascore, {"work": "score", **each.terms})
    about = {
        **_named(upstream, recipe.aligner.name, judge),
        "concurrency": concurrency,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    results = results_of(list(rows.values()), about)
    _write(folder, list(rows.values()), results)
    return Evaluation(results, folder, run.judge_tokens, run.left_out)


class _Run:
    """The stages of one evaluation, each with a journal of its own in the folder."""

    def __init__(self, folder: Path, show: Show, *, concurrency: int, restart: bool, accept_failures: bool) -> None:
        self.folder = folder
        self.judge_tokens = Tokens()
        self.left_out: dict[str, str] = {}
        self._show = show
        self._restart = restart
        self._how: dict[str, Any] = {"concurrency": concurrency, "accept_failures": accept_failures}

    def stage(
        self, name: str, asked: Sequence[Prompt], answer: Callable[[Prompt], Awaitable[Any]], terms: dict[str, Any]
    ) -> dict[str, Mapping[str, Any]]:
        """Have a stage done, and return the row of each prompt by its id."""
        summary = Summary(prompts=len(asked))
        with open_journal(self.folder / f"{name}.journal", terms, restart=self._restart) as journal:
            carry_out(asked, answer, journal, summary, show=lambda: self._show(name, summary), **self._how)
            rows = {each.id: row for each in asked for row in journal.rows(each.id)}
        self.left_out |= {**summary.skipped, **summary.failed}
        if name != "replies":
            self.judge_tokens += summary.teacher
        if summary.failed and not self._how["accept_failures"]:
            place, why = next(iter(summary.failed.items()))
            raise StreamAlignerError(
                f"{len(summary.failed)} of {summary.prompts} prompts failed in the stage {name!r}, the first ({place}) "
                f"with: {why} The same command tries these again and nothing else; with --accept-failures "
                "(accept_failures=True) the figures leave them out."
            )
        return rows

    def ask(
        self,
        name: str,
        rows: dict[str, dict[str, Any]],
        place: str,
        ask: Callable[[Mapping[str, Any]], Awaitable[tuple[dict[str, Any], Tokens]]],
        terms: dict[str, Any],
    ) -> None:
        """Have something said of every row, and put it into the row at `place`: a field, or "field.name"."""
        prompts = [judged_prompt(row) for row in rows.values()]
        field, _, key = place.partition(".")
        said = self.stage(name, prompts, judging(ask, rows, of="classifier" if field == "scores" else "judge"), terms)
        for each, what in said.items():
            rows[each][field] = {**rows[each].get(field, {}), key: what["said"]} if key else what["said"]


def _comparing(judge: Judge, criterion: str) -> Callable[[Mapping[str, Any]], Awaitable[tuple[dict[str, Any], Tokens]]]:
    return lambda row: judge.compare(criterion, row)


def _identity(aligner: Aligner) -> Any:
    return json.loads(json.dumps(aligner.identity, default=str))


def _named(upstream: Any, aligner: str, judge: Any) -> dict[str, Any]:
    named = {"upstream": model_name_of(upstream), "aligner": aligner}
    return named if judge is None else {**named, "judge": model_name_of(judge)}


def _rubric(row: Mapping[str, Any]) -> str | None:
    given = row.get("rubric")
    return given if isinstance(given, str) and given.strip() else RUBRICS.get(str(row.get("kind")))


def _checked_criteria(criteria: Iterable[str]) -> list[str]:
    names = [criteria] if isinstance(criteria, str) else list(criteria)
    if unknown := [name for name in names if name not in CRITERIA]:
        raise ConfigurationError(f"There is no criterion {unknown[0]!r}. There are {', '.join(map(repr, CRITERIA))}.")
    return names


def _made_folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigurationError(
            f"{str(out)!r} cannot be made: {fault.strerror}. Name a folder of your own."
        ) from fault
    return out


def _write(folder: Path, rows: Sequence[Mapping[str, Any]], results: Results) -> None:
    with whole_file(folder / REPLIES, kept="All replies are kept in the journals beside it.") as file:
        file.writelines(map(as_line, rows))
    with whole_file(folder / RESULTS) as file:
        json.dump(results.as_dict(), file, indent=1, ensure_ascii=False)
        file.write("\n")


def _check_packages() -> None:
    for name in _PACKAGES:
        if find_spec(name) is None:
            raise ConfigurationError(
                f"An evaluation needs {name}, which is not installed: pip install 'stream-aligner-lc[evaluate]'."
            )
