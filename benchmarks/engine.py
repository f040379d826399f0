"""The aligner's engine beside plain `generate`: `python benchmarks/engine.py [--sections engines flat ...]`.

Replies are corrected sentence by sentence by a model of random weights whose answers are forced, through real passes
(see `copying.py`). Every way must come to the same text, or this stops. Prints Markdown tables; read ratios inside one
run, not absolutes.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import truediv
from pathlib import Path
from statistics import fmean, median
from typing import Any

import psutil
import torch
import transformers
from copying import Reply, replies
from tqdm import tqdm
from ways import FULL, NAIVE, PASS, RATES, VERDICT, VERDICT_PASS, WAYS, Bench, Prepare, Run, aligning

from stream_aligner_lc import TransformersAligner
from stream_aligner_lc.local.memory import Memory

MB = 1_000_000
LAST = 10
"""Sentences that are set against bare passes."""


def engines(bench: Bench) -> None:
    """Compare all ways."""
    for count in bench.options.sentences:
        is_short = count == bench.options.sentences[0] or bench.options.every_way
        ways = WAYS if is_short else [way for way in WAYS if way is NAIVE or not way.is_slow]
        found = [bench.runs(ways, rate, count) for rate in RATES]
        rows = []
        for number, way in enumerate(ways):
            runs = [each[number] for each in found]
            ms = [1000 * fmean(_seconds(each)) for each in runs]
            naive = [1000 * fmean(_seconds(each[0])) for each in found]
            rows.append([way.name, *_each("{:.1f}", ms), *_each("{:.1f}", map(truediv, naive, ms))])
            rows[-1] += [" / ".join(_each("{:.1f}", (fmean(each[0].passes) for each in runs)))]
            rows[-1] += [" / ".join(_each("{:.0f}", (fmean(each[0].fed) for each in runs)))]
        edits = [f"{rate} % edits" for rate in RATES]
        heads = [f"{count} sentences", *(f"ms, {edit}" for edit in edits), *(f"times naive, {edit}" for edit in edits)]
        _print("Ways to correct", [*heads, "passes per sentence", "tokens fed per sentence"], rows)


def flat(bench: Bench) -> None:
    """Follow the time of a sentence through a long reply."""
    count = max(bench.options.sentences)
    found = bench.runs((NAIVE, FULL, VERDICT), 0, count)
    step = min(10, count)
    starts = range(0, count - step + 1, step)
    rows = [
        [way.name, *(f"{1000 * fmean(_seconds(runs)[at : at + step]):.1f}" for at in starts)]
        for way, runs in zip((NAIVE, FULL, VERDICT), found, strict=True)
    ]
    heads = [f"{at + 1} to {at + step}" for at in starts]
    _print("Milliseconds per sentence over the reply, 0 % edits", ["sentences", *heads], rows)


def concurrent(bench: Bench) -> None:
    """Correct replies side by side, each in a thread of its own, and one after the other."""
    options, model = bench.options, bench.model
    rows = []
    bench.tell(model, 10)
    for count in tqdm(options.replies, "side by side", leave=False):
        every = replies(bench.scripts[10], count, options.reply_sentences)
        tried = []
        # Many are a round of their own, and a few of them show what one costs.
        for _ in range(options.rounds if count < 16 else 1):
            apart, apart_passes = _rate(bench, model, every[:16], 1)
            together, together_passes = _rate(bench, model, every, count)
            tried.append((apart, together, together / apart, apart_passes, together_passes))
        rows.append([str(count), *_each("{:.2f}", map(median, zip(*tried, strict=True)))])
    heads = ["replies", "one after the other: sentences/s", "side by side: sentences/s", "ratio"]
    heads += ["passes per sentence", "side by side"]
    _print(f"Replies of {options.reply_sentences} sentences at once, 10 % edits", heads, rows)


def _rate(bench: Bench, model: Any, every: Sequence[Reply], num_threads: int) -> tuple[float, float]:
    """Return sentences per second and passes per sentence."""
    prepare = FULL.make(model, bench.tokenizer)
    passes, started = model.num_passes, bench.clock()
    _correct_all(prepare, model, every, num_threads)
    num = sum(len(reply.sentences) for reply in every)
    return num / (bench.clock() - started), (model.num_passes - passes) / num


def _correct_all(prepare: Prepare, model: Any, every: Sequence[Reply], num_threads: int) -> None:
    with ThreadPoolExecutor(num_threads) as threads:
        for _ in threads.map(lambda reply: Run(prepare, reply, model).correct_all(), every):
            pass


def memory(bench: Bench) -> None:
    """See what is kept of many replies, and what that does to the process."""
    options = bench.options
    model = bench.made(width=options.memory_width or (128 if options.layout == "llama" else 1024), layers=4)
    bench.tell(model, 10)
    aligner = TransformersAligner.from_model(model, bench.tokenizer, cache_bytes=options.memory_budget * MB)
    prepare, kept = aligning(aligner), aligner._local.load().decoder.memory  # noqa: SLF001  # what is measured
    # No question twice: its prompt would be read from its last token on, and the table needs to see the sentence.
    num_replies = options.memory_replies + options.memory_together
    every = replies(bench.scripts[10], num_replies, options.memory_sentences)
    every, side = every[: options.memory_replies], every[options.memory_replies :]
    rows = [["before", *_held(kept)]]
    for number, reply in enumerate(tqdm(every, "one after the other", leave=False), 1):
        Run(prepare, reply, model).correct_all()
        if number in (-(-len(every) // 4), len(every)):
            rows.append([f"after {number} replies", *_held(kept)])
    _correct_all(prepare, model, side, len(side))
    rows.append([f"after {len(side)} more, side by side", *_held(kept)])
    heads = ["", "held, MB", "budget, MB", "process, MB"]
    heads += ["most on the device, MB"] if torch.cuda.is_initialized() else []
    title = f"Memory, replies of {options.memory_sentences} sentences, 10 % edits, {_size(model)}"
    _print(title, heads, rows)


def _held(kept: Memory) -> list[str]:
    peak = [torch.cuda.max_memory_allocated()] if torch.cuda.is_initialized() else []
    amounts = [kept.num_bytes, kept.kept_bytes, psutil.Process().memory_info().rss, *peak]
    return _each("{:.0f}", (amount / MB for amount in amounts))


def plain(bench: Bench) -> None:
    """Set an unchanged sentence against one pass over as many tokens, with nothing around it."""
    ways, count = (NAIVE, FULL, PASS, VERDICT, VERDICT_PASS), 20
    found = bench.runs(ways, 0, count)
    seconds = [median(_seconds(runs)[-LAST:]) for runs in found]
    bases = [seconds[number] for number in (2, 2, 2, 4, 4)]
    rows = [
        [way.name, f"{median(runs[0].fed[-LAST:]):.0f}", f"{1000 * taken:.1f}", f"{taken / base:.2f}"]
        for way, runs, taken, base in zip(ways, found, seconds, bases, strict=True)
    ]
    _print(f"An unchanged sentence, one of the last {LAST} of {count}", ["", "tokens", "ms", "times the pass"], rows)


def _seconds(runs: Sequence[Run]) -> list[float]:
    """Return the median for each sentence."""
    return [median(values) for values in zip(*(run.seconds for run in runs), strict=True)]


def _each(form: str, values: Any) -> list[str]:
    return [form.format(value) for value in values]


def _print(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    print(f"{title}\n", *(f"| {' | '.join(line)} |" for line in lines), sep="\n", end="\n\n", flush=True)


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "engines": engines, "flat": flat, "concurrent": concurrent, "memory": memory, "pass": plain,
}  # fmt: skip


def _size(model: Any) -> str:
    return f"{model.num_parameters() / 1e6:.1f} M parameters"


def _hardware(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    add("--device", default="cpu")
    add("--layout", choices=("llama", "gemma"), help="by default a Llama on a processor, a Gemma elsewhere")
    for name in ("--width", "--layers", "--vocab"):
        add(name, type=int, help="by default the layout's")
    add("--threads", type=int, default=1)
    add("--clock", choices=("wall", "cpu"), default="wall", help="the process's time is steadier on a busy processor")
    add("--sentences", type=int, nargs="+", default=[20, 60], help="lengths of replies")
    add("--every-way", action="store_true", help="do not leave the slow ways beside `generate` out of longer replies")
    add("--edits", type=int, default=1, choices=range(1, 5), help="in a sentence that is edited")
    add("--rounds", type=int, default=3, help="how often each sentence is corrected in each way")
    add("--naive-rounds", type=int, default=1, help="of what is slow")
    add("--replies", type=int, nargs="+", default=[1, 4, 16, 64], help="so many at once")
    add("--reply-sentences", type=int, default=6, help="length of each of those")
    for name, value in (("replies", 200), ("together", 64), ("sentences", 40), ("budget", 256), ("width", None)):
        add(f"--memory-{name}", type=int, default=value)
    options = parser.parse_args()
    options.layout = options.layout or ("llama" if options.device == "cpu" else "gemma")
    torch.set_num_threads(options.threads)
    bench = Bench(options)
    print(
        f"{_hardware(options.device)}, {options.device}, {options.threads} thread(s); torch {torch.__version__}, "
        f"transformers {transformers.__version__}; {options.layout}, {_size(bench.model)}, "
        f"{str(bench.model.dtype).removeprefix('torch.')}. Answers are forced by a copy oracle over real passes, and "
        f"every way came to the same text. Medians of {options.rounds} rounds, of what is slow {options.naive_rounds}; "
        f"{options.clock} time.\n",
        flush=True,
    )
    # What is set up at the first use is not measured.
    bench.runs((*WAYS, PASS, VERDICT_PASS), 0, 2)
    for name in options.sections:
        SECTIONS[name](bench)


if __name__ == "__main__":
    main()
