"""An upstream and an aligner that play scenarios, any number at once, and note what is not as it should be."""

import asyncio
import time
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import PrivateAttr

from stream_aligner_lc import Aligner, Correction
from stream_aligner_lc.testing import ScriptedCall, ScriptedChatModel
from tests.soak.oracle import expected, units
from tests.soak.scripts import FAILS, TOOL, Fault

_SLOW = 0.001
_GARBAGE = ("half a \ufffd", 42, "##Your_Revision: again", "on and on. " * 400)
# A repetition of less than that cannot be told from a text that wants it.
_LEAST_ECHO = 40


class BusyError(Exception):
    """What a client makes of a 429."""

    status_code = 429

    def __init__(self):
        super().__init__("busy")
        self.response = type("Response", (), {"headers": {"Retry-After": "0"}, "status_code": 429})()


@dataclass
class Call(ScriptedCall):
    """One upstream call of a reply."""

    world: Any = None
    prefix: str = ""
    fault: Fault | None = None
    num_answered: int = 0
    """Answers of the aligner before this call."""
    failed: bool = False


class World:
    """One scenario while it is played."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.units = units(scenario)
        self.expected = expected(scenario)
        self.calls = []
        self.answered = []
        self.findings = []
        self.retries = self.restarts = 0
        self._by_draft = {unit.raw: n for n, unit in enumerate(self.units)}
        self._dead_from = min((n for n, each in scenario.faults.items() if each.kind == "dead"), default=None)

    def served(self, kind):
        """Return the calls in which a fault of this kind showed."""
        return [call for call in self.calls if call.failed and call.fault.kind == kind]

    def open(self, messages, stop, kwargs):
        """Take a call of the upstream, and see whether there is a reason for it."""
        last = messages[-1]
        prefix = last.text if isinstance(last, AIMessage) else ""
        number = len(self.calls) + 1
        is_dead = self._dead_from is not None and number >= self._dead_from
        fault = Fault("dead") if is_dead else self.scenario.faults.get(number)
        call = Call(
            list(messages), stop, kwargs, world=self, prefix=prefix, fault=fault, num_answered=len(self.answered)
        )
        self._check(call)
        self.calls.append(call)
        return call

    def _check(self, call):
        known = self.expected.texts
        if call.prefix and not self.expected.text.startswith(call.prefix):
            self.findings.append(
                f"call {len(self.calls) + 1} goes on from {call.prefix!r}, which is no start of the reply"
            )
        elif call.prefix and call.prefix not in known and not self._is_in_a_block(call.prefix):
            self.findings.append(f"call {len(self.calls) + 1} goes on from the middle of a sentence: {call.prefix!r}")
        if not self.calls:
            if call.prefix:
                self.findings.append(f"the first call has a prefix: {call.prefix!r}")
            return
        previous = self.calls[-1]
        index = self.answered[-1] if len(self.answered) > previous.num_answered else None
        if index is not None and self._restarts(index):
            self.restarts += 1
            if call.prefix != known[index]:
                self.findings.append(f"the restart after {known[index]!r} goes on from {call.prefix!r}")
        elif previous.failed and previous.fault.kind in ("drop", "busy", "dead"):
            self.retries += 1
        else:
            self.findings.append(f"call {len(self.calls) + 1} has no reason; it goes on from {call.prefix!r}")

    def _restarts(self, index):
        return self.units[index].answer == "replace" and self.scenario.options.get("feedback", True)

    def _is_in_a_block(self, prefix):
        n = sum(1 for text in self.expected.texts if len(text) <= len(prefix))
        return n < len(self.units) and self.units[n].is_passed

    def rest(self, prefix):
        """Return how an upstream goes on from `prefix`, which it reads as the script's own sentences."""
        left, after = prefix, ""
        for n, unit in enumerate(self.units):
            if not left:
                return after + "".join(each.raw + each.after for each in self.units[n:])
            begins = [
                text for text in sorted({unit.raw, unit.shown}, key=len, reverse=True) if text and left.startswith(text)
            ]
            if begins:
                left, after = left[len(begins[0]) :].lstrip(), unit.after
            elif unit.is_passed and unit.raw.startswith(left):
                rest = unit.raw[len(left) :] + unit.after
                return rest + "".join(each.raw + each.after for each in self.units[n + 1 :])
        if left:
            self.findings.append(f"the upstream is asked to go on from what nobody said: {left!r}")
        return after

    def answer(self, draft):
        """Return what the aligner says to a draft; an exception is to be raised."""
        index = self._by_draft.get(draft.text)
        if index is None:
            self.findings.append(f"the aligner is given {draft.text!r}, which is nothing that the script says at once")
            return Correction("")
        unit = self.units[index]
        before = self.expected.texts[index - 1] if index else ""
        if draft.prefix != before:
            self.findings.append(f"the draft {draft.text!r} comes with the prefix {draft.prefix!r}")
        self.answered.append(index)
        if index >= self.scenario.options.get("align_first", len(self.units)):
            self.findings.append(f"the aligner is given unit {index}, and align_first lets that run free")
        if unit.answer == "raise":
            return RuntimeError("the aligner's own")
        if unit.answer == "garbage":
            return _GARBAGE[index % len(_GARBAGE)]
        return Correction(unit.shown, end=unit.answer == "end")

    def delay(self, draft):
        """Return how long the aligner takes, in seconds."""
        index = self._by_draft.get(draft.text)
        return _SLOW if index is not None and self.units[index].answer == "slow" else 0


class Worlds(dict):
    """The scenarios that are played on one object, by their question."""

    def play(self, scenario):
        """Add one."""
        world = self[scenario.question] = World(scenario)
        return world


class Storyteller(ScriptedChatModel):
    """An upstream that plays every world that it is asked about."""

    _worlds: Worlds = PrivateAttr()

    def __init__(self, worlds):
        super().__init__("")
        self._worlds = worlds

    def _begin(self, messages, stop, kwargs):
        return self._worlds[messages[0].text].open(messages, stop, kwargs)

    def _chunks(self, call):
        kind = call.fault.kind if call.fault else None
        call.failed = kind in ("busy", "dead", "empty")
        if kind == "busy":
            raise BusyError
        if kind == "dead":
            raise ConnectionError("the upstream is gone")
        if kind == "empty":
            return
        if thought := call.world.scenario.thought:
            yield ChatGenerationChunk(message=AIMessageChunk("", additional_kwargs={"reasoning_content": thought}))
        for token in _cut(self._text(call), call.world.scenario.chunking):
            if kind == "drop" and len(call.sent) == call.fault.chunks:
                break
            call.sent.append(token)
            yield ChatGenerationChunk(message=AIMessageChunk(content=token))
        if kind == "drop":
            call.failed = True
            raise ConnectionError("the upstream broke off")
        if call.world.scenario.calls_tool:
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[tool_call_chunk(**TOOL)]))
        yield self._last(call, call.world.scenario.finish)

    def _text(self, call):
        rest = call.world.rest(call.prefix)
        says_it_again = (
            call.fault and call.fault.kind == "echo" and len(call.prefix) > _LEAST_ECHO and call.prefix.isascii()
        )
        return call.prefix + rest if says_it_again else rest


def _cut(text, sizes):
    place = 0
    for size in cycle(sizes):
        if place >= len(text):
            return
        yield text[place : place + size]
        place += size


class Corrector(Aligner):
    """An aligner that plays every world that it is asked about."""

    name = "corrector"

    def __init__(self, worlds):
        self._worlds = worlds

    @property
    def identity(self):
        return {"aligner": "corrector"}

    def invoke(self, input, config=None, **kwargs):
        world = self._worlds[input.question]
        time.sleep(world.delay(input))
        return _said(world.answer(input))

    async def ainvoke(self, input, config=None, **kwargs):
        world = self._worlds[input.question]
        await asyncio.sleep(world.delay(input))
        return _said(world.answer(input))


class JointCorrector(Corrector):
    """The same, for all drafts that wait."""

    def correct_many(self, drafts):
        answers = []
        for draft in drafts:
            world = self._worlds[draft.question]
            if answers and world.units[world._by_draft.get(draft.text, 0)].answer in FAILS:
                break
            answers.append(self.invoke(draft))
            if not isinstance(answers[-1], Correction) or answers[-1].text != draft.text:
                break
        return answers


def _said(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def aligner(worlds, form):
    """Return an aligner in one of the forms that users pass."""
    if form == "class":
        return Corrector(worlds)
    if form == "joint":
        return JointCorrector(worlds)
    corrector = Corrector(worlds)
    if form == "function":
        return corrector.invoke

    async def acorrect(draft):
        return await corrector.ainvoke(draft)

    return acorrect
