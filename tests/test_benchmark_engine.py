"""The benchmark of the aligner runs, and stops where two ways come to different texts; its times are not looked at."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SMALL = [
    "--width=64", "--layers=1", "--vocab=2048", "--sentences", "3", "8", "--rounds=1", "--replies", "1", "4",
    "--memory-replies=4", "--memory-together=3", "--memory-sentences=4", "--memory-budget=1", "--memory-width=64",
]  # fmt: skip
SLOW = ["`prompt_lookup_num_tokens=24`", "cache reuse only", "sentence as draft only"]
NAIVE, FULL, WARMED = "naive `generate`", "both: the aligner", "both, prefix read before: critical path"
VERDICT = "the aligner, `verdict` template"


def measured(*options, code=None):
    start = ["-c", code] if code else [str(ROOT / "benchmarks" / "engine.py")]
    return subprocess.run(
        [sys.executable, *start, *SMALL, *options], cwd=ROOT / "benchmarks", capture_output=True, text=True, check=False
    )


def tables(output):
    """Return the rows of each table, below its title."""
    found = {}
    for title, text in re.findall(r"^([^|\n]+)\n\n((?:\|.*\n)+)", output, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
        assert len({len(row) for row in rows}) == 1, "a row is longer than the head"
        found.setdefault(title, []).append({row[0]: row[1:] for row in rows[2:]})
    return found


@pytest.fixture(scope="module", params=["llama", "gemma"])
def output(request):
    done = measured("--layout", request.param, "--edits", "2")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_section_prints_its_table(output):
    short, long = tables(output)["Ways to correct"]
    assert list(short) == [NAIVE, *SLOW, FULL, WARMED, VERDICT]
    assert list(long) == [NAIVE, FULL, WARMED, VERDICT]
    rest = [list(table) for name, (table, *_) in tables(output).items() if name != "Ways to correct"]
    over_the_reply, at_once, memory, one_pass = rest
    assert over_the_reply == [NAIVE, FULL, VERDICT]
    assert at_once == ["1", "4"]
    assert memory == ["before", "after 1 replies", "after 4 replies", "after 3 more, side by side"]
    assert len(one_pass) == 5


def test_an_unchanged_sentence_takes_one_pass_and_an_edited_one_a_few(output):
    short, long = tables(output)["Ways to correct"]
    passes = {name: [float(count) for count in row[6].split(" / ")] for name, row in {**short, **long}.items()}
    for name in (FULL, WARMED, VERDICT):
        unchanged, _, edited = passes[name]
        assert unchanged == 1 < edited < passes[NAIVE][2] / 3


def test_the_header_says_what_was_run(output):
    header = output.partition("\n")[0]
    for part in ("1 thread(s)", "torch", "transformers", "M parameters", "every way came to the same text"):
        assert part in header


def test_another_text_stops_it():
    code = """
import runpy, sys, transformers
generate = transformers.GenerationMixin.generate
transformers.GenerationMixin.generate = lambda self, ids, **options: generate(self, ids, **options)[:, :-2]
sys.path.insert(0, ".")
runpy.run_path("engine.py", run_name="__main__")
"""
    done = measured("--sections", "engines", "--sentences", "2", code=code)
    assert done.returncode == 1
    assert "RuntimeError" in done.stderr
