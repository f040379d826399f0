"""The soak: thousands of replies out of seeds, killed processes, crowds, and a very long reply.

    python -m benchmarks.soak [--scenarios 10000] [--kills 1000] [--replies 2000] [--sentences 20000] [--seed 0]

Prints a table in Markdown, and every finding with the seed that brings it back. Exit code 1 if there is a finding.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import statistics
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stream_aligner_lc import AcceptAligner, Aligner, Correction, StreamAlignedChat
from stream_aligner_lc.testing import ScriptedChatModel
from tests.durable.killing import kills
from tests.soak.running import no_waiting, run, shown
from tests.soak.scripts import KINDS, scenario

Row = tuple[str, str, str]

# What a sentence may cost late in a reply beside early ones, and hold on to beside what LangChain does.
MOST_RATIO, MOST_KB_A_SENTENCE = 4.0, 8.0
_THOUSAND = 1000


def main() -> int:
    """Soak, print, and return 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--replies", type=int, default=2000)
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.getLogger("stream_aligner_lc").setLevel(logging.ERROR)
    rows: list[Row] = []
    findings: list[str] = []
    parts = (
        (options.scenarios, lambda count: play(count, options.seed)),
        (options.kills, lambda count: kill(count, options.seed)),
        (options.replies, crowd),
        (options.sentences, long_reply),
    )
    for count, part in parts:
        if count:
            more, found = part(count)
            rows += more
            findings += found
    print("| what | how many | what came of it |\n| --- | --: | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    for finding in findings:
        print(f"\n{finding}")
    return 1 if findings else 0


def play(count: int, seed: int) -> tuple[list[Row], list[str]]:
    """Play so many scenarios, and count what was found, by kind."""
    tried, kinds, sockets = Counter[str](), dict[str, Counter[str]](), _sockets()
    findings: list[str] = []
    with no_waiting():
        for number in tqdm(range(seed, seed + count), unit="reply", disable=None):
            played = scenario(number)
            tried[played.kind] += 1
            if found := run(played):
                findings.append(shown(played, found))
                kinds.setdefault(played.kind, Counter()).update(each.split(":")[0][:20] for each in found)
    if (left := _sockets() - sockets) > 0:
        findings.append(f"{left} socket(s) are still open after {count} scenarios.")
    rows = [(f"scenarios: {kind}", f"{tried[kind]}", _words(kinds.get(kind))) for kind in KINDS if tried[kind]]
    return [*rows, ("sockets left open by all of them", f"{count}", f"{max(left, 0)}")], findings


def kill(count: int, seed: int) -> tuple[list[Row], list[str]]:
    """Kill so many processes that write a reply with a checkpointer."""
    findings = kills(count, seed)
    return [("processes killed, replies resumed", f"{count}", f"{len(findings)} findings")], findings


class Held(Aligner):
    """Judge nothing before it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.waiting = 0

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Correction:
        """Accept the draft: nobody asks in another colour here."""
        return Correction(input.text)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Correction:
        """Wait, and accept the draft."""
        self.waiting += 1
        await self.let_go.wait()
        return Correction(input.text)


def crowd(count: int) -> tuple[list[Row], list[str]]:
    """Measure what replies cost that wait for their aligner, and how late an event loop is that serves them."""
    kilobytes, wrong = asyncio.run(_waiting(count))
    lags = asyncio.run(_lags(min(count, 100)))
    findings = [f"{wrong} of {count} replies at once came to another text."] if wrong else []
    late = statistics.quantiles(lags, n=100)[-1] * 1000
    return [
        ("replies that wait at once: memory of each, kB", f"{count}", f"{kilobytes:.1f}"),
        ("event-loop lag while an aligner works, p99, ms", f"{len(lags)}", f"{late:.1f}"),
    ], findings


async def _waiting(count: int) -> tuple[float, int]:
    text, aligner = "One is here. Two is here. Three is here.", Held()
    chat = StreamAlignedChat(ScriptedChatModel(text), aligner)
    await _first_of(chat, aligner)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tasks = [asyncio.create_task(chat.ainvoke(f"Story {number}.")) for number in range(count)]
    while aligner.waiting < count:  # noqa: ASYNC110  # there are as many events as replies
        await asyncio.sleep(0.01)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    aligner.let_go.set()
    replies = await asyncio.gather(*tasks)
    return (held - before) / count / 1024, sum(reply.text != text for reply in replies)


async def _first_of(chat: StreamAlignedChat, aligner: Held) -> None:
    # What is made once, with the first reply, is no reply's memory.
    aligner.let_go.set()
    await chat.ainvoke("Story.")
    aligner.let_go.clear()
    aligner.waiting = 0


async def _lags(count: int) -> list[float]:
    def busy(draft: Any) -> str:
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass
        return str(draft.text)

    chat = StreamAlignedChat(ScriptedChatModel("One is here. Two is here. Three is here."), busy)
    replies = asyncio.gather(*(chat.ainvoke(f"Story {number}.") for number in range(count)))
    lags = [0.0, 0.0]
    while not replies.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        lags.append(max(time.perf_counter() - began - 0.001, 0.0))
    await replies
    return lags


def long_reply(count: int) -> tuple[list[Row], list[str]]:
    """Write one very long reply, and compare its end with its beginning."""
    size = min(_THOUSAND, count // 2)
    times = list(_cpu(count, size))
    fewer = max(count // 5, 4)
    # LangChain keeps every chunk of a stream until it ends, so the bare model grows as well.
    bare, ours = (_growth(model, fewer) for model in (_storyteller(fewer), _aligned(fewer)))
    ratio = times[-1] / times[0]
    findings = [f"The last {size} sentences cost {ratio:.1f} times the first."] if ratio > MOST_RATIO else []
    if ours - bare > MOST_KB_A_SENTENCE:
        findings.append(
            f"A long reply holds {ours - bare:.1f} kB more than the bare model's for each of its sentences."
        )
    return [
        (f"one reply: CPU of its last {size} sentences beside its first", f"{count}", f"{ratio:.2f}"),
        ("one reply: memory for each sentence more, kB (the bare model's)", f"{fewer}", f"{ours:.1f} ({bare:.1f})"),
    ], findings


def _growth(model: Any, sentences: int) -> float:
    # Not at the ends, where what a reply takes to begin and to end shows more than its length.
    tracemalloc.start()
    held, written = [], 0
    for chunk in model.stream("Go on."):
        before, written = written, written + chunk.text.count(".")
        if any(before < mark <= written for mark in (sentences // 4, sentences * 3 // 4)):
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return (held[-1] - held[0]) / 1024 / (sentences * 3 // 4 - sentences // 4)


def _cpu(count: int, size: int) -> Iterator[float]:
    began = time.process_time()
    for number, _chunk in enumerate(tqdm(_chunks(count), total=count, unit="sentence", disable=None), 1):
        if number % size == 0:
            now = time.process_time()
            yield now - began
            began = now


def _storyteller(count: int) -> ScriptedChatModel:
    return ScriptedChatModel(" ".join(f"Sentence number {number} of a long story is here." for number in range(count)))


def _aligned(count: int) -> StreamAlignedChat:
    return StreamAlignedChat(_storyteller(count), AcceptAligner())


def _chunks(count: int) -> Iterator[Any]:
    yield from (chunk for chunk in _aligned(count).stream("Go on.") if chunk.text)


def _sockets() -> int:
    gc.collect()
    folder = Path("/proc/self/fd")
    links = (_target(each) for each in folder.iterdir()) if folder.exists() else ()
    return sum(link.startswith("socket:") for link in links)


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # the descriptor with which the folder itself is read
        return ""


def _words(counts: Counter[str] | None) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) if counts else "no findings"


if __name__ == "__main__":
    sys.exit(main())
