"""What the segmenter costs per token, how its time grows with the text, and how early it knows a sentence.

Run from the root of the repository: `python benchmarks/segmenter.py`. Times are those of the processor, so others on
the machine disturb them little; read them only beside others of the same run.
"""

import gc
import json
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # the shapes and texts are those of the tests

from stream_aligner_lc.segmentation import Segmenter  # noqa: E402
from tests.segmentation.shapes import SHAPES, shape  # noqa: E402

TOKEN = re.compile(r" ?\w+| ?[^\w\s]+|\s+(?=\S)|\s+")
TEXTS = ROOT / "tests" / "segmentation"
MICROSECONDS = 1e6
GROWTH = 4
SMALL = 8000  # characters


def costs(text: str) -> list[float]:
    """Return the seconds that each feed of four characters takes, sorted, without the garbage collector."""
    segmenter, taken = Segmenter(), []
    gc.collect()
    gc.disable()
    for i in range(0, len(text), 4):
        started = time.process_time()
        segmenter.feed(text[i : i + 4])
        taken.append(time.process_time() - started)
    gc.enable()
    return sorted(taken)


def waits(text: str) -> list[int]:
    """Return for each sentence how many tokens after its last one it is decided."""
    segmenter, ends, known, found = Segmenter("en"), [], {}, []
    for number, token in enumerate(TOKEN.findall(text)):
        ends.append((ends[-1] if ends else 0) + len(token))
        seen = segmenter.feed(token)
        if (ahead := segmenter.peek()) is not None:
            seen = [*seen, ahead]
        for s in seen:
            if s.start not in known:
                known[s.start] = number
                core_end = s.start + len(s.lead) + len(s.core)
                found.append(number - next(i for i, end in enumerate(ends) if end >= core_end))
    return found


def report_costs(name: str, text: str) -> None:
    """Print the percentiles of what a token costs."""
    taken = costs(text)
    p50, p99, p999 = (taken[int(len(taken) * part)] * MICROSECONDS for part in (0.5, 0.99, 0.999))
    print(f"{name:30} p50 {p50:6.1f} us   p99 {p99:6.1f} us   p99.9 {p999:6.1f} us")


def report_growth() -> None:
    """Print for each shape by how much the time grows when the text grows four times."""
    print(f"\ntime({GROWTH}n) / time(n), n = {SMALL}, and the cost of a token")
    for name in SHAPES:
        small = min(sum(costs(shape(name, SMALL))) for _ in range(3))
        large = min(sum(costs(shape(name, GROWTH * SMALL))) for _ in range(3))
        print(f"{name:30} {large / small:5.2f} {small / SMALL * 4 * MICROSECONDS:8.1f} us")


def main() -> None:
    """Print everything."""
    prose = (TEXTS / "fixtures" / "plain.txt").read_text(encoding="utf-8")
    markdown = "".join(path.read_text(encoding="utf-8") for path in sorted((TEXTS / "fixtures").glob("*.md")))
    cases = json.loads((TEXTS / "cases.json").read_text(encoding="utf-8"))
    report_costs("prose", prose * 40)
    report_costs("markdown", markdown * 20)
    report_costs("the cases, many languages", "\n\n".join(case["text"] for case in cases) * 10)
    report_costs("every shape", "\n\n".join(shape(name, 2000) for name in SHAPES))
    found = waits(prose)
    at_once = sum(wait <= 1 for wait in found) / len(found)
    print(
        f"\nprose: {at_once:.0%} of {len(found)} sentences known by the next token, mean {sum(found) / len(found):.2f}"
    )
    report_growth()


if __name__ == "__main__":
    main()
