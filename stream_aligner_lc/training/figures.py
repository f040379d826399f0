"""What an aligner does with sentences that it has not seen, counted: repaired, left alone, broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from langchain_core.messages import HumanMessage

from stream_aligner_lc.aligners.base import Aligner
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.training.samples import Sample


@dataclass(frozen=True)
class Figures:
    """Shares of the sentences that should change, and of those that stand; 0 where there are none."""

    to_change: int
    repaired: float
    """Of those to change: exactly the wanted correction came out."""
    changed: float
    """Of those to change: anything else than the sentence came out."""
    standing: int
    left_alone: float
    """Of those that stand: an exact copy came out."""
    broken: float
    """Of those that stand: anything else came out."""
    failed: int
    """Answers without an end or without a verdict."""

    def as_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def of(cls, outcomes: Iterable[tuple[Sample, str | None]]) -> Figures:
        """Count answers; None is one that failed."""
        counted: Counter[str] = Counter()
        for sample, said in outcomes:
            counted.update(_kinds(sample, said))
        to_change, standing = counted["to change"], counted["standing"]
        left_alone = counted["left alone"] / max(1, standing)
        return cls(
            to_change=to_change,
            repaired=counted["repaired"] / max(1, to_change),
            changed=counted["changed"] / max(1, to_change),
            standing=standing,
            left_alone=left_alone,
            broken=1 - left_alone if standing else 0.0,
            failed=counted["failed"],
        )


def figures_of(aligner: Aligner, samples: Sequence[Sample]) -> Figures:
    """Have an aligner correct the samples, as in serving, and count what it does."""
    return Figures.of((sample, _answer(aligner, sample)) for sample in samples)


def chosen(samples: Sequence[Sample], num_samples: int) -> list[Sample]:
    """Return samples to count on, half of them to change where there are so many; the same ones every time."""
    changing = [sample for sample in samples if sample.last != sample.correction]
    standing = [sample for sample in samples if sample.last == sample.correction]
    half = num_samples // 2
    num_changing = min(len(changing), max(half, num_samples - len(standing)))
    return [*_spread(changing, num_changing), *_spread(standing, min(len(standing), num_samples - num_changing))]


def _spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    return [samples[number * len(samples) // count] for number in range(count)]


def _answer(aligner: Aligner, sample: Sample) -> str | None:
    draft = Draft([HumanMessage(sample.question)], sample.prefix, sample.last)
    try:
        return Correction.of(aligner.invoke(draft)).text.strip()
    except AlignerError:
        return None


def _kinds(sample: Sample, said: str | None) -> list[str]:
    if sample.last == sample.correction:
        kinds = ["standing", *(["left alone"] if said == sample.last else [])]
    else:
        kinds = ["to change", *(["repaired"] if said == sample.correction else [])]
        kinds += ["changed"] if said not in (sample.last, None) else []
    return [*kinds, "failed"] if said is None else kinds
