"""Many replies at once in one process and one event loop: what each costs while it waits, and how late the loop is.

Every reply tells a story of its own, with its number in each sentence, and a fifth of its sentences is replaced by
words that name the number again; so a sentence or a correction that crosses into another reply shows in its text.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import statistics
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.lengths import Row
from stream_aligner_lc import Aligner, Correction, Draft, StreamAlignedChat
from stream_aligner_lc.testing import ScriptedChatModel

SENTENCES = 20
MOST_KB, MOST_LAG = 200.0, 0.1
# How long the aligner takes for a sentence, and how long the loop is looked at.
_WORK, _LOOK = 0.005, 30.0
# How long after each other readers come. An aligner that holds the interpreter leaves it to nobody else, so a reply of
# twenty sentences takes 130 ms of it: more readers than that allows would measure how much too many they are.
_GAP, _LONG_GAP, _FEW = 0.01, 0.2, 150
# Hashing so much gives the interpreter free, as torch does.
_BLOCK = bytes(200_000)

_ASK = "Tell story "


class Storyteller(ScriptedChatModel):
    """Tell each reader the story whose number the question names."""

    def __init__(self) -> None:
        super().__init__("")

    def turn(self, messages: Sequence[Any], **kwargs: Any) -> Any:
        """Tell it, or what is left of it."""
        return ScriptedChatModel(_story(_number(messages[0].text))).turn(messages)


def _number(question: str) -> int:
    return int(question.removeprefix(_ASK))


def _sentence(number: int, index: int, word: str) -> str:
    return f"Point {index} of story {number} is {word}."


def _story(number: int, bad: str = "bad") -> str:
    return " ".join(_sentence(number, index, bad if index % 5 == 3 else "fine") for index in range(SENTENCES))


def _corrected(draft: Draft) -> str:
    # The number of the question, not of the draft: so a draft of another reply does not pass for its own.
    return _sentence(_number(draft.question), draft.index, "good") if "bad" in draft.text else draft.text


class Held(Aligner):
    """Keep every reply at certain sentences until all are let go on."""

    def __init__(self, indices: Sequence[int]) -> None:
        self._gates = {index: asyncio.Event() for index in indices}
        self._waiting = 0

    def invoke(self, input: Draft, config: Any = None, **kwargs: Any) -> Correction:
        """Correct: nobody waits in another colour here."""
        return Correction(_corrected(input))

    async def ainvoke(self, input: Draft, config: Any = None, **kwargs: Any) -> Correction:
        """Wait at certain sentences, and correct."""
        if gate := self._gates.get(input.index):
            self._waiting += 1
            await gate.wait()
        return self.invoke(input)

    async def gather(self, count: int) -> None:
        """Wait until so many replies wait."""
        while self._waiting < count:  # noqa: ASYNC110  # there are as many events as replies
            await asyncio.sleep(0.01)
        self._waiting = 0

    def let_go(self, index: int) -> None:
        """Let the replies go on that wait at a sentence."""
        self._gates[index].set()


class Working:
    """A function as aligner that takes a while for each sentence, until it is told to be quick."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self.is_quick = False

    def __call__(self, draft: Draft) -> str:
        """Work, and correct."""
        if not self.is_quick:
            self._work()
        return _corrected(draft)


# As a local model does. Functions that compute in Python in all threads of the event loop's executor leave the loop one
# turn of the interpreter (5 ms) in so many: its lag is then of their making, and a smaller executor mends it.
_one_at_a_time = threading.Lock()


def hold_the_interpreter() -> None:
    """Compute in Python: no other thread does meanwhile."""
    with _one_at_a_time:
        until = time.thread_time() + _WORK
        while time.thread_time() < until:
            pass


def leave_the_interpreter() -> None:
    """Compute outside of Python."""
    with _one_at_a_time:
        until = time.thread_time() + _WORK
        while time.thread_time() < until:
            hashlib.sha256(_BLOCK)


def crowd(count: int) -> tuple[list[Row], list[str]]:
    """Measure what replies cost that wait for their aligner, and how late an event loop is that serves them."""
    rows, findings = _of_memory(count)
    for name, work, readers, gap in (
        ("leaves the interpreter free", leave_the_interpreter, count, _GAP),
        ("holds it", hold_the_interpreter, min(count, _FEW), _LONG_GAP),
    ):
        more, found = _of_lag(readers, gap, name, work)
        rows += more
        findings += found
    return rows, findings


def _of_memory(count: int) -> tuple[list[Row], list[str]]:
    indices = (0, SENTENCES // 2)
    kilobytes, texts = asyncio.run(_waiting(count, indices))
    rows = [
        (f"replies at once that wait at sentence {index}: memory of each, kB", f"{count}", f"{each:.0f}")
        for index, each in zip(indices, kilobytes, strict=True)
    ]
    findings = _crossed(texts)
    rows.append(("replies at once that wait: texts that crossed", f"{count}", f"{len(findings)}"))
    if (most := max(kilobytes)) > MOST_KB:
        findings.append(f"A waiting reply takes {most:.0f} kB, and {MOST_KB:.0f} are allowed.")
    return rows, findings


async def _waiting(count: int, indices: Sequence[int]) -> tuple[list[float], list[str]]:
    # What is made once, with the first reply, is no reply's memory.
    await StreamAlignedChat(Storyteller(), Working(lambda: None)).ainvoke(_ASK + "0")
    aligner = Held(indices)
    chat = StreamAlignedChat(Storyteller(), aligner)
    gc.collect()
    tracemalloc.start()
    tasks = [asyncio.create_task(chat.ainvoke(f"{_ASK}{number}")) for number in range(count)]
    kilobytes = []
    for index in indices:
        await aligner.gather(count)
        gc.collect()
        kilobytes.append(tracemalloc.get_traced_memory()[0] / count / 1024)
        if index == indices[-1]:
            tracemalloc.stop()
        aligner.let_go(index)
    return kilobytes, [reply.text for reply in await asyncio.gather(*tasks)]


def _crossed(texts: Sequence[str]) -> list[str]:
    wrong = [text for number, text in enumerate(texts) if text != _story(number, "good")]
    return [f"{len(wrong)} of {len(texts)} replies at once have another's text: {wrong[0]!r}"] if wrong else []


def _of_lag(count: int, gap: float, name: str, work: Callable[[], None]) -> tuple[list[Row], list[str]]:
    lags, own, is_open, texts = asyncio.run(_served(count, gap, Working(work)))
    late, busy = (statistics.quantiles(each, n=100)[-1] for each in (lags, own))
    findings = _crossed(texts)
    if late > MOST_LAG:
        findings.append(
            f"The event loop is {late * 1000:.0f} ms late (p99) beside an aligner that {name}; {MOST_LAG * 1000:.0f} "
            f"are allowed. Of it the loop itself works for {busy * 1000:.0f} ms: if that is less than allowed, another "
            "program may have had the processor."
        )
    what = f"event-loop lag while an aligner works that {name}, a reply every {gap * 1000:.0f} ms, p99, ms (own CPU)"
    return [(what, f"{count}, {is_open} open in the end", f"{late * 1000:.1f} ({busy * 1000:.1f})")], findings


async def _served(count: int, gap: float, aligner: Working) -> tuple[list[float], list[float], int, list[str]]:
    """Return the lags of the loop, its own CPU in each, how many replies were open in the end, and all texts.

    Readers come one after the other, as they do: a crowd that starts in one turn of the loop is late by its own
    making. As servers do, the loop freezes what it has loaded, so that the collector does not look through it.
    """
    chat = StreamAlignedChat(Storyteller(), aligner)
    gc.collect()
    gc.freeze()
    tasks: list[asyncio.Task[Any]] = []
    async with _probed() as (lags, own):
        for number in range(count):
            tasks.append(asyncio.create_task(chat.ainvoke(f"{_ASK}{number}")))
            await asyncio.sleep(gap)
        _, still_open = await asyncio.wait(tasks, timeout=_LOOK)
    aligner.is_quick = True
    replies = await asyncio.gather(*tasks)
    gc.unfreeze()
    return lags, own, len(still_open), [reply.text for reply in replies]


@asynccontextmanager
async def _probed() -> AsyncIterator[tuple[list[float], list[float]]]:
    lags, own = [0.0, 0.0], [0.0, 0.0]

    async def probe() -> None:
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            lags.append(max(time.perf_counter() - began - 0.001, 0.0))
            own.append(time.thread_time() - worked)

    task = asyncio.create_task(probe())
    try:
        yield lags, own
    finally:
        task.cancel()
