"""Find the final answer in a reply. Plain Python, no I/O."""

from __future__ import annotations

import re

from stream_aligner_lc.evaluation.maths.words import from_last_number

# Where models put it, the most explicit way first; of several the last, because a reply may correct itself.
_MARKED = (
    re.compile(r"####\s*(?P<answer>.+)"),
    re.compile(
        r"\b(?:final\s+)?(?:answer|result|solution|option|choice)s?\b\s*(?:\W{0,3}\s*\bis\b|\bare\b|\W{0,3}:|=)\s*(?P<answer>.+)",
        re.IGNORECASE,
    ),
)
_NUMBER = r"[-+\u2212]?[$€£¥]?\s?\d(?:[.,'_\u00a0\u2009\u202f]?\d)*(?: \d{3}(?!\d))*(?:[eE][-+]?\d+)?"
_FRACTION = rf"{_NUMBER}(?:\s\d+\s?[/\u2044]\s?\d+|\s?[/\u2044]\s?\d+)?"
_QUANTITY = re.compile(rf"(?P<answer>(?:{_FRACTION})\s?(?:%|percent|per cent|°?[A-Za-z²³/^0-9]*)?|[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
_MATHS = re.compile(r"\$\$(.+?)\$\$|\$([^$]+?[\\^_=][^$]*?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_NONE = re.compile(
    r"\b(?:no (?:real |valid )?(?:solution|answer)|do(?:es)? not exist|doesn't exist|undefined|"
    r"(?:can ?not|can't|could not|couldn't|not able to|unable to) "
    r"(?:be )?(?:answer|determine|work|tell|say|find|solve|calculate|compute|give)\w*|"
    r"(?:do not|don't) know|not enough information|not sure)",
    re.IGNORECASE,
)


def final_answer(reply: str) -> str | None:
    r"""Return the final answer of a reply as it is written there, None if it gives none.

    That is what stands in the last `\boxed{...}`, else after the last "####" or "the answer is", else the last
    formula or quantity, unless the reply says that it has no answer.

    >>> final_answer("First \\boxed{7}, then \\boxed{x+1}."), final_answer("2 + 3 = 5 km."), final_answer("Hm.")
    ('x+1', '5 km', None)
    """
    boxed = _last_boxed(reply)
    if boxed is not None:
        return boxed.strip() or None
    for pattern in _MARKED:
        # One mark after the other in one line: only the last counts.
        if marked := list(_marks(pattern, reply)):
            return _trimmed(marked[-1])
    return None if says_none(reply) else _last_quantity(reply)


def says_none(text: str) -> bool:
    """Say whether a text states that there is no answer, or that it does not give one."""
    return _NONE.search(text) is not None


def _marks(pattern: re.Pattern[str], reply: str) -> list[str]:
    found: list[str] = []
    start = 0
    while match := pattern.search(reply, start):
        found.append(match["answer"])
        start = match.start("answer")
    return found


def _last_boxed(reply: str) -> str | None:
    start = max(reply.rfind(r"\boxed{"), reply.rfind(r"\fbox{"))
    if start < 0:
        return None
    start = reply.index("{", start) + 1
    depth = 1
    for place in range(start, len(reply)):
        depth += {"{": 1, "}": -1}.get(reply[place], 0)
        if depth == 0:
            return reply[start:place]
    # Cut off inside the box.
    return reply[start:]


def _trimmed(text: str) -> str | None:
    text = text.strip().strip("*_` ").strip()
    if formula := _MATHS.match(text):
        return next(part for part in formula.groups() if part is not None).strip()
    quantity = _QUANTITY.match(text)
    if quantity is not None:
        return _bare(quantity["answer"])
    # A sentence of words, up to its end.
    return _bare(re.split(r"(?<=[^\d\W])[.;!?](?:\s|$)|\n", text)[0]) or None


def _last_quantity(reply: str) -> str | None:
    formulas = list(_MATHS.finditer(reply))
    behind = formulas[-1].end() if formulas else 0
    if quantities := [found["answer"] for found in _QUANTITY.finditer(reply, behind)]:
        return _bare(quantities[-1])
    if formulas:
        formula = next(part for part in formulas[-1].groups() if part is not None)
        return formula.rpartition("=")[2].strip() or None
    words = from_last_number(reply)
    return None if words is None else _bare(words)


def _bare(text: str) -> str:
    return text.strip().rstrip(".,;:!?'*_` ")
