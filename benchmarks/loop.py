"""The loop beside the bare model, in one run: latency, upstream calls and tokens, and our own CPU time.

    python benchmarks/loop.py [--rounds 5] [--json FILE]

A scripted upstream says 40 sentences of 20 tokens; the aligner takes 20 ms for each. Every figure is the median of the
rounds. Where nobody sleeps, caches stay warm: the rows with an aligner of 0 ms show what our code costs, the
others also what waking up costs. Read ratios, not absolutes. "own CPU" is the process's CPU time less the bare
model's in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple, TypedDict

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import START, StateGraph

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel

SENTENCES, TOKENS = 40, 20
ALIGNER_SECONDS = 0.020


Read = Callable[[Any], tuple[float, float, float]]


class Reading(NamedTuple):
    """What one reading of a stream cost."""

    first: float
    total: float
    cpu: float
    calls: int
    tokens: int


def upstream(replaced: int, delay: float) -> ScriptedChatModel:
    """Return a model that says 40 sentences, `replaced` of them, evenly spread, with a word to replace."""
    every = SENTENCES // replaced if replaced else SENTENCES + 1
    sentences = []
    for n in range(SENTENCES):
        word = "bad" if replaced and n % every == every // 2 else "fine"
        sentences.append(" ".join(["Sentence", f"{n}", "is", word, *["and"] * (TOKENS - 5), "done."]))
    return ScriptedChatModel(" ".join(sentences), delay=delay)


def read_sync(model: Any) -> tuple[float, float, float]:
    """Read a stream to its end; return seconds to the first text, in all, and of CPU."""
    cpu, start, first = time.process_time(), time.perf_counter(), 0.0
    for chunk in model.stream("Go on."):
        if not first and chunk.text:
            first = time.perf_counter() - start
    return first, time.perf_counter() - start, time.process_time() - cpu


def read_async(model: Any) -> tuple[float, float, float]:
    """Do the same in an event loop."""

    async def read() -> tuple[float, float, float]:
        cpu, start, first = time.process_time(), time.perf_counter(), 0.0
        async for chunk in model.astream("Go on."):
            if not first and chunk.text:
                first = time.perf_counter() - start
        return first, time.perf_counter() - start, time.process_time() - cpu

    return asyncio.run(read())


def reading(read: Read, *, replaced: int, delay: float, aligner: float | None = None) -> Reading:
    """Read the bare model, or the model with an aligner that takes so many seconds, once."""
    model = upstream(replaced, delay)
    chat: Any = model
    if aligner is not None:
        chat = StreamAlignedChat(model, ReplaceAligner({"bad": "good"}, delay=aligner))
    first, total, cpu = read(chat)
    return Reading(first, total, cpu, len(model.calls), sum(len(call.sent) for call in model.calls))


def median(readings: list[Reading]) -> Reading:
    """Return the median of every column."""
    return Reading(*(statistics.median(column) for column in zip(*readings, strict=True)))  # type: ignore[arg-type]


def supersteps(colour: str, rounds: int, sleep: float) -> float:
    """Return LangGraph's own CPU seconds for a sentence's two steps, with nodes that do nothing but sleep."""

    class State(TypedDict):
        count: int

    class Node(Runnable[State, dict[str, Any]]):
        def __init__(self, name: str, step: int) -> None:
            self.name, self.step = name, step

        def invoke(self, input: State, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
            if self.step == 0 and sleep:
                time.sleep(sleep)
            return {"count": input["count"] + self.step}

        async def ainvoke(self, input: State, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
            if self.step == 0 and sleep:
                await asyncio.sleep(sleep)
            return {"count": input["count"] + self.step}

    graph = StateGraph(State)
    graph.add_node("upstream", Node("upstream", 1))
    graph.add_node("aligner", Node("aligner", 0))
    graph.add_edge(START, "upstream")
    graph.add_edge("upstream", "aligner")
    graph.add_conditional_edges(
        "aligner",
        lambda state: "upstream" if state["count"] < SENTENCES else "__end__",
        ["upstream", "__end__"],
    )
    compiled = graph.compile()
    config = RunnableConfig(recursion_limit=10_000)

    def run_sync() -> float:
        cpu = time.process_time()
        items: Iterator[Any] = compiled.stream({"count": 0}, config, stream_mode="updates")
        for _ in items:
            pass
        return time.process_time() - cpu

    async def run_async() -> float:
        cpu = time.process_time()
        items: AsyncIterator[Any] = compiled.astream({"count": 0}, config, stream_mode="updates")
        async for _ in items:
            pass
        return time.process_time() - cpu

    times = [run_sync() if colour == "sync" else asyncio.run(run_async()) for _ in range(rounds)]
    return statistics.median(times) / SENTENCES


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="write the rows to FILE as well")
    options = parser.parse_args()
    rows = list(measure(options.rounds))
    print_table(rows)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


def measure(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield one row per colour, delay and number of replaced sentences."""
    for colour, read in (("sync", read_sync), ("async", read_async)):
        reading(read, replaced=8, delay=0, aligner=0.0)  # imports and caches
        for delay, aligner in ((0.0, 0.0), (0.0, ALIGNER_SECONDS), (0.005, ALIGNER_SECONDS)):
            for replaced in (0, 8):
                bare, aligned = [], []
                for turn in range(rounds):
                    print(
                        f"\r{colour} {delay * 1000:.0f} ms {replaced} replaced, round {turn + 1} ",
                        end="",
                        file=sys.stderr,
                    )
                    bare.append(reading(read, replaced=replaced, delay=delay))
                    aligned.append(reading(read, replaced=replaced, delay=delay, aligner=aligner))
                yield row(colour, delay, aligner, replaced, median(bare), median(aligned))
        for sleep in (0.0, ALIGNER_SECONDS):
            milliseconds = supersteps(colour, rounds, sleep) * 1000
            yield {"colour": colour, "ms_per_draft": sleep * 1000, "supersteps_ms": milliseconds}
    print(file=sys.stderr)


def row(colour: str, delay: float, aligner: float, replaced: int, *readings: Reading) -> dict[str, Any]:
    """Return the figures of one line of the table."""
    bare, aligned = readings
    own = aligned.cpu - bare.cpu
    own_first = TOKENS * bare.total / (SENTENCES * TOKENS) + aligner
    return {
        "colour": colour,
        "ms_per_token": delay * 1000,
        "ms_per_draft": aligner * 1000,
        "replaced": replaced,
        "bare_total": bare.total,
        "first": aligned.first,
        "first_ratio": aligned.first / own_first,
        "total": aligned.total,
        "total_ratio": aligned.total / (bare.total + aligner),
        "calls": aligned.calls,
        "tokens": aligned.tokens,
        "cpu_ms_per_sentence": own / SENTENCES * 1000,
        "cpu_us_per_token": own / (SENTENCES * TOKENS) * 1e6,
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a Markdown table."""
    names = "ms/token,aligner ms,replaced,bare s,first ms,÷ own,total s,÷ bare,calls,tokens,CPU ms,µs"
    print(f"| | {names.replace(',', ' | ')} |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for line in rows:
        if "supersteps_ms" in line:
            sleep = f"{line['ms_per_draft']:.0f}"
            print(f"| {line['colour']}: empty nodes | | {sleep} | | | | | | | | | {line['supersteps_ms']:.2f} | |")
            continue
        cells = [
            line["colour"],
            f"{line['ms_per_token']:.0f}",
            f"{line['ms_per_draft']:.0f}",
            str(line["replaced"]),
            f"{line['bare_total']:.3f}",
            f"{line['first'] * 1000:.0f}",
            f"{line['first_ratio']:.2f}",
            f"{line['total']:.3f}",
            f"{line['total_ratio']:.2f}",
            f"{line['calls']:.0f}",
            f"{line['tokens']:.0f}",
            f"{line['cpu_ms_per_sentence']:.2f}",
            f"{line['cpu_us_per_token']:.0f}",
        ]
        print(f"| {' | '.join(cells)} |")
    print("\nfirst ÷ own: against the sentence's own tokens and one aligner call.")
    print("total ÷ bare: against the bare model and one aligner call.")
    print("CPU ms per sentence and µs per token: the process's, less the bare model's.")
    print("empty nodes: LangGraph's two steps a sentence alone, in the same graph with nodes that do nothing or sleep.")


if __name__ == "__main__":
    main()
