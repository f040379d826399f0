"""What rows become of one object of a public data set. No I/O, no model.

`stream-aligner`, of the paper's own data: one sentence an object, with `question`, `prefix`, `last` and `correction`.
Its makers stripped the sentences, joined them by one blank each, and put a blank before the first. Only what the loop
never has is changed: whitespace around `last` and `correction`, and behind `prefix`, so that one of whitespace alone
is empty. The blanks inside a prefix and before it stay. Whether the answer ended with a sentence was not kept, and
that no longer prefix follows proves nothing, since answers were cut off after a number of rounds: `end` is false
unless an object says otherwise.

`aligner`, of Aligner's data: `question`, `answer` and `correction`, the last two whole. They are aligned sentence by
sentence (`pairs`), so that `prefix` is the corrected text before the sentence, which is what an aligner sees while
the answer is written. Whitespace around either text is no part of it. What the loop passes through (code, tables)
makes no row but stands in the prefixes as it was corrected. `end` is true where `prefix` and `correction` make up the
whole corrected text: on the last row, on those before it from where on all the rest was removed, and on none if a
block that is passed through comes last, since to end before it would cut it off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

from stream_aligner_lc.answers import unusable
from stream_aligner_lc.conversion.beads import TooLongError
from stream_aligner_lc.conversion.pairs import Pair, aligned
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.fingerprints import fingerprint
from stream_aligner_lc.rows.entry import Entry, Fault, RowError, Seen, text_of

Format = Literal["auto", "stream-aligner", "aligner"]
Granularity = Literal["sentence", "response"]
FORMATS: tuple[Format, ...] = get_args(Format)
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)

Row = dict[str, Any]
_ID_LENGTH = 16  # of 64 hexadecimal digits; a million objects meet with a chance of 1 in 30 million


class Sentence(NamedTuple):
    """What an aligner sees of an answer, and what it shall say."""

    prefix: str
    last: str
    correction: str
    end: bool


class Converted(NamedTuple):
    """The rows of one object, the shapes of the beads that they come from, and how many were left out."""

    rows: list[Row]
    shapes: Counter[str]
    num_unusable: int
    """Rows with a correction so long that the loop would refuse it as one that runs on."""


class Converter:
    """Makes rows of objects, one after the other.

    With `granularity` "response" a whole answer is one row, for an aligner that corrects whole answers. Raises
    `ConfigurationError` for an unknown option.
    """

    def __init__(self, *, format: Format = "auto", granularity: Granularity = "sentence") -> None:
        _one_of("format", format, FORMATS)
        _one_of("granularity", granularity, GRANULARITIES)
        self._format = format
        self._granularity = granularity
        self._seen = Seen()

    def rows(self, entry: Entry) -> Converted:
        """Return the object's rows.

        Raises `RowError` that names the place and the field if the object cannot be used, and `ConfigurationError` if
        objects of its format cannot become what is asked for.
        """
        if self._format_of(entry) == "stream-aligner":
            if self._granularity == "response":
                raise ConfigurationError(
                    f"{entry.place} holds one sentence, of which no whole answer can be made. Leave out granularity "
                    "'response', or give whole answers: question, answer, correction."
                )
            return _usable([_sentence_row(entry)])
        return self._answer_rows(entry)

    def _format_of(self, entry: Entry) -> Format:
        if self._format != "auto":
            return self._format
        if "last" in entry.fields:
            return "stream-aligner"
        if "answer" in entry.fields:
            return "aligner"
        there = ", ".join(map(repr, entry.fields)) or "none"
        why = f"is of no known format: it has neither 'last' nor 'answer'; the fields are {there}."
        raise RowError(Fault(entry.place, "", why))

    def _answer_rows(self, entry: Entry) -> Converted:
        question, answer, correction = (text_of(entry, name) for name in ("question", "answer", "correction"))
        own_id = _id_of(entry, answer)
        if "id" in entry.fields:
            self._seen.add(own_id, entry.place)
        if self._granularity == "response":
            whole = Sentence("", answer.strip(), correction.strip(), end=True)
            return _usable([_row(question, whole, id=own_id, index=0, source=entry.place)])
        try:
            pairs, shapes = aligned(answer, correction)
        except TooLongError as error:
            raise RowError(Fault(entry.place, "answer", str(error))) from error
        rows = [
            _row(question, sentence, id=own_id, index=index, source=entry.place)
            for index, sentence in enumerate(_online(pairs))
            if pairs[index].is_judged
        ]
        return _usable(rows, shapes)


def _online(pairs: Sequence[Pair]) -> Iterator[Sentence]:
    """Yield for each pair what an aligner sees and answers when the answer has come so far."""
    whole = "".join(pair.space + pair.correction for pair in pairs)
    text = ""
    for pair in pairs:
        prefix, text = text, text + pair.space + pair.correction
        yield Sentence(prefix, pair.last, pair.correction, end=text == whole)


def _sentence_row(entry: Entry) -> Row:
    # The first sentence of a reply has no prefix, which may be said by null.
    prefix = "" if entry.fields.get("prefix", "") is None else text_of(entry, "prefix", may_be_empty=True)
    last, correction = text_of(entry, "last").strip(), text_of(entry, "correction", may_be_empty=True).strip()
    sentence = Sentence(prefix.rstrip(), last, correction, end=entry.fields.get("end") is True)
    index = entry.fields.get("index")
    numbered = {"index": index} if isinstance(index, int) else {}
    return _row(text_of(entry, "question"), sentence, id=_id_of(entry, last), **numbered, source=entry.place)


def _row(question: str, sentence: Sentence, **provenance: Any) -> Row:
    verdict = "replaced" if sentence.correction else "removed"
    if sentence.correction == sentence.last:
        verdict = "accepted"
    return {"question": question, **sentence._asdict(), "verdict": verdict, **provenance}


def _usable(rows: Sequence[Row], shapes: Counter[str] | None = None) -> Converted:
    kept = [row for row in rows if _why_unusable(row) is None]
    return Converted(kept, shapes or Counter(), len(rows) - len(kept))


def _why_unusable(row: Row) -> str | None:
    return unusable(row["last"], row["correction"], question=row["question"], prefix=row["prefix"])


def _id_of(entry: Entry, text: str) -> str:
    own_id = entry.fields.get("id")
    if isinstance(own_id, str | int):
        return str(own_id)
    return fingerprint(f"{entry.place}\n{text}")[:_ID_LENGTH]


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigurationError(f"`{name}` must be one of {', '.join(map(repr, allowed))}, got {value!r}.")
