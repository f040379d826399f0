"""What a training reads: samples, split by question, with a count of what could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tqdm import tqdm

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.reading import Fault
from stream_aligner_lc.training import samples as reading
from stream_aligner_lc.training.card import DataReport
from stream_aligner_lc.training.samples import Reply, Sample
from stream_aligner_lc.training.settings import Settings

_FIRST = 5


@dataclass
class Faults:
    """What could not be used: how many, and the first ones."""

    count: int = 0
    first: list[Fault] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __call__(self, fault: Fault) -> None:
        """Count one."""
        self.count += 1
        self.places.add(fault.place)
        if len(self.first) < _FIRST:
            self.first.append(fault)


@dataclass(frozen=True)
class Corpus:
    """What is trained on, and what is held out."""

    trained: list[Sample | Reply]
    held_out: list[Sample | Reply]

    @property
    def digest(self) -> str:
        """What tells this data from other data."""
        digest = sha256()
        for part in (self.trained, self.held_out):
            digest.update(b"\0")
            for each in part:
                # Not where it stands: a file may be renamed.
                digest.update(repr(each._replace(place="")).encode())
        return digest.hexdigest()

    def report(self, settings: Settings, faults: Faults) -> DataReport:
        """Return what the model card says of it."""
        trained = [each for each in self.trained if each.place not in faults.places]
        return DataReport(
            files=[(_name(file), _digest_of(Path(file).expanduser())) for file in settings.rows],
            held_out_file=None if settings.held_out is None else _name(settings.held_out),
            trained=len(trained),
            held_out=sum(each.place not in faults.places for each in self.held_out),
            changed=sum(isinstance(each, Sample) and each.last != each.correction for each in trained),
            skipped=faults.count,
        )


def read_corpus(settings: Settings, faults: Faults, *, shows: bool = True) -> Corpus:
    """Read the data files; raises `ConfigurationError` if they hold nothing to train on."""
    read = list(_samples(settings, settings.rows, faults, shows=shows))
    if settings.held_out is None:
        trained, held_out = reading.split(read, settings.held_out_share, seed=settings.seed)
    else:
        held_out = list(_samples(settings, [settings.held_out], faults, shows=shows))
        kept = {each.question for each in held_out}
        trained = [each for each in read if each.question not in kept]
    if not trained:
        raise nothing_left(settings, faults, len(held_out))
    return Corpus(trained, held_out)


def nothing_left(settings: Settings, faults: Faults, num_held_out: int) -> ConfigurationError:
    """Return the error that says why there is nothing to train on."""
    first = f" The first fault: {faults.first[0]}" if faults.first else ""
    return ConfigurationError(
        f"There is nothing to train on in {', '.join(settings.rows)}: {faults.count} rows cannot be used and "
        f"{num_held_out} are held out.{first}"
    )


def _samples(settings: Settings, sources: Iterable[str], faults: Faults, *, shows: bool) -> Iterator[Sample | Reply]:
    of = reading.sample if settings.is_aligner else reading.reply
    read = reading.read(list(sources), of, on_fault=faults)
    for each in tqdm(read, "Reading", unit=" rows", disable=None if shows else True):
        if settings.granularity == "response" and isinstance(each, Sample) and each.prefix:
            why = "must be empty: a whole answer has nothing before it. Convert the data with granularity 'response'."
            faults(Fault(each.place, "prefix", why))
            continue
        yield each


def _name(file: str) -> str:
    return Path(file).expanduser().resolve().name


def _digest_of(path: Path) -> str:
    if not path.is_file():
        return "a folder"
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
