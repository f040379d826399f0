"""Play a scenario, and compare what came of it with what its script says: `run(scenario)` returns what is wrong."""

import asyncio
import threading
import time
from collections import Counter
from contextlib import aclosing, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from langchain_core.messages import AIMessageChunk, HumanMessage
from tenacity import wait_none

from stream_aligner_lc import AlignerError, AlignerTimeout, StreamAlignedChat, UpstreamError, build_graph, retries
from tests.leaks.probes import AsyncListener, Listener, raw_in
from tests.soak.doubles import BusyError, Worlds, aligner, upstream
from tests.soak.scripts import SHORT, TOOLS
from tests.soak.stalling import limits_of

# Whatever takes longer hangs: a scenario takes a few hundredths of a second.
PATIENCE = 120.0
_GOING = 10.0
_OURS = ("upstream", "aligner")
# What another call of the upstream may bring again, or in parts.
_AGAIN = {"removed", "skipped"}


@dataclass
class Reading:
    """What a reader got."""

    items: list[Any] = field(default_factory=list)
    text: str = ""
    error: BaseException | None = None
    is_left: bool = False
    noted: list[Any] = field(default_factory=list)

    def take(self, message):
        self.items.append(message)
        self.text += message.text


@contextmanager
def no_waiting():
    """Make failed calls again at once: how long a reply waits for that is tested elsewhere."""
    with patch.multiple(retries, _BACK_OFF=wait_none(), _JITTER=wait_none()):
        yield


def run(scenario):
    """Play a scenario in a thread of its own, and return what is wrong with it, in words."""
    found = []
    thread = threading.Thread(target=lambda: found.append(_run(scenario)), name="scenario", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():
        return [f"hang: nothing came of it in {PATIENCE:.0f} seconds"]
    return found[0] if found else ["harness: the scenario could not be played; its error stands above"]


def shown(scenario, findings):
    """Return findings as a person wants to read them: with the seed that brings them back."""
    return "\n".join([f"seed {scenario.seed} ({scenario.kind}):", *(f"  {each}" for each in findings), f"  {scenario}"])


def _run(scenario):
    before = set(threading.enumerate())
    worlds = Worlds()
    world = worlds.play(scenario)
    options = {**scenario.options, "continuation": "prefill"}
    make = build_graph if scenario.place == "graph" else StreamAlignedChat
    model = make(upstream(worlds), aligner(worlds, scenario.aligner), **options)
    with limits_of(world):
        if scenario.colour == "sync":
            reading, findings = _read(model, scenario), []
            world.is_over.set()
        else:
            complaints = []
            reading, findings = asyncio.run(_aread_and_look(model, world, complaints))
            findings += [f"complaint: {each}" for each in complaints]
    return findings + _remains(before, [world]) + findings_of(world, reading)


def findings_of(world, reading):
    """Compare what a reader got with what the script says."""
    findings = [*world.findings]
    stalled = [world.units[n].raw for n in world.answered if world.units[n].answer == "stall"]
    if world.scenario.aligner in ("class", "joint") and stalled and stalled != world.cancelled:
        findings.append(f"cancel: {world.cancelled} were cancelled where the aligner stalled on {stalled}")
    if world.expected.is_unmarked and (
        raw := raw_in([reading.items, _without_errors(reading.noted), str(reading.error)])
    ):
        findings.append(f"leak: {raw[:3]}")
    if not world.meant.text.startswith(reading.text):
        findings.append(f"gap or repetition: {reading.text!r} is read where {world.meant.text!r} is meant")
    elif reading.is_left:
        pass
    elif reading.error is not None:
        findings += _findings_of_error(world, reading)
    else:
        findings += _findings_of_end(world, reading)
    return findings


def _without_errors(noted):
    # An `AlignerError` names the draft that it is about in a field of its own, and not in its words.
    errors = [str(each) for _, given, _ in noted for each in given if isinstance(each, BaseException)]
    rest = [
        (name, [each for each in given if not isinstance(each, BaseException)], named) for name, given, named in noted
    ]
    return [*errors, *rest]


def _findings_of_error(world, reading):
    error, fails = reading.error, world.meant.fails
    released = getattr(error, "released", None)
    if world.scenario.place == "invoke" and released and world.meant.text.startswith(released):
        reading.text = released  # who does not stream finds it in the error alone
    if isinstance(error, AlignerError) and fails:
        last = world.meant.text
        if isinstance(error, AlignerTimeout) is not world.meant.is_late:
            return [f"error: {error!r}, and late is {world.meant.is_late}"]
        return (
            []
            if reading.text == released == last
            else [f"{reading.text!r}, {released!r} are released, {last!r} is meant"]
        )
    if isinstance(error, UpstreamError) and "`continuation`" in str(error) and world.served("anew"):
        return [] if released == reading.text else [f"{released!r} is said to be released, {reading.text!r} was"]
    if isinstance(error, UpstreamError) and world.served("dead"):
        return [] if released == reading.text else [f"{released!r} is said to be released, {reading.text!r} was"]
    if isinstance(error, UpstreamError) and (empty := world.served("empty")) and not empty[-1].prefix:
        # What ends a reply that has begun is a fault where nothing was said yet.
        return [] if not reading.text else [f"{reading.text!r} was released, and the upstream was asked without it"]
    first = world.calls[0] if world.calls else None
    if first is not None and first.failed and len(world.calls) == 1 and not reading.text:
        meant = {"busy": BusyError, "dead": ConnectionError, "empty": ValueError}.get(first.fault.kind)
        if meant and isinstance(error, meant):
            return []
    return [f"error: {error!r}"]


def _findings_of_end(world, reading):
    metadata, options = reading.items[-1].response_metadata, world.scenario.options
    finish = metadata.get("finish_reason")
    findings = _findings_of_totals(world, reading)
    if finish == "timeout" and options.get("reply_timeout") == SHORT:
        return findings  # that it is a beginning was seen already
    is_early = _ends_early(world, reading, finish)
    findings += _findings_of_the_rest(world, reading, is_early=is_early)
    meant, calls = world.meant, world.calls
    if world.served("dead"):
        findings.append("the upstream is gone, and nobody says so")
    is_empty = bool(world.served("empty"))
    text = calls[-1].prefix if is_empty else reading.text if is_early else meant.text
    if reading.text != text:
        findings.append(f"gap: {reading.text!r} is read where {text!r} is meant")
    if meant.fails and not (is_empty or is_early):
        findings.append("the aligner failed, and nobody says so")
    if len(calls) != 1 + world.restarts + world.retries:
        findings.append(f"{len(calls)} calls, {world.restarts} restarts, {world.retries} retries")
    if world.restarts != meant.restarts and not (is_empty or is_early or calls[-1].cut_at is not None):
        findings.append(f"{world.restarts} restarts where {meant.restarts} are meant")
    if metadata["stream_aligner"]["upstream_calls"] != len(calls):
        findings.append(f"{len(calls)} calls are counted as {metadata['stream_aligner']['upstream_calls']}")
    if not (is_empty or is_early) and finish != meant.finish:
        findings.append(f"it ends with {finish!r} where {meant.finish!r} is meant")
    return findings


def _ends_early(world, reading, finish):
    """Say whether a reply may end with the replaced sentence that was its last, where a restart was meant.

    Either the call of a tool had arrived behind it, or it left no tokens over.
    """
    judged = [n for n in world.answered if world.expected.texts[n : n + 1] == [reading.text]]
    if not judged or not world.replaces(judged[-1]):
        return False
    if world.calls[-1].has_called:
        return finish == world.scenario.finish
    most = world.scenario.options.get("max_tokens")
    return most is not None and finish == "length" and world.is_counted(reading.text, most)


def _findings_of_totals(world, reading):
    """Say what is wrong with the end itself: there is one, and its verdicts are those of what was released."""
    ends = [n for n, each in enumerate(reading.items, 1) if "stream_aligner" in each.response_metadata]
    if ends != [len(reading.items)]:
        return [f"end: it stands at {ends} of {len(reading.items)}"]
    told = reading.items[-1].response_metadata["stream_aligner"]["sentences"]
    meant, calls = world.meant, world.calls
    longest = max((len(each) for each in meant.texts if reading.text.startswith(each)), default=0)
    # Where nothing of a sentence is shown, the text does not tell whether it was judged.
    counts = [Counter(meant.verdicts[: n + 1]) for n, each in enumerate(meant.texts) if len(each) == longest]
    if not longest:
        counts.append(Counter())
    if world.cuts_a_block:
        # Its beginning does not show what it is.
        counts += [count - Counter(["skipped"]) + Counter(["accepted"]) for count in counts]
    seen = set(told) - _AGAIN if len(calls) > 1 else {*told, *_AGAIN}
    if not any(all(told.get(name, 0) == count[name] for name in seen | (set(count) - _AGAIN)) for count in counts):
        return [f"verdicts: {told} are told where {counts} are meant"]
    return []


def _findings_of_the_rest(world, reading, *, is_early):
    """Say what is wrong with what is no text: thoughts, and calls of tools."""
    findings, scenario, is_empty = [], world.scenario, bool(world.served("empty"))
    thoughts = [each.additional_kwargs.get("reasoning_content", "") for each in reading.items]
    is_told = bool(scenario.thought) and scenario.options.get("reasoning") != "drop"
    if ("".join(thoughts) == "") is is_told and not is_empty:
        findings.append(f"thoughts: {thoughts!r} are read where {scenario.thought!r} was thought")
    said = _tool_calls(reading.items)
    has_called = bool(world.calls) and world.calls[-1].has_called
    is_due = has_called and (world.meant.is_whole or is_early or reading.text != world.meant.text)
    if said != list(TOOLS) * is_due:
        findings.append(f"tools: the calls {said!r} are read")
    return findings


def _tool_calls(items):
    chunks = [item for item in items if isinstance(item, AIMessageChunk) and item.tool_call_chunks]
    whole = [sum(chunks[1:], chunks[0])] if chunks else [each for each in items if not isinstance(each, AIMessageChunk)]
    return [call for each in whole for call in each.tool_calls]


def _remains(before, worlds):
    """Return what is still there of replies that are over."""
    until = time.monotonic() + _GOING
    while (remains := _open(before, worlds)) and time.monotonic() < until:
        time.sleep(0.002)
    return remains


def _open(before, worlds):
    threads = [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith(_OURS)]
    calls = [call for world in worlds for call in world.calls if not call.is_closed]
    return [f"remains: the thread {name!r}" for name in threads] + ["remains: an open upstream" for _ in calls]


def _source(model, scenario, listener, *, sync):
    if scenario.place == "graph":
        stream = model.stream if sync else model.astream
        return stream({"messages": [HumanMessage(scenario.question)]}, stream_mode="messages")
    stream = model.stream if sync else model.astream
    return stream(scenario.question, {"callbacks": [listener]} if scenario.is_heard else None)


def _message(item, scenario):
    return item[0] if scenario.place == "graph" else item


def _read(model, scenario):
    reading, listener, leaving = Reading(), Listener(), scenario.leaving
    try:
        if scenario.place == "invoke":
            reading.take(model.invoke(scenario.question, {"callbacks": [listener]} if scenario.is_heard else None))
        elif leaving is None or leaving.how == "break":
            for n, item in enumerate(_source(model, scenario, listener, sync=True), 1):
                reading.take(_message(item, scenario))
                if leaving and n == leaving.chunks:
                    reading.is_left = True
                    break
        else:
            with closing(_source(model, scenario, listener, sync=True)) as items:
                for n, item in enumerate(items, 1):
                    reading.take(_message(item, scenario))
                    if n == leaving.chunks:
                        reading.is_left = True
                        break
    except Exception as error:  # noqa: BLE001  # it is compared with what is meant
        reading.error = error.with_traceback(None)
    reading.noted = listener.noted
    return reading


async def _aread_and_look(model, world, complaints):
    scenario = world.scenario
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told["message"]))
    reading, listener = Reading(), AsyncListener()
    try:
        if scenario.leaving is None or scenario.leaving.how in ("break", "close"):
            await _aread(model, scenario, listener, reading)
        else:
            await _leave(model, scenario, listener, reading)
    except Exception as error:  # noqa: BLE001  # it is compared with what is meant
        reading.error = error.with_traceback(None)
    reading.noted = listener.noted
    world.is_over.set()
    until = time.monotonic() + _GOING
    while (tasks := asyncio.all_tasks() - {asyncio.current_task()}) and time.monotonic() < until:
        await asyncio.sleep(0)
    return reading, [f"remains: the task {task.get_name()!r}" for task in tasks]


async def _aread(model, scenario, listener, reading, on_item=lambda: None):
    leaving = scenario.leaving
    if scenario.place == "invoke":
        on_item()
        reading.take(await model.ainvoke(scenario.question, {"callbacks": [listener]} if scenario.is_heard else None))
    elif leaving is not None and leaving.how == "break":
        async for item in _source(model, scenario, listener, sync=False):
            reading.take(_message(item, scenario))
            if len(reading.items) == leaving.chunks:
                reading.is_left = True
                break
    else:
        async with aclosing(_source(model, scenario, listener, sync=False)) as items:
            async for item in items:
                reading.take(_message(item, scenario))
                on_item()
                if leaving is not None and leaving.how == "close" and len(reading.items) == leaving.chunks:
                    reading.is_left = True
                    break


async def _leave(model, scenario, listener, reading):
    """Read in a task, and stop it from outside a few turns after it has read so much."""
    leaving, due = scenario.leaving, asyncio.Event()

    def on_item():
        if scenario.place == "invoke" or len(reading.items) >= leaving.chunks:
            due.set()

    task = asyncio.create_task(_limited(model, scenario, listener, reading, on_item, due))
    task.add_done_callback(lambda _: due.set())
    await due.wait()
    for _ in range(leaving.turns):
        await asyncio.sleep(0)
    if leaving.how == "cancel":
        task.cancel()
    try:
        await task
    except (asyncio.CancelledError, TimeoutError):
        reading.is_left = True


async def _limited(model, scenario, listener, reading, on_item, due):
    if scenario.leaving.how == "cancel":
        await _aread(model, scenario, listener, reading, on_item)
        return
    async with asyncio.timeout(None) as limit:
        limiter = asyncio.create_task(_expire(limit, due, scenario.leaving.turns))
        try:
            await _aread(model, scenario, listener, reading, on_item)
        finally:
            limiter.cancel()
            with suppress(asyncio.CancelledError):
                await limiter


async def _expire(limit, due, turns):
    await due.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    limit.reschedule(asyncio.get_running_loop().time())
