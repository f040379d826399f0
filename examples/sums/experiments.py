"""Prove on the bundled task what the loop is worth: `python examples/sums/experiments.py OUT`, two hours and a half.

Trains the aligners of `studied/plans.py`, has held-out problems answered in every way, times replies, and writes the
page of findings to docs/experiments. What is in OUT is kept: an interrupted run goes on. Needs the extras `train` and
`evaluate`, and matplotlib; no key and no network.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from studied import answering, bootstrapping, page, timing, training
from studied.findings import found
from studied.plans import ARMS, PLANS, SAMPLING_SEEDS, SIZES, WAYS
from tqdm import tqdm

DOCS = Path(__file__).parents[2] / "docs" / "experiments"
Job = Callable[[], Any]


def main() -> None:
    """Run every stage that has not run yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder for models and answers; what is there already is kept")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the page is written (default: docs/experiments)")
    parser.add_argument("--plan", choices=tuple(PLANS), default="full")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="at once, a core each (default: 2)")
    options = parser.parse_args()
    plan, out = PLANS[options.plan], options.out
    for folder in ("models", "rows", "answers", "timings"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    training.write_rows(out, plan)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=context) as pool:
        # The longest first, so that none is left alone at the end.
        arms = sorted(ARMS, key=lambda name: -ARMS[name].times * SIZES[ARMS[name].size])
        run(pool, "Aligners", (partial(training.make_aligner, out, name) for name in arms))
        rounds = pool.submit(bootstrapping.bootstrap, out, plan.pairs)
        asked = partial(answers, out, plan.problems)
        run(pool, "Answers", asked(name for name, way in WAYS.items() if way.tuned is None))
        rounds.result()
        run(pool, "Answers of the tuned", asked(name for name, way in WAYS.items() if way.tuned is not None))
    for way, seed in tqdm([(way, seed) for seed in SAMPLING_SEEDS for way in timing.TIMED], "Timings"):
        timing.time_replies(out, way, seed, plan.problems)
    page.write(found(out, plan), options.docs)
    print(f"Written: {options.docs / page.NAME}")


def answers(out: Path, count: int, ways: Iterable[str]) -> Iterable[Job]:
    """Return a job for every way and each of its sampling seeds."""
    return [partial(answering.answer, out, way, seed, count) for way in ways for seed in WAYS[way].seeds]


def run(pool: ProcessPoolExecutor, name: str, jobs: Iterable[Job]) -> None:
    """Have jobs done side by side; the first that fails ends the run once those that have begun are through."""
    waiting: list[Future[Any]] = [pool.submit(job) for job in jobs]
    try:
        for done in tqdm(as_completed(waiting), name, total=len(waiting)):
            done.result()
    finally:
        for each in waiting:
            each.cancel()


if __name__ == "__main__":
    main()
