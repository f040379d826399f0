"""Replies through `stream-aligner serve` beside the library in process: how late a sentence is, and what it costs.

Every arm plays the same load in a process of its own: so many streams, started one after the other, of a scripted
upstream that says the same tokens at the same pace. An arm is told the load as one JSON object on its command line and
prints one as well:

    load      {"streams", "stagger" (seconds), "tokens" (a reply's), "delay" (seconds before each)}
    measured  {"first" (seconds to the first released text, a number per stream), "cpu" (seconds), "chunks" (released)}

So an arm may be any program in any environment: `--arm NAME=COMMAND` adds one, and the load is appended to its command.
Measure shares of one run: arms take turns, round by round, and the tables compare their medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from shutil import which
from typing import Any

import psutil
import uvicorn

SENTENCES, TOKENS = 5, 20


@dataclass(frozen=True)
class Load:
    """What every arm is asked."""

    streams: int
    stagger: float
    tokens: Sequence[str]
    delay: float


@dataclass(frozen=True)
class Measured:
    """What an arm found."""

    first: Sequence[float]
    cpu: float
    chunks: int


def load_of(options: argparse.Namespace) -> Load:
    """Return replies of five sentences of twenty tokens, of which the aligner changes none."""
    sentence = ["Sentence", " number", " N", *[" and"] * (TOKENS - 4), " done."]
    tokens = [
        token.replace("N", str(n)) for n in range(SENTENCES) for token in (sentence if not n else _spaced(sentence))
    ]
    return Load(options.streams, options.stagger, tokens, options.delay)


def _spaced(sentence: list[str]) -> list[str]:
    return [f" {sentence[0]}", *sentence[1:]]


def upstream_of(load: Load) -> Any:
    """Return the scripted upstream."""
    from langchain_core.messages import AIMessageChunk

    from stream_aligner_lc.testing import ScriptedChatModel

    chunks = [AIMessageChunk(token) for token in load.tokens]

    class Upstream(ScriptedChatModel):
        def turn(self, messages: Any, **kwargs: Any) -> Any:
            self._calls.clear()  # what was asked is not looked at
            return chunks

    return Upstream("", delay=load.delay)


def aligned_of(load: Load) -> Any:
    """Return the scripted upstream with an aligner that accepts, so that what is left is the loop itself."""
    from stream_aligner_lc import AcceptAligner, StreamAlignedChat

    return StreamAlignedChat(upstream_of(load), AcceptAligner())


async def play(load: Load, texts_of: Callable[[], AsyncIterator[str]]) -> tuple[list[float], int]:
    """Read all streams; return when each had its first text, and how many there were."""
    first, chunks = [0.0] * load.streams, 0

    async def read(number: int) -> None:
        nonlocal chunks
        await asyncio.sleep(number * load.stagger)
        start = time.perf_counter()
        async for text in texts_of():
            if text:
                first[number] = first[number] or time.perf_counter() - start
                chunks += 1

    await asyncio.gather(*map(read, range(load.streams)))
    return first, chunks


async def in_process(load: Load, model: Any) -> Measured:
    """Measure a chat model in this process."""

    async def texts() -> AsyncIterator[str]:
        async for chunk in model.astream("Go on."):
            yield chunk.text

    async for _ in texts():  # imports and caches
        pass
    cpu = time.process_time()
    first, chunks = await play(load, texts)
    return Measured(first, time.process_time() - cpu, chunks)


async def served(load: Load) -> Measured:
    """Measure the server, in a process beside this one; the CPU time is that of the server."""
    with serving(load) as (process, port):
        body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "Go on."}]}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
        request = head.encode() + b"content-type: application/json\r\n\r\n" + body

        async def texts() -> AsyncIterator[str]:
            # By hand: a client's own work would be measured as the server's delay.
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            async for line in reader:
                if line.startswith(b"data: {"):
                    choices = json.loads(line[6:])["choices"]
                    yield choices[0]["delta"].get("content") or ""
            writer.close()

        async for _ in texts():
            pass
        before = process.cpu_times()
        first, chunks = await play(load, texts)
        after = process.cpu_times()
    return Measured(first, after.user + after.system - before.user - before.system, chunks)


@contextmanager
def serving(load: Load) -> Iterator[tuple[psutil.Process, int]]:
    """Serve until the `with` block ends."""
    command = [sys.executable, __file__, "--serve", json.dumps(asdict(load))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "running on" in line)
            yield psutil.Process(process.pid), int(line.split("127.0.0.1:")[1].split()[0])
        finally:
            process.terminate()


def serve(load: Load) -> None:
    """Be the server."""
    from stream_aligner_lc.serving import create_app
    from stream_aligner_lc.serving.server import Server

    app = create_app(aligned_of(load), name="m", max_replies=1000)
    Server(app, host="127.0.0.1", port=0, shutdown_timeout=0).run()


ARMS: dict[str, Callable[[Load], Coroutine[Any, Any, Measured]]] = {
    "bare": lambda load: in_process(load, upstream_of(load)),
    "library": lambda load: in_process(load, aligned_of(load)),
    "serve": served,
}


# Others that stream through something that reads along, in environments that `make bench-peers` makes.
PEERS = {
    "Guardrails AI, in process": ".venv-peers-guardrails/bin/python benchmarks/peers/arm_guardrails.py async",
    "NeMo Guardrails, in process": ".venv-peers-nemo/bin/python benchmarks/peers/arm_nemo.py rewrite",
}


def measure(command: Sequence[str], load: Load) -> Measured:
    """Let an arm play the load once."""
    done = subprocess.run([*command, json.dumps(asdict(load))], stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--stagger", type=float, default=0.15, metavar="SECONDS")
    parser.add_argument("--delay", type=float, default=0.1, metavar="SECONDS", help="before every token")
    parser.add_argument("--arm", action="append", default=[], metavar="NAME=COMMAND", help="another one")
    parser.add_argument("--peers", action="store_true", help="with those whose environment is there")
    parser.add_argument("--play", nargs=2, metavar=("ARM", "LOAD"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", metavar="LOAD", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(Load(**json.loads(options.serve)))
        return
    if options.play:
        name, load = options.play
        # With the event loop that the server has: uvloop's timers alone make a sentence of twenty tokens 8 ms faster.
        with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
            print(json.dumps(asdict(runner.run(ARMS[name](Load(**json.loads(load)))))))
        return
    commands = {name: [sys.executable, __file__, "--play", name] for name in ARMS}
    if options.peers:
        commands |= {name: shlex.split(command) for name, command in PEERS.items() if which(command.split()[0])}
    commands |= {name: shlex.split(command) for name, _, command in (each.partition("=") for each in options.arm)}
    table(commands, load_of(options), options.rounds)


def table(commands: dict[str, list[str]], load: Load, rounds: int) -> None:
    """Print what every arm took, and how much more than the library in process."""
    found: dict[str, list[Measured]] = {name: [] for name in commands}
    for turn in range(rounds):
        for name, command in commands.items():
            print(f"\rround {turn + 1} {name:20}", end="", file=sys.stderr)
            found[name].append(measure(command, load))
    print(file=sys.stderr)
    print(f"{load.streams} streams, one every {load.stagger * 1000:.0f} ms, {load.delay * 1000:.0f} ms a token\n")
    print("| arm | first text ms, median | 95 % | later than library | CPU ms a chunk | more than library | chunks |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    library = found["library"]
    base_first, base_cpu = _median_first(library), _cpu_per_chunk(library)
    for name, rows in found.items():
        first, cpu = _median_first(rows), _cpu_per_chunk(rows)
        late = statistics.quantiles([each for row in rows for each in row.first], n=20)[-1]
        print(
            f"| {name} | {first * 1000:.1f} | {late * 1000:.1f} | {(first - base_first) * 1000:+.1f} "
            f"| {cpu * 1000:.2f} | {(cpu - base_cpu) * 1000:+.2f} | {rows[0].chunks} |"
        )


def _median_first(rows: Sequence[Measured]) -> float:
    return statistics.median(each for row in rows for each in row.first)


def _cpu_per_chunk(rows: Sequence[Measured]) -> float:
    return statistics.median(row.cpu / row.chunks for row in rows)


if __name__ == "__main__":
    main()
