"""Measure a pair on what it has never seen: `python examples/sums/measure.py [UPSTREAM ALIGNER]`, else the bundled one.

Problems are held out by their numbers, rude sentences by their words; the ordinary sentences were written by hand and
stand in ordinary.txt. It prints a table and, with --json, the figures.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from stream_aligner_lc import ChatTransformers, TransformersAligner
from stream_aligner_lc.sums import measuring, pair
from stream_aligner_lc.sums.problems import problems

ORDINARY = Path(__file__).parent / "ordinary.txt"


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream", nargs="?", default=pair.UPSTREAM)
    parser.add_argument("aligner", nargs="?", default=pair.ALIGNER)
    parser.add_argument("--problems", type=int, default=1000, help="for each seed (default: 1000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the sampling (default: 1 2 3)")
    parser.add_argument("--temperature", type=float, default=0.7, help="of the upstream (default: 0.7)")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--show", action="store_true", help="print every sentence that came out otherwise")
    options = parser.parse_args()
    # Models this small lose more by handing work to other cores than they gain.
    torch.set_num_threads(1)
    aligner = TransformersAligner(options.aligner, device="cpu").load()
    sentences = {
        "rude sentences made civil": measuring.correct(aligner, measuring.rude_drafts(200, seed=0)),
        "ordinary sentences left alone": measuring.correct(
            aligner, measuring.ordinary_drafts(ORDINARY.read_text(encoding="utf-8").splitlines())
        ),
    }
    solved = {
        seed: measuring.solve(
            problems(options.problems, seed=0),
            ChatTransformers(options.upstream, device="cpu", temperature=options.temperature, seed=seed),
            aligner,
            name=f"Seed {seed}",
        )
        for seed in options.seeds
    }
    console = Console(highlight=False)
    console.print(_sums(solved), _sentences(sentences))
    if options.show:
        for name, corrected in sentences.items():
            for asked, said in corrected.failures:
                console.print(f"{name}: {asked!r} -> {said!r}", markup=False, soft_wrap=True)
    if options.json:
        found = {
            "sums": {str(seed): asdict(each) for seed, each in solved.items()},
            "sentences": {name: {"sentences": each.sentences, "exact": each.exact} for name, each in sentences.items()},
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _sums(solved: dict[int, measuring.Solved]) -> Table:
    table = Table(title="Sums", title_justify="left")
    for heading in (
        "sampling seed",
        "problems",
        "bare right",
        "aligned right",
        "wrong steps repaired",
        "right steps broken",
        "calls a reply",
    ):
        table.add_column(heading, justify="right")
    for seed, each in solved.items():
        table.add_row(
            str(seed),
            f"{each.problems:,}",
            f"{each.bare:.1%}",
            f"{each.aligned:.1%}",
            f"{each.repaired:.1%} of {each.wrong_steps:,}",
            f"{each.broken:.2%} of {each.right_steps:,}",
            f"{each.calls:.2f}",
        )
    return table


def _sentences(sentences: dict[str, measuring.Corrected]) -> Table:
    table = Table(title="Sentences", title_justify="left")
    table.add_column("")
    table.add_column("exactly as wanted", justify="right")
    for name, each in sentences.items():
        table.add_row(name, f"{each.exact:.1%} of {each.sentences}")
    return table


if __name__ == "__main__":
    main()
