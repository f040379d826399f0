"""The soak: thousands of replies out of seeds, killed processes, crowds, and replies that are very long or never end.

    python -m benchmarks.soak [--scenarios 10000] [--kills 1000] [--replies 2000] [--sentences 20000] [--seed 0]

Prints a table in Markdown, and every finding with the seed that brings it back. Exit code 1 if there is a finding.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from benchmarks.crowds import crowd
from benchmarks.lengths import Row, bounds, long_reply
from tests.durable.killing import kills
from tests.soak.running import no_waiting, run, shown
from tests.soak.scripts import KINDS, scenario


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
        (1, bounds),
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
