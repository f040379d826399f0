"""Read quantities as exact numbers with their units. Plain Python, no I/O."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

_MOST_DIGITS = 1000
"""Longer ones are no quantities, and cost time."""
_SPACES = "\u00a0\u2009\u202f"
_GROUPED = re.compile(r"(?<=\d)[ '_\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_VULGAR = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
_NUMBER = re.compile(
    r"(?:(?P<sign>-)|\+)?(?:(?P<whole>\d+) )?(?P<number>\d+(?:\.\d+)?|\.\d+)(?:e(?P<power>[-+]?\d+))?"
    r"(?: ?/ ?(?P<below>\d+(?:\.\d+)?))?"
)
# What is measured, how much of its base unit one is, and the names.
_TABLE = """
length 1 m meter meters metre metres
length 1000 km kilometer kilometers kilometre kilometres
length 1/100 cm centimeter centimeters centimetre centimetres
length 1/1000 mm millimeter millimeters millimetre millimetres
length 254/10000 in inch inches
length 3048/10000 ft foot feet
length 9144/10000 yd yard yards
length 1609344/1000 mi mile miles
mass 1 g gram grams
mass 1000 kg kilogram kilograms kilo kilos
mass 1/1000 mg milligram milligrams
mass 1000000 t ton tons tonne tonnes
time 1 s sec secs second seconds
time 60 min mins minute minutes
time 3600 h hr hrs hour hours
time 86400 d day days
time 604800 week weeks
volume 1 l liter liters litre litres
volume 1/1000 ml milliliter milliliters millilitre millilitres
area 1 m2
area 1000000 km2
area 1/10000 cm2
area 1/1000000 mm2
space 1 m3
space 1/1000000 cm3
dollars 1 $ dollar dollars usd
dollars 1/100 ¢ cent cents
euros 1 € euro euros eur
share 1/100 % percent
"""
_UNITS = {
    name: (kind, Fraction(factor))
    for kind, factor, *names in map(str.split, _TABLE.strip().splitlines())
    for name in names
}


class Quantity(NamedTuple):
    """An exact number and what it is a number of."""

    number: Fraction
    places: int | None
    """How many decimal places it was written with; None for a fraction, which is exact."""
    unit: str

    @property
    def kind(self) -> str | None:
        """What the unit measures, None if it is none that can be converted."""
        return _UNITS[self.unit][0] if self.unit in _UNITS else None

    @property
    def value(self) -> Fraction:
        """The number in the base unit of its kind."""
        return self.number * (_UNITS[self.unit][1] if self.unit in _UNITS else 1)


def quantity_of(text: str) -> Quantity | None:
    """Read one quantity, None if the text is anything else.

    >>> quantity_of("$1,234.50").number, quantity_of("1 1/2 km").value, quantity_of("twelve") is None
    (Fraction(2469, 2), Fraction(1500, 1), True)
    """
    text = _plain(text)
    before = re.match(r"([-+]?)\s*([$€])\s*", text)
    unit = before[2] if before else ""
    rest = f"{before[1]}{text[before.end() :]}" if before else text
    found = _NUMBER.match(rest)
    if found is None or found.end() > _MOST_DIGITS:
        return None
    named = rest[found.end() :].strip().rstrip(".")
    # A unit is one or two words; anything longer, or an operator, is no quantity.
    if not re.fullmatch(r"(?:[%¢$€°]|[^\W\d_]+[23]?(?:/[^\W\d_]+)?)?(?: [^\W\d_]+){0,3}", named):
        return None
    number = _number(found)
    return None if number is None else Quantity(*number, unit or _unit(named))


def _number(found: re.Match[str]) -> tuple[Fraction, int | None] | None:
    number = Fraction(found["number"]) * Fraction(10) ** max(min(int(found["power"] or 0), 300), -300)
    sign = -1 if found["sign"] else 1
    if found["below"] is None:
        # Two numbers beside each other are none.
        return None if found["whole"] else (sign * number, len(found["number"].partition(".")[2]))
    below = Fraction(found["below"])
    return (sign * (int(found["whole"] or 0) + number / below), None) if below else None


def _unit(named: str) -> str:
    first = named.partition(" ")[0]
    return first if first in _UNITS else first.lower() if first.lower() in _UNITS else named.lower()


def _plain(text: str) -> str:
    for sign, written in _VULGAR.items():
        text = re.sub(rf"(?<=\d)\s?{sign}", f" {written}", text).replace(sign, written)
    text = text.strip().translate({0x2212: "-", 0x2044: "/", 0xB2: "2", 0xB3: "3"})
    text = _GROUPED.sub("", text).translate(dict.fromkeys(map(ord, _SPACES), " "))
    text = re.sub(r"(?<=[a-z])\^\{?([23])\}?", r"\1", text)
    return re.sub(r"\d[\d.,]*\d", lambda found: _decimal(found[0]), text)


def _decimal(digits: str) -> str:
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
        return digits.replace(",", "")
    if re.fullmatch(r"\d{1,3}(\.\d{3}){2,}|\d{1,3}(\.\d{3})+,\d+", digits):
        return digits.replace(".", "").replace(",", ".")
    # One comma that cannot separate thousands is a decimal sign.
    return digits.replace(",", ".") if re.fullmatch(r"\d+,\d{1,2}|\d+,\d{4,}", digits) else digits
