"""Compare a reply's final answer with the right one: quantities exactly, all else by math-verify."""

from __future__ import annotations

import re
import threading
from fractions import Fraction

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.evaluation.maths.answers import final_answer, says_none
from stream_aligner_lc.evaluation.maths.quantities import Quantity, quantity_of
from stream_aligner_lc.evaluation.maths.words import number_in_words

_SECONDS = 5
"""What math-verify may take for one formula; it can stop itself in a process's main thread only."""
_LATEX = re.compile(r"\\(?:left|right|,|;|!|displaystyle)(?![a-zA-Z])|\\(?:text|mathrm|textbf)\s*\{\s*\}")
_IN_FRACTION = re.compile(r"(-?)\s*(\d+)?\s*\\[dt]?frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))")
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mbox)\s*\{([^{}]*)\}")
_CHOICE = re.compile(r"\(?([A-H])\)?")


def is_same_answer(reference: str, reply: str) -> bool:
    """Say whether the final answer of `reply` is `reference`, which may be an answer alone or end with one.

    Numbers are the same in any notation: fractions, decimals, percentages, thousands separators, words. A unit counts
    where both have one. What is written with more decimal places than the reference has (two or more) is rounded.
    Formulas, sets and intervals are compared by math-verify (the extra `evaluate`). A reply that gives no answer is
    right only where there is none.
    """
    right = _reference(reference)
    said = final_answer(reply)
    if says_none(right):
        return (said is None and says_none(reply)) or (said is not None and says_none(said))
    if said is None:
        return False
    return _is_same(_simple(right), _simple(said))


def _reference(text: str) -> str:
    return (final_answer(text) or text) if any(mark in text for mark in (r"\boxed", "####")) else text


def _is_same(right: str, said: str) -> bool:
    if right.casefold() == said.casefold():
        return True
    if (choice := _CHOICE.fullmatch(right)) and (other := _CHOICE.match(said)):
        return choice[1] == other[1]
    wanted, given = _quantity(right), _quantity(said)
    if wanted is not None and given is not None:
        return _is_same_quantity(wanted, given)
    return _is_same_formula(right, said)


def _quantity(text: str) -> Quantity | None:
    found = quantity_of(text)
    if found is not None:
        return found
    number = number_in_words(text)
    return None if number is None else Quantity(Fraction(number), 0, "")


def _is_same_quantity(wanted: Quantity, given: Quantity) -> bool:
    if wanted.kind is not None and wanted.kind == given.kind:
        return _is_close(wanted.value, given.value, wanted, given)
    if "share" in (wanted.kind, given.kind) and None in (wanted.kind, given.kind):
        # "25 %" for 0.25, and for 25 "percent" that the question had named.
        return _is_close(wanted.value, given.value, wanted, given) or wanted.number == given.number
    if wanted.kind is not None and given.kind is not None:
        return False
    return _is_close(wanted.number, given.number, wanted, given)


def _is_close(wanted: Fraction, given: Fraction, right: Quantity, said: Quantity) -> bool:
    if wanted == given:
        return True
    is_finer = said.places is None or (right.places is not None and said.places > right.places)
    if right.places is None or right.places < 2 or not is_finer or right.unit != said.unit:
        return False
    return abs(wanted - given) <= Fraction(1, 2 * 10**right.places)


def _simple(text: str) -> str:
    """Return LaTeX that holds a plain quantity as that."""
    text = text.strip()
    if text.startswith("$") and text.endswith("$"):
        text = text.strip("$").strip()
    text = _LATEX.sub("", text)
    text = _TEXT.sub(r" \1 ", text).replace(r"\%", "%").replace(r"\$", "$").replace(r"^\circ", "°")
    text = text.replace(r"\(", "").replace(r"\)", "")
    text = _IN_FRACTION.sub(_fraction, text)
    return re.sub(r"\s+", " ", text).strip().rstrip(".")


def _fraction(found: re.Match[str]) -> str:
    sign, whole, above, digit, below, other = found.groups()
    return f"{sign}{whole + ' ' if whole else ''}{above or digit}/{below or other}"


def _is_same_formula(right: str, said: str) -> bool:
    try:
        from math_verify import parse, verify  # noqa: PLC0415  # an extra
    except ImportError as fault:
        raise ConfigurationError(
            f"To compare {right!r} with {said!r} takes the package math-verify: "
            "pip install 'stream-aligner-lc[evaluate]'."
        ) from fault
    seconds = _SECONDS if threading.current_thread() is threading.main_thread() else None
    wanted, given = (parse(f"${text}$", parsing_timeout=seconds) for text in (right, said))
    return bool(verify(wanted, given, timeout_seconds=seconds))
