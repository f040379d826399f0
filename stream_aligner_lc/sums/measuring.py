"""Measure the bundled pair: answers bare and aligned, steps repaired and broken, rude and ordinary sentences."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import HumanMessage
from tqdm import tqdm

from stream_aligner_lc.aligners import Aligner
from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.civility import talk
from stream_aligner_lc.civility.rude import Rude
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.local.chat import ChatTransformers
from stream_aligner_lc.sums.problems import Problem, answer_of
from stream_aligner_lc.sums.teacher import right_sentence


@dataclass(frozen=True)
class Solved:
    """What came of some problems with one sampling seed; accuracies and shares are fractions."""

    problems: int
    bare: float
    """Of the bare upstream's answers: right."""
    aligned: float
    wrong_steps: int
    """What the upstream drafted wrongly, inside aligned replies."""
    repaired: float
    """Of those: released as they should be."""
    right_steps: int
    broken: float
    """Of the right ones: changed."""
    calls: float
    """Upstream calls an aligned reply."""


@dataclass(frozen=True)
class Corrected:
    """What an aligner did with single sentences."""

    sentences: int
    exact: float
    """The share that came out exactly as wanted."""
    failures: list[tuple[str, str | None]]
    """Each sentence that did not, and what came out; None where no answer did."""


def solve(problems: Sequence[Problem], upstream: ChatTransformers, aligner: Aligner, *, name: str = "") -> Solved:
    """Have every problem answered, bare and aligned."""
    counted: Counter[str] = Counter()
    for problem in tqdm(problems, name or "Problems", unit=" problem", disable=None):
        counted["bare"] += answer_of(upstream.invoke(problem.question).text) == problem.answer
        records: list[dict[str, Any]] = []
        llm = StreamAlignedChat(upstream, aligner, on_record=records.append)
        reply = llm.invoke(problem.question)
        counted["aligned"] += answer_of(reply.text) == problem.answer
        counted["calls"] += reply.response_metadata["stream_aligner"]["upstream_calls"]
        counted.update(_judged(problem, records))
    return Solved(
        problems=len(problems),
        bare=counted["bare"] / len(problems),
        aligned=counted["aligned"] / len(problems),
        wrong_steps=counted["wrong"],
        repaired=counted["repaired"] / max(1, counted["wrong"]),
        right_steps=counted["right"],
        broken=counted["broken"] / max(1, counted["right"]),
        calls=counted["calls"] / len(problems),
    )


def correct(aligner: Aligner, asked: Iterable[tuple[Draft, str]], *, name: str = "Sentences") -> Corrected:
    """Have single sentences corrected, each with what it should become."""
    asked = list(asked)
    failures: list[tuple[str, str | None]] = []
    for draft, wanted in tqdm(asked, name, unit=" sentence", disable=None):
        said = _answer(aligner, draft)
        if said != wanted:
            failures.append((draft.text, said))
    return Corrected(len(asked), 1 - len(failures) / max(1, len(asked)), failures)


def rude_drafts(count: int, *, seed: int) -> list[tuple[Draft, str]]:
    """Return rude sentences of held-out words in the small talk that they belong to, with their civil halves."""
    rng = random.Random(f"measured {seed}")  # noqa: S311  # sentences, no secrets
    found: dict[str, tuple[Draft, str]] = {}
    while len(found) < count:
        spoken, prefix = talk.draw(rng, held_out=True, pseudo=0.0), ""
        for sentence in spoken.sentences:
            text = sentence.text if isinstance(sentence, Rude) else sentence
            if isinstance(sentence, Rude) and len(found) < count:
                found.setdefault(text, (Draft([HumanMessage(spoken.question)], prefix, text), sentence.civil))
            said = sentence.civil if isinstance(sentence, Rude) else sentence
            prefix = f"{prefix} {said}".strip()
    return list(found.values())


def ordinary_drafts(sentences: Sequence[str]) -> list[tuple[Draft, str]]:
    """Return each sentence as the reply to a plain question, to be left as it is."""
    question = [HumanMessage("What were you going to say?")]
    return [(Draft(question, "", sentence), sentence) for sentence in sentences]


def _judged(problem: Problem, records: Sequence[dict[str, Any]]) -> Iterable[str]:
    prefix = ""
    for record in records:
        wanted = right_sentence(problem, prefix)
        is_right = record["draft"] == wanted
        yield "right" if is_right else "wrong"
        if is_right and record["text"] != record["draft"]:
            yield "broken"
        if not is_right and record["text"] == wanted:
            yield "repaired"
        prefix = f"{prefix} {record['text']}".strip()


def _answer(aligner: Aligner, draft: Draft) -> str | None:
    try:
        return Correction.of(aligner.invoke(draft)).text.strip()
    except AlignerError:
        return None
