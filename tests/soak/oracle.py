"""What a scenario has to come to, computed from its script alone: no part of the library is asked."""

from dataclasses import dataclass, field
from functools import cached_property

from tests.soak.scripts import FAILS, Scenario, Sentence

_PASSED = ("code", "table")
_REMOVED_IN_A_ROW = 8


@dataclass(frozen=True)
class Unit:
    """What the aligner judges at once: a sentence, a paragraph, or all of a reply."""

    raw: str
    after: str
    answer: str
    shown: str
    is_passed: bool = False
    """Shown as it arrives, without a verdict."""


def units(scenario: Scenario) -> list[Unit]:
    """Return what is judged at once."""
    granularity = scenario.options.get("granularity", "sentence")
    groups: list[list[Sentence]] = []
    for sentence in scenario.sentences:
        alone = (
            granularity == "sentence" or (granularity == "paragraph" and "\n\n" in groups[-1][-1].after)
            if groups
            else True
        )
        if alone:
            groups.append([sentence])
        else:
            groups[-1].append(sentence)
    return [_unit(group, granularity) for group in groups]


def _unit(group, granularity):
    is_passed = granularity != "response" and group[0].kind in _PASSED
    answers = [each.answer for each in group]
    raw = "".join(each.raw + each.after for each in group)
    after = group[-1].after
    shown = "".join(each.shown + each.after for each in group).strip()
    answer = next((each for each in answers if each in FAILS), None)
    if answer is None and shown:
        changed = "replace" if {"replace", "remove"} & set(answers) else "accept"
        answer = "end" if "end" in answers else "slow" if set(answers) <= {"slow", "accept"} > {"accept"} else changed
    return Unit(raw.removesuffix(after) if after else raw, after, answer or "remove", shown, is_passed)


@dataclass
class Expected:
    """The released text after each unit, and how the reply ends if nobody leaves and the upstream lives."""

    texts: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    text: str = ""
    finish: str = ""
    fails: bool = False
    is_late: bool = False
    """Whether the aligner fails because it takes too long."""
    is_whole: bool = False
    """Whether it ends where the upstream does."""
    restarts: int = 0

    @cached_property
    def is_unmarked(self):
        """Whether nothing raw may be seen: an aligner that failed may leave a draft to be kept."""
        from tests.leaks.probes import MARKS

        return not any(mark in self.text for mark in MARKS)


def expected(scenario: Scenario) -> Expected:
    """Tell the reply."""
    options, found = scenario.options, Expected(finish=scenario.finish)
    text = held = ""
    removed = faults = 0
    judged = units(scenario)
    stops = [options["stop"]] if isinstance(options.get("stop"), str) else options.get("stop", [])
    for n, unit in enumerate(judged):
        if n == options.get("max_sentences"):
            found.finish = "length"
            break
        fails, shown = unit.answer in FAILS, unit.shown
        most = options.get("max_aligner_faults")
        is_open = most is not None and faults >= most
        if not unit.is_passed:
            if is_open or fails:
                shown = unit.raw
            faults = faults if is_open else faults + 1 if fails else 0
        if fails and not is_open and options.get("on_aligner_error", "raise") != "keep":
            found.fails = options.get("on_aligner_error", "raise") == "raise"
            found.is_late = unit.answer == "stall"
            if not found.fails:
                # What is not shown counts as removed.
                found.texts.append(text)
                found.verdicts.append("removed")
            found.finish = "aligner_error"
            break
        if shown:
            text, held = text + held + shown, unit.after
        else:
            held = held if not text or held.count("\n") >= unit.after.count("\n") else unit.after
        ends = [place for stop in stops if (place := text.find(stop)) >= 0]
        text = text[: min(ends)].rstrip() if ends else text
        found.texts.append(text)
        found.text = text
        found.verdicts.append(
            _verdict(unit, shown, is_free=n >= options.get("align_first", len(judged)), fails=is_open or fails)
        )
        if ends:
            found.finish = "stop"
            break
        removed = 0 if shown else removed + 1
        if unit.is_passed:
            continue
        answer = "accept" if is_open else unit.answer
        if answer == "end":
            found.finish = "stop"
            break
        if removed == _REMOVED_IN_A_ROW:
            found.finish = "removed"
            break
        is_last = n == len(judged) - 1
        if answer == "replace" and options.get("feedback", True) and _asks_again(scenario, is_last=is_last):
            if found.restarts == options.get("max_restarts", 64):
                found.finish = "max_restarts"
                break
            found.restarts += 1
    else:
        found.is_whole = True
        found.text += held if not removed else ""
    return found


def _verdict(unit, shown, *, is_free, fails):
    if unit.is_passed or is_free:
        return "skipped"
    if fails:
        return "kept"
    return "accepted" if shown == unit.raw else "replaced" if shown else "removed"


def _asks_again(scenario, *, is_last):
    is_whole = scenario.options.get("granularity") == "response"
    return not is_last or not (is_whole or scenario.finish == "length")
