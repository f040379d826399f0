"""An upstream and an aligner that play scenarios, any number at once, and note what is not as it should be."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import PrivateAttr

from stream_aligner_lc import Aligner, Correction
from stream_aligner_lc.testing import ScriptedCall, ScriptedChatModel
from tests.soak.cutting import cut_off
from tests.soak.oracle import expected, units
from tests.soak.scripts import FAILS, RETRIED, TOOLS, Fault

_SLOW = 0.001
_GARBAGE = ("half a \ufffd", 42, "##Your_Revision: again", "on and on. " * 400)
# A repetition of less than that cannot be told from a text that wants it.
_LEAST_ECHO = 40
# Nobody waits as long as that; a test that went wrong ends all the same.
_FOR_EVER = 60.0


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
    cut_at: int | None = None
    """Where in the script `max_tokens` cut it off."""
    has_called: bool = False
    """Whether it began to call a tool."""
    stalls: bool = False
    is_left: threading.Event = field(default_factory=threading.Event)


class World:
    """One scenario while it is played."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.units = units(scenario)
        self.expected = expected(scenario)
        self.calls = []
        self.answered = []
        self.cancelled = []
        self.findings = []
        self.retries = self.restarts = 0
        self.is_over = threading.Event()
        """Set when nobody waits for the aligner any more."""
        self._by_draft = {unit.raw: n for n, unit in enumerate(self.units)}
        self._dead_from = min((n for n, each in scenario.faults.items() if each.kind == "dead"), default=None)

    @property
    def meant(self):
        """What the reply has to come to, as far as its upstream was allowed to speak."""
        place = self._cut_at
        return self.expected if place is None else expected(cut_off(self.scenario, place))

    @property
    def _cut_at(self):
        return self.calls[-1].cut_at if self.calls else None

    @property
    def cuts_a_block(self):
        """Whether `max_tokens` ended the reply in a unit that is shown without a verdict."""
        return self._cut_at is not None and units(cut_off(self.scenario, self._cut_at))[-1].is_passed

    def stalls(self, number):
        """Say whether the upstream call of this number, from 0, says nothing any more."""
        return number < len(self.calls) and self.calls[number].stalls

    def unit_of(self, draft):
        """Return the unit that a draft is; a draft may be the beginning of one."""
        index = self._index_of(draft)
        return self.units[0] if index is None else self._unit(index)

    def _index_of(self, draft):
        index = self._by_draft.get(draft.text)
        if index is None and self._cut_at is not None:
            judged = units(cut_off(self.scenario, self._cut_at))
            return len(judged) - 1 if judged[-1].raw == draft.text else None
        return index

    def _unit(self, index):
        place = self._cut_at
        return self.units[index] if place is None else units(cut_off(self.scenario, place))[index]

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
        for left in self.calls:
            left.is_left.set()
        self.calls.append(call)
        return call

    def _check(self, call):
        known = self.expected.texts
        self._check_terms(call)
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
        if index is not None and self.replaces(index):
            self.restarts += 1
            if call.prefix != known[index]:
                self.findings.append(f"the restart after {known[index]!r} goes on from {call.prefix!r}")
        elif previous.failed and previous.fault.kind in (*RETRIED, "dead"):
            self.retries += 1
        else:
            self.findings.append(f"call {len(self.calls) + 1} has no reason; it goes on from {call.prefix!r}")

    def _check_terms(self, call):
        """See that the tools are bound, and that what is left of `max_tokens` was counted by chunks."""
        number, most = len(self.calls) + 1, self.scenario.options.get("max_tokens")
        if self.scenario.calls_tool and not call.kwargs.get("tools"):
            self.findings.append(f"call {number} has no tools")
        if most is None:
            return
        left = call.kwargs.get("max_tokens")
        if left is None or not 1 <= left <= most or not self.is_counted(call.prefix, most - left):
            self.findings.append(f"max_tokens: call {number} has {left} of {most} after {call.prefix!r}")

    def is_counted(self, text, tokens):
        """Say whether a released text may pass for so many tokens."""
        (size,) = self.scenario.chunking
        # Where a chunk ends in the next sentence, and a line of a block, a token more or less is counted.
        known = sum(1 for each in self.expected.texts if len(each) <= len(text))
        return abs(tokens - len(text) / size) <= 2 * known + text.count("\n") + 1 if text else tokens == 0

    def replaces(self, index):
        """Say whether the upstream is to go on from what the aligner made of a unit."""
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
        index = self._index_of(draft)
        if index is None:
            self.findings.append(f"the aligner is given {draft.text!r}, which is nothing that the script says at once")
            return Correction("")
        unit = self._unit(index)
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

    def wait(self, draft):
        """Take the aligner's time over a draft."""
        if (answer := self.unit_of(draft).answer) == "stall":
            self.is_over.wait(_FOR_EVER)
        time.sleep(_SLOW if answer == "slow" else 0)

    async def await_(self, draft):
        """Do what `wait` does, asynchronously; in a sync reply nobody cancels it."""
        answer, until = self.unit_of(draft).answer, time.monotonic() + _FOR_EVER
        while answer == "stall" and not self.is_over.is_set() and time.monotonic() < until:
            await asyncio.sleep(_SLOW)
        await asyncio.sleep(_SLOW if answer == "slow" else 0)


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

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for chunk in super()._stream(messages, stop, run_manager, **kwargs):
            if chunk.generation_info:
                chunk.generation_info["stalled"].is_left.wait(_FOR_EVER)
                return
            yield chunk

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
            if chunk.generation_info:
                await asyncio.sleep(_FOR_EVER)
            yield chunk

    def _chunks(self, call):
        kind = call.fault.kind if call.fault else None
        call.failed = kind in ("busy", "dead", "empty", "anew")
        if kind == "busy":
            raise BusyError
        if kind == "dead":
            raise ConnectionError("the upstream is gone")
        if kind == "empty":
            return
        scenario, limit, text = call.world.scenario, call.kwargs.get("max_tokens"), self._text(call)
        if scenario.thought:
            yield _chunk(additional_kwargs={"reasoning_content": scenario.thought})
        for token in _cut(text, scenario.chunking):
            if kind in ("drop", "stall") and len(call.sent) == call.fault.chunks:
                break
            if len(call.sent) == limit:
                call.cut_at = len(scenario.text) - len(text) + sum(map(len, call.sent))
                if not scenario.overruns:
                    break
            call.sent.append(token)
            yield _chunk(token)
        if kind == "stall":
            call.failed = call.stalls = True
            # No chunk: the sign, for both colours, to say nothing any more.
            yield ChatGenerationChunk(message=AIMessageChunk(""), generation_info={"stalled": call})
        if kind == "drop":
            call.failed = True
            raise ConnectionError("the upstream broke off")
        if scenario.calls_tool and call.cut_at is None:
            call.has_called = True
            yield from _tool_calls()
        yield self._last(call, scenario.finish if call.cut_at is None else "length")

    def _text(self, call):
        rest = call.world.rest(call.prefix)
        if call.fault and call.fault.kind == "anew":
            return call.world.scenario.text
        says_it_again = (
            call.fault and call.fault.kind == "echo" and len(call.prefix) > _LEAST_ECHO and call.prefix.isascii()
        )
        return call.prefix + rest if says_it_again else rest


def _chunk(text="", **fields):
    return ChatGenerationChunk(message=AIMessageChunk(text, **fields))


def _tool_calls():
    for index, call in enumerate(TOOLS):
        args = json.dumps(call["args"])
        begun = tool_call_chunk(name=call["name"], args=args[:5], id=call["id"], index=index)
        yield _chunk(tool_call_chunks=[begun])
        yield _chunk(tool_call_chunks=[tool_call_chunk(args=args[5:], index=index)])


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
        answer = world.answer(input)
        world.wait(input)
        return _said(answer)

    async def ainvoke(self, input, config=None, **kwargs):
        world = self._worlds[input.question]
        answer = world.answer(input)
        await world.await_(input)
        return _said(answer)

    def cancel(self, draft):
        self._worlds[draft.question].cancelled.append(draft.text)


class JointCorrector(Corrector):
    """The same, for all drafts that wait."""

    def correct_many(self, drafts):
        answers = []
        for draft in drafts:
            world = self._worlds[draft.question]
            if answers and world.unit_of(draft).answer in FAILS:
                break
            answers.append(self.invoke(draft))
            if not isinstance(answers[-1], Correction) or answers[-1].text != draft.text:
                break
        return answers


def _said(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def upstream(worlds):
    """Return the upstream of these worlds, with a tool that may be called."""
    return Storyteller(worlds).bind_tools([{"title": "look_up", "description": "Look it up.", "type": "object"}])


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
