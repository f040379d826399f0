"""Tune the upstream on what its aligner makes of its replies, and what comes out once more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stream_aligner_lc.sums import pair
from studied.plans import ROUNDS

SCRIPT = Path(__file__).parents[2] / "bootstrap" / "dpo.py"
_SEEDS = 1000
"""Above the seed of the problems that are measured: others are drawn for the pairs."""


def bootstrap(out: Path, pairs: int) -> None:
    """Run the rounds that have not been run, each from the upstream of the one before, always with one aligner."""
    upstream = Path(pair.UPSTREAM)
    for number in ROUNDS:
        folder = out / f"round-{number}"
        if not (folder / "upstream" / "config.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, str(SCRIPT), str(folder), "--upstream", str(upstream)]
            command += ["--aligner", str(out / "models" / "stream-0"), "--problems", str(pairs), "--measured", "8"]
            command += ["--seed", str(_SEEDS + number)]
            with (folder / "log").open("w", encoding="utf-8") as log:
                environment = {**os.environ, "OMP_NUM_THREADS": "1"}
                done = subprocess.run(  # noqa: S603  # our own command
                    command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False
                )
            if done.returncode:
                sys.exit(f"Round {number} came to no end, {log.name} says why; the same command goes on from there.")
        upstream = folder / "upstream"
