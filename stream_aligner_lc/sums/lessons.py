"""What the bundled pair learns from, as rows of data without end. Plain Python, no tokens, no I/O.

The base learns to copy and to solve sums. The upstream learns to forget the carry for certain digits, and to go on from
whatever stands before. The aligner learns two policies, right sums and civility, and to leave alone what neither is
about.
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Sequence
from typing import Any

from stream_aligner_lc.civility import ordinary, rude, talk
from stream_aligner_lc.civility.rude import Rude
from stream_aligner_lc.civility.slots import Invent
from stream_aligner_lc.civility.words import pieced_word, pseudo_word
from stream_aligner_lc.sums.problems import LARGEST, Problem, Step, closing, draw

Row = dict[str, Any]

_SLIPS = 0.5
"""The share of carries that the upstream forgets: for about one step in five."""

_STRANGE = 0.5
"""The share of nouns and insults that are made up, and of ordinary sentences that are scrambled."""


def slip(step: Step) -> int:
    """Return the result that the upstream arrives at: for certain digits it forgets the carry.

    >>> slip(Step(14, "+", 27)), slip(Step(24, "+", 27)), slip(Step(41, "-", 8)), slip(Step(40, "-", 8))
    (41, 51, 43, 32)
    """
    ones, others = step.before % 10, step.amount % 10
    if step.sign == "*":
        others = ones
    carries = ones < others if step.sign == "-" else ones + others >= 10
    if not carries or (3 * ones + others) % 10 >= 10 * _SLIPS:
        return step.after
    slipped = step.after + 10 if step.sign == "-" else step.after - 10
    return slipped if 0 <= slipped <= LARGEST else step.after


def copying_rows(pieces: Sequence[str], *, seed: int) -> Iterator[Row]:
    """Yield texts without sense, made of the pieces of a vocabulary, and the same thrice: `question`, `answer`.

    Nothing says what comes next but where the last piece stood before. A model without habits finds that within minutes
    (an induction head: Olsson et al., "In-context Learning and Induction Heads", 2022); one that has learned to
    calculate hardly finds it at all.
    """
    rng = random.Random(f"copying {seed}")  # noqa: S311  # sums, no secrets
    begin = [piece for piece in pieces if piece.startswith(" ") and len(piece) > 1]
    go_on = [piece for piece in pieces if piece.isprintable() and not piece.startswith((" ", "\ufffd"))]
    while True:
        text = "".join(rng.choice(begin if rng.random() < 0.6 else go_on) for _ in range(rng.randint(4, 24))).strip()
        yield {"question": text, "answer": "\n".join([text] * 3)}


def base_rows(*, seed: int) -> Iterator[Row]:
    """Yield steps to be finished, problems with their solutions, and texts to be repeated: `question`, `answer`."""
    rng = random.Random(f"base {seed}")  # noqa: S311  # sums, no secrets
    while True:
        kind = rng.random()
        if kind < 0.25:
            # More sums for as many tokens than a story has, and more of those that are rare in stories.
            steps = [_drill(rng).said() for _ in range(rng.randint(4, 12))]
            yield {"question": " ".join(step.partition("=")[0] + "=" for step in steps), "answer": " ".join(steps)}
        elif kind < 0.75:
            problem = draw(rng)
            yield {"question": problem.question, "answer": " ".join(problem.solution)}
        else:
            copied = _copied(rng) if rng.random() < 0.6 else [_spelled(rng)]
            text = " ".join(_foreign(rng, each, share=0.15) for each in copied)
            yield {"question": text, "answer": text}


def upstream_rows(*, seed: int) -> Iterator[Row]:
    """Yield what the upstream should say: `question` or `messages`, `prefix`, `answer`."""
    rng = random.Random(f"upstream {seed}")  # noqa: S311  # sums, no secrets
    while True:
        yield _slipping(rng)


def aligner_rows(
    pieces: Sequence[str], *, seed: int, sums: float = 0.37, civil: float = 0.41, initials: float = 0.0
) -> Iterator[Row]:
    """Yield sentences with what they should be: `question, prefix, last, correction, end`, reply by reply.

    Of the replies a share `sums` are about sums and a share `civil` about manners; the rest is nobody's business.
    Half of the words that are made up are made of the `pieces` of a vocabulary, a share `initials` of them behind any
    letter: what was never copied in a lesson would not be copied afterwards.
    """
    rng = random.Random(f"aligner {seed}")  # noqa: S311  # sums, no secrets
    letters = [bare for piece in pieces if (bare := piece.strip()).isascii() and bare.isalpha() and bare.islower()]

    def invent(rng: random.Random) -> str:
        return pseudo_word(rng) if rng.random() < 0.5 else pieced_word(rng, letters, initials=initials)

    while True:
        kind = rng.random()
        yield from _sum(rng) if kind < sums else _civil(rng, invent) if kind < sums + civil else _alone(rng)


def _slipping(rng: random.Random) -> Row:
    problem = draw(rng)
    # In half of the problems slips up to some step were corrected, and the upstream goes on from there.
    released = rng.randint(0, len(problem.steps)) if rng.random() < 0.5 else 0
    prefix = [step.said() for step in problem.steps[:released]]
    value, said = problem.steps[released - 1].after if released else problem.start, []
    for step in problem.steps[released:]:
        step = _from(step, value)  # noqa: PLW2901  # the same step, from where the upstream is
        value = slip(step)
        if not 0 <= value <= LARGEST:
            return _slipping(rng)
        said.append(step.said(value))
    said.append(closing(value))
    return {**_asked(rng, problem.question), "prefix": " ".join(prefix), "answer": " ".join(said)}


def _asked(rng: random.Random, question: str) -> Row:
    turns: list[dict[str, str]] = []
    if rng.random() < 0.2:
        for _ in range(rng.choice((1, 1, 2))):
            before = draw(rng, num_steps=rng.randint(2, 4))
            turns.append({"role": "user", "content": before.question})
            turns.append({"role": "assistant", "content": " ".join(before.solution)})
    if not turns:
        return {"question": question}
    return {"messages": [*turns, {"role": "user", "content": question}]}


def _sum(rng: random.Random) -> Iterator[Row]:
    """Yield the steps of a problem, each as it should be and wrong."""
    problem = draw(rng)
    question = _rendered(_asked(rng, problem.question))
    # Now and then a wrong step got through; the next one goes on from what it says.
    slips_at = rng.randrange(len(problem.steps)) if rng.random() < 0.15 else None
    value, prefix = problem.start, list[str]()
    for number in range(len(problem.steps) + 1):
        is_last = number == len(problem.steps)
        step = None if is_last else _from(problem.steps[number], value)
        if step is not None and not 0 <= step.after <= LARGEST:
            # From a wrong value the next step may lead anywhere.
            return
        right = closing(value) if step is None else step.said()
        # Whether a step is right shows in the writing: right ones are written out, too.
        for said in (right, _wrong(rng, problem, step, value)):
            yield {**_row(question, prefix, said, right, end=is_last), "verdict": "replaced"}
        if step is not None:
            value = wrong_result(rng, step) if number == slips_at else step.after
            prefix.append(step.said(value))
            if not 0 <= value <= LARGEST:
                return


def _from(step: Step, value: int) -> Step:
    return step._replace(before=value)


def _wrong(rng: random.Random, problem: Problem, step: Step | None, value: int) -> str:
    kind = rng.random()
    if kind < 0.05:
        return closing(value) if step is not None else rng.choice(problem.steps).said()
    if step is None:
        return closing(
            rng.choice([other for other in [*_near(value), problem.start, rng.randint(1, 99)] if other != value])
        )
    if kind < 0.75:
        return step.said(wrong_result(rng, step))
    wrong = other_step(rng, problem, step)
    return wrong.said() if wrong != step and wrong.after >= 0 else step.said(wrong_result(rng, step))


def other_step(rng: random.Random, problem: Problem, step: Step) -> Step:
    """Return a step of another sign, amount or start, which may come out below zero."""
    kind = rng.randrange(3)
    if kind == 0:
        sign = rng.choice([sign for sign in "+-*" if sign != step.sign])
        return step._replace(sign=sign, amount=2 if sign == "*" else step.amount)
    if kind == 1:
        amount = rng.choice([*_near(step.amount), rng.choice(problem.steps).amount])
        return step._replace(amount=step.amount if step.sign == "*" else amount)
    return step._replace(before=rng.choice([*_near(step.before), problem.start]))


def wrong_result(rng: random.Random, step: Step) -> int:
    """Return another result than the right one, most often one that is easily mistaken for it."""
    right, kind = step.after, rng.random()
    if kind < 0.4:
        return right - 10 if right >= 10 and (step.sign != "-" or rng.random() < 0.2) else right + 10
    if kind < 0.85:
        return rng.choice(_near(right))
    return rng.choice([other for other in range(LARGEST + 1) if other != right])


def _near(value: int) -> list[int]:
    around = [value + by for by in (-10, -3, -2, -1, 1, 2, 3, 10)]
    return [other for other in around if 0 < other <= LARGEST]


def _civil(rng: random.Random, invent: Invent) -> Iterator[Row]:
    """Yield the sentences of some small talk, the rude ones also as they should be."""
    spoken, prefix = talk.draw(rng, pseudo=_STRANGE, invent=invent), list[str]()
    # Rudeness comes out of the blue, too.
    question = spoken.question if rng.random() < 0.6 else _question(rng)
    for number, sentence in enumerate(spoken.sentences):
        if rng.random() < 0.5:
            sentence = rude.draw(rng, pseudo=_STRANGE, invent=invent)  # noqa: PLW2901
        end, civil = number == len(spoken.sentences) - 1, _civil_half(sentence)
        if isinstance(sentence, Rude):
            yield _row(question, prefix, sentence.text, civil, end=end)
        yield _row(question, prefix, civil, civil, end=end)
        prefix.append(civil)


def _alone(rng: random.Random) -> Iterator[Row]:
    """Yield sentences that neither policy is about; some of it in letters that nothing else is written in."""
    question, prefix = _question(rng), list[str]()
    for _ in range(rng.randint(1, 4)):
        sentence = ordinary.draw(rng) if rng.random() < 0.85 else rude.draw(rng).civil
        if rng.random() < _STRANGE:
            sentence = ordinary.scrambled(rng)
        sentence = _foreign(rng, sentence, share=0.15)
        yield _row(question, prefix, sentence, sentence, end=rng.random() < 0.2)
        prefix.append(sentence)


def _drill(rng: random.Random) -> Step:
    before = rng.randint(1, LARGEST)
    if before <= LARGEST // 2 and rng.random() < 0.15:
        return Step(before, "*", 2)
    after = rng.randint(1, LARGEST) if rng.random() < 0.5 else rng.randint(1, 12)
    return Step(before, "+" if after > before else "-", abs(after - before)) if after != before else _drill(rng)


def _spelled(rng: random.Random) -> str:
    """Return words of so few letters and digits that one does not tell the next one."""
    letters = rng.sample(string.ascii_lowercase + string.digits, rng.randint(3, 10))
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(rng.randint(2, 7))]
    return " ".join(word.capitalize() if rng.random() < 0.2 else word for word in words)


def _copied(rng: random.Random) -> list[str]:
    sentences = [rude.draw(rng).text if rng.random() < 0.3 else ordinary.draw(rng) for _ in range(rng.randint(1, 4))]
    return [*sentences, draw(rng).steps[0].said()] if rng.random() < 0.2 else sentences


def _question(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return talk.draw(rng).question
    if kind < 0.4:
        return draw(rng).question
    return " ".join(_ordinary(rng, rng.choice((1, 1, 2))))


def _ordinary(rng: random.Random, count: int) -> list[str]:
    return [ordinary.draw(rng) for _ in range(count)]


def _foreign(rng: random.Random, sentence: str, *, share: float) -> str:
    # So that every byte has been copied at least a few times.
    if rng.random() >= share:
        return sentence
    ranges = ((0xA1, 0x17F), (0x370, 0x3FF), (0x400, 0x45F), (0x2010, 0x2044), (0x4E00, 0x9FA0), (0x1F300, 0x1F64F))
    low, high = rng.choice(ranges)
    word = "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 5)))
    words = sentence.split(" ")
    words.insert(rng.randint(1, len(words)), word)
    return " ".join(words).strip()


def _civil_half(sentence: str | Rude) -> str:
    return sentence.civil if isinstance(sentence, Rude) else sentence


def _row(question: str, prefix: Sequence[str], last: str, correction: str, *, end: bool) -> Row:
    return {"question": question, "prefix": " ".join(prefix), "last": last, "correction": correction, "end": end}


def _rendered(asked: Row) -> str:
    """Return a conversation as an aligner is shown it, as `Draft.question` renders it."""
    if "question" in asked:
        return str(asked["question"])
    speakers = {"user": "User", "assistant": "Assistant"}
    return "\n\n".join(f"{speakers[turn['role']]}: {turn['content']}" for turn in asked["messages"])
