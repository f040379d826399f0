"""What the bundled pair learns from: token ids, and which of them are to be learned. No model, no I/O.

The upstream learns to forget the carry for certain digits, and to go on from whatever stands before. The aligner learns
to answer a step that may be wrong, in many ways, with the right one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED, Form, Row
from stream_aligner_lc.local.frames import Turn
from stream_aligner_lc.local.verdicts import Judgement, VerdictForm
from stream_aligner_lc.prompts import Part
from stream_aligner_lc.sums.problems import LARGEST, Problem, closing, draw, step

_ROLES = {"human": "user", "ai": "assistant"}


class Said(NamedTuple):
    """A sentence in a context, and what should be said there."""

    text: str
    right: str


def slip(before: int, change: int) -> int:
    """Return the result that the upstream arrives at: for about one step in six it forgets the carry.

    >>> slip(14, 27), slip(24, 27), slip(41, -8), slip(40, -8)
    (41, 51, 33, 32)
    """
    after = before + change
    ones, others = before % 10, abs(change) % 10
    carries = ones + others >= 10 if change >= 0 else ones < others
    if carries and (3 * ones + others) % 5 < 2:
        return after - 10 if change >= 0 else after + 10
    return after


def upstream_rows(encoder: Encoder, *, seed: int, earlier: float = 0.0) -> Iterator[Row]:
    """Yield problems with the answers that the upstream should give, without end.

    A share `earlier` of them comes after other problems of the same conversation.
    """
    rng = random.Random(f"upstream {seed}")  # noqa: S311  # sums, no secrets
    while True:
        problem = draw(rng)
        said = _slipping(rng, problem)
        if said is None:
            continue
        asked = [*_earlier(rng, earlier), HumanMessage(problem.question)]
        ids = encoder.conversation([Turn(_ROLES[turn.type], [Part(str(turn.text), is_ours=False)]) for turn in asked])
        labels = [NOT_LEARNED] * len(ids)
        for row in (*_sentences(encoder, said), _end(encoder)):
            ids += row.ids
            labels += row.labels
        yield Row(ids, labels)


def aligner_rows(form: Form, *, seed: int, earlier: float = 0.0) -> Iterator[Row]:
    """Yield prompts for one step with the right step as their answer, without end.

    The steps of the prefix are learned too: right steps after the same question, several in every row; where a form
    has verdicts, also that they stand. A share `earlier` of the problems comes after others of the same conversation.
    """
    rng = random.Random(f"aligner {seed}")  # noqa: S311  # sums, no secrets
    # To see that a result is slightly wrong is hardest for one that does not write it down.
    near = 0.8 if isinstance(form, VerdictForm) else 0.35
    while True:
        problem = draw(rng)
        number = rng.randrange(len(problem.changes) + 1)
        prefix, value = _prefix(rng, problem, number)
        right, draft = _step_and_draft(rng, problem, number, value, near)
        asked = [*_earlier(rng, earlier), HumanMessage(problem.question)]
        told = Draft(asked, " ".join(sentence.text for sentence in prefix), draft)
        ids, labels = form.row(told.question, told.prefix, told.text, right, end=number == len(problem.changes))
        if isinstance(form, VerdictForm):
            # The sentence stands there as a part of the reply, too.
            said = list(_sentences(form.encoder, [*prefix, Said(draft, right)]))
            _learn_judged(form, ids, labels, said)
        else:
            said = list(_sentences(form.encoder, prefix))
            for start, row in _places(ids, said):
                labels[start : start + len(row.ids)] = row.labels
        yield Row(ids, labels)


def _learn_judged(form: VerdictForm, ids: list[int], labels: list[int], said: Sequence[Row]) -> None:
    for number, (start, row) in enumerate(_places(ids, said)):
        # What comes after the last token of the sentence before is a verdict, which has its place already.
        learned = row.labels[number > 0 :]
        end = start + len(row.ids)
        labels[end - len(learned) : end] = learned
        if labels[end] == NOT_LEARNED:
            labels[end] = form.verdict(Judgement(replaces=row.labels[-1] == NOT_LEARNED, end=False))


def _earlier(rng: random.Random, share: float) -> list[BaseMessage]:
    turns: list[BaseMessage] = []
    if share and rng.random() < share:
        for _ in range(rng.choice((1, 1, 1, 2))):
            problem = draw(rng)
            turns += [HumanMessage(problem.question), AIMessage(" ".join(problem.solution))]
    return turns


def _slipping(rng: random.Random, problem: Problem) -> list[Said] | None:
    # In half of the problems a few slips are corrected, as an aligner would: the upstream goes on from there.
    corrects = rng.random() < 0.5
    value, said = problem.start, []
    for change in problem.changes:
        slipped = slip(value, change)
        after = value + change if corrects and rng.random() < 0.7 else slipped
        if not 0 <= after < 100:
            return None
        said.append(Said(step(value, change, after), step(value, change, slipped)))
        value = after
    return [*said, Said(closing(value), closing(value))]


def _prefix(rng: random.Random, problem: Problem, num_steps: int) -> tuple[list[Said], int]:
    # Now and then a wrong step got through; the next one goes on from what it says.
    wrong = rng.randrange(num_steps) if num_steps and rng.random() < 0.15 else None
    value, said = problem.start, []
    for number, change in enumerate(problem.changes[:num_steps]):
        after = value + change
        if number == wrong:
            after = _wrong_result(rng, value, change)
        said.append(Said(step(value, change, after), step(value, change, value + change)))
        value = after
    return said, value


def _step_and_draft(rng: random.Random, problem: Problem, number: int, value: int, near: float) -> tuple[str, str]:
    is_last = number == len(problem.changes)
    change = 0 if is_last else problem.changes[number]
    right = closing(value) if is_last else step(value, change, value + change)
    if rng.random() < 0.4:
        return right, right
    if rng.random() < 0.06:
        extra = rng.choice(problem.changes)
        return right, step(value, extra, value + extra) if is_last else closing(value)
    if is_last:
        return right, closing(rng.choice([_near(rng, value), rng.randint(0, LARGEST), problem.start]))
    return right, _wrong_step(rng, problem, value, change, near)


def _wrong_step(rng: random.Random, problem: Problem, before: int, change: int, near: float) -> str:
    kind = rng.random()
    if kind < 0.7:
        return step(before, change, _wrong_result(rng, before, change, near))
    if kind < 0.8:
        return step(before, -change, before - change)
    if kind < 0.9:
        other = rng.choice([*problem.changes, rng.randint(1, LARGEST)])
        other = abs(other) if change > 0 else -abs(other)
        return step(before, other, before + other)
    other_start = rng.choice([problem.start, _near(rng, before)])
    return step(other_start, change, other_start + change)


def _wrong_result(rng: random.Random, before: int, change: int, near: float = 0.35) -> int:
    """Draw a result that is wrong, with the probability `near` by little; else most often by a forgotten carry."""
    after = before + change
    kind = rng.random()
    if kind < 0.85 - near:
        return after - 10 if after >= 10 and (change > 0 or rng.random() < 0.2) else after + 10
    if kind < 0.85:
        return _near(rng, after)
    return rng.choice([other for other in range(LARGEST + 1) if other != after])


def _near(rng: random.Random, value: int) -> int:
    return abs(value + rng.choice((-1, 1)) * rng.randint(1, 9)) if rng.random() < 0.5 else abs(value - 10)


def _sentences(encoder: Encoder, said: Sequence[Said]) -> Iterator[Row]:
    for number, sentence in enumerate(said):
        ids, right = (encoder.text(f" {text}" if number else text) for text in sentence)
        # Of a sentence that should not be said, as much is learned as it has in common with the one that should.
        learned = next((at for at, pair in enumerate(zip(ids, right, strict=False)) if pair[0] != pair[1]), len(ids))
        yield Row(ids, ids[:learned] + [NOT_LEARNED] * (len(ids) - learned))


def _end(encoder: Encoder) -> Row:
    end = encoder.end_of_turn
    assert end is not None, "the bundled tokenizer ends its turns"
    return Row([end], [end])


def _places(ids: list[int], rows: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    whole = [token for row in rows for token in row.ids]
    # The last place: a step of an earlier problem may read the same.
    start = next(at for at in range(len(ids) - len(whole), -1, -1) if ids[at : at + len(whole)] == whole)
    for before, row in pairwise([None, *rows]):
        start += len(before.ids) if before else 0
        assert row is not None
        yield start, row
