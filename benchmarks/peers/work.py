"""The same work for every arm of the comparison: a scripted upstream, an aligner, and the reading of many streams.

An arm is a program that runs in an environment of its own: this file imports the standard library only, and an arm
imports this file, its peer, and nothing of the project. It gets a `Work` as JSON on stdin and prints a `Result`. With a
variant and a load on its command line it is an arm of `benchmarks/serve.py` instead, and answers as those do.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True)
class Work:
    """What an arm is asked: as many streams as there are replies."""

    replies: list[list[str]]
    """The tokens that the upstream says, one list per stream."""
    variant: str = ""
    """Which way to set the peer up, where an arm knows several."""
    token_seconds: float = 0.005
    aligner_seconds: float = 0.020
    stagger_seconds: float = 0.0
    """Between the starts of two streams."""
    warm_up: int = 60
    """Tokens of the stream that is read before the clock runs, for imports and caches."""
    marker: str = "bad"
    """The word that the aligner replaces."""
    correction: str = "good"

    def corrected(self, text: str) -> str:
        """Return `text` as the aligner would have it."""
        return text.replace(self.marker, self.correction)

    def align(self, text: str) -> str:
        """Correct `text`, in the aligner's time."""
        time.sleep(self.aligner_seconds)
        return self.corrected(text)

    async def aalign(self, text: str) -> str:
        """Correct `text`, in the aligner's time."""
        await asyncio.sleep(self.aligner_seconds)
        return self.corrected(text)


@dataclass
class Stream:
    """What the reader of one stream saw; seconds count from when it asked."""

    first_token: float = 0.0
    first_sentence: float = 0.0
    """Until the text held its first full stop."""
    total: float = 0.0
    text: str = ""
    chunks: int = 0
    """The pieces of text that were released."""
    calls: int = 0
    """How often the upstream was asked."""
    tokens: int = 0
    """What the upstream said, in all calls."""
    error: str | None = None

    def see(self, text: str, seconds: float) -> None:
        """Take one piece of text."""
        if not text:
            return
        self.chunks += 1
        self.text += text
        self.first_token = self.first_token or seconds
        if not self.first_sentence and "." in text:
            self.first_sentence = seconds


@dataclass
class Result:
    """What an arm answers."""

    streams: list[Stream]
    cpu: float
    """CPU seconds of the process while the streams were read."""
    wall: float
    versions: dict[str, str] = field(default_factory=dict)
    network: int = 0
    """How often the peer reached for the network, which was refused."""


class Upstream:
    """Say one reply, token by token, and count what was asked."""

    def __init__(self, tokens: list[str], work: Work) -> None:
        self.tokens, self.work, self.calls, self.said = tokens, work, 0, 0

    def speak(self) -> Generator[str, None, None]:
        """Say the reply."""
        self.calls += 1
        for token in self.tokens:
            time.sleep(self.work.token_seconds)
            self.said += 1
            yield token

    async def aspeak(self) -> AsyncGenerator[str, None]:
        """Say the reply."""
        self.calls += 1
        for token in self.tokens:
            await asyncio.sleep(self.work.token_seconds)
            self.said += 1
            yield token


Open = Callable[[Upstream], Generator[str, None, None]]
AOpen = Callable[[Upstream], AsyncGenerator[str, None]]


class Offline:
    """Refuse every connection that leaves the machine, and count them."""

    def __init__(self) -> None:
        self.refused = 0
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        host = args[0] if event == "socket.getaddrinfo" else args[1] if event == "socket.connect" else None
        if isinstance(host, tuple):
            host = host[0]
        if host is None or host in {"127.0.0.1", "::1", "localhost"}:
            return
        self.refused += 1
        raise ConnectionRefusedError(f"The benchmark keeps its peers off the network: {event} {host!r}.")


def read(upstream: Upstream, open_stream: Open) -> Stream:
    """Read one stream to its end; an error ends it, and is noted."""
    seen, start = Stream(), time.perf_counter()
    try:
        with closing(open_stream(upstream)) as texts:
            for text in texts:
                seen.see(text, time.perf_counter() - start)
    except Exception as error:  # noqa: BLE001  # whatever a peer raises is what its reader sees
        seen.error = f"{type(error).__name__}: {error}"
    seen.total, seen.calls, seen.tokens = time.perf_counter() - start, upstream.calls, upstream.said
    return seen


async def aread(upstream: Upstream, open_stream: AOpen) -> Stream:
    """Read one stream to its end; an error ends it, and is noted."""
    seen, start = Stream(), time.perf_counter()
    try:
        async with aclosing(open_stream(upstream)) as texts:
            async for text in texts:
                seen.see(text, time.perf_counter() - start)
    except Exception as error:  # noqa: BLE001  # whatever a peer raises is what its reader sees
        seen.error = f"{type(error).__name__}: {error}"
    seen.total, seen.calls, seen.tokens = time.perf_counter() - start, upstream.calls, upstream.said
    return seen


def read_all(work: Work, open_stream: Open) -> list[Stream]:
    """Read every stream in a thread of its own, one starting after the other."""
    found: dict[int, Stream] = {}

    def run(number: int, upstream: Upstream) -> None:
        time.sleep(number * work.stagger_seconds)
        found[number] = read(upstream, open_stream)

    threads = [
        threading.Thread(target=run, args=(number, Upstream(tokens, work)))
        for number, tokens in enumerate(work.replies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in range(len(threads))]


async def aread_all(work: Work, open_stream: AOpen) -> list[Stream]:
    """Read every stream in one event loop, one starting after the other."""

    async def run(number: int, upstream: Upstream) -> Stream:
        await asyncio.sleep(number * work.stagger_seconds)
        return await aread(upstream, open_stream)

    return await asyncio.gather(*(run(number, Upstream(tokens, work)) for number, tokens in enumerate(work.replies)))


def measure(work: Work, open_stream: Open) -> Result:
    """Read one short stream to warm up, then all of them."""
    read(Upstream(work.replies[0][: work.warm_up], work), open_stream)
    cpu, start = time.process_time(), time.perf_counter()
    streams = read_all(work, open_stream)
    return Result(streams, time.process_time() - cpu, time.perf_counter() - start)


async def ameasure(work: Work, open_stream: AOpen) -> Result:
    """Read one short stream to warm up, then all of them."""
    await aread(Upstream(work.replies[0][: work.warm_up], work), open_stream)
    cpu, start = time.process_time(), time.perf_counter()
    streams = await aread_all(work, open_stream)
    return Result(streams, time.process_time() - cpu, time.perf_counter() - start)


def work_of(variant: str, load: str) -> Work:
    """Return what a load of `benchmarks/serve.py` asks for: its aligner takes no time and changes nothing."""
    asked = json.loads(load)
    replies = [list(asked["tokens"]) for _ in range(asked["streams"])]
    return Work(replies, variant, asked["delay"], aligner_seconds=0.0, stagger_seconds=asked["stagger"])


def measured_of(result: Result) -> dict[str, Any]:
    """Return what `benchmarks/serve.py` is told of a result."""
    first = [stream.first_token for stream in result.streams]
    return {"first": first, "cpu": result.cpu, "chunks": sum(stream.chunks for stream in result.streams)}


def answer(arm: Callable[[Work], Result], *packages: str) -> None:
    """Run `arm` off the network, in an empty home, and print its result as JSON.

    Whatever a peer prints goes to stderr. `packages` are those whose versions the result names.
    """
    is_load = len(sys.argv) == 3
    work = work_of(*sys.argv[1:]) if is_load else Work(**json.load(sys.stdin))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    offline = Offline()
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        result = arm(work)
    result.network = offline.refused
    result.versions = {package: version(package) for package in packages}
    with out:
        json.dump(measured_of(result) if is_load else asdict(result), out)
