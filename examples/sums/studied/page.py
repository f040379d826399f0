"""Write the page of the experiments: `notes.md` with every {{name}} replaced by the figure, table or plot it names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from studied import plots
from studied.plans import COPY_SHARES, ROUNDS, SHORT_OF
from studied.timing import TIMED

NAME = "README.md"
NOTES = Path(__file__).with_name("notes.md")
_NAMED = re.compile(r"\{\{([^{}]+)\}\}")

Labels = Sequence[tuple[str, str]]
LABELS: Mapping[str, Labels] = {
    "a": (
        ("bare", "bare"),
        ("whole-answer Aligner", "whole"),
        ("sentences, no feedback", "shown"),
        ("Stream Aligner", "stream"),
    ),
    "times": (
        ("whole answers, a third of the training", "brief-whole"),
        ("sentences, a third of the training", "brief-stream"),
        ("whole answers", "whole-0"),
        ("sentences", "stream-0"),
        ("whole answers, thrice the training", "long-whole"),
        ("sentences, thrice the training", "long-stream"),
    ),
    "strange": (("whole answers", "whole-0"), ("the same, given another problem's solution", "strange-whole")),
    "b": tuple((f"sentences aligned: {count}", way) for count, way in SHORT_OF.items()),
    "c": tuple((f"copy share {share} %", way) for share, way in COPY_SHARES.items()),
    "d": (("3 layers", "small"), ("4 layers", "stream-0"), ("6 layers", "large")),
    "f": (
        ("before", "bare"),
        *((f"after round {number}", f"round-{number}") for number in ROUNDS),
        ("before, with its aligner", "stream-0"),
    ),
    "g": (("template of the paper", "paper"), ("template `verdict`", "stream-0")),
}
"""What every table and plot shows: a label and a way of answering each."""
TITLES = {
    "a": "Problems solved, three training seeds by three sampling seeds",
    "times": "How long both are trained",
    "strange": "What an aligner of whole answers makes of a draft that is of no use",
    "b": "How many sentences are aligned",
    "c": "How much of the training is copying",
    "d": "How large the aligner is",
    "e": "Time to the first sentence and to the end, 5 ms a token",
    "f": "The upstream tuned on what its aligner made of its replies",
    "g": "The form in which the aligner is asked",
}
_TIMED = {
    "bare": "bare",
    "whole-0": "whole-answer Aligner",
    "shown-0": "sentences, no feedback",
    "stream-0": "Stream Aligner, this loop",
    "published": "Stream Aligner, published loop",
}


def write(results: Mapping[str, Any], docs: Path) -> None:
    """Write the page, its plots and the figures that they are made of."""
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for name, labels in LABELS.items():
        plots.dots(
            docs / f"{name}.svg",
            TITLES[name],
            [(label.replace("`", ""), results["answers"][way]["right"]) for label, way in labels],
        )
    seconds = {way: results["timings"][way] for way in TIMED}
    rows = [(_TIMED[way], each["first"]["value"], each["seconds"]["value"]) for way, each in seconds.items()]
    plots.bars(docs / "e.svg", TITLES["e"], rows)
    (docs / NAME).write_text(filled(NOTES.read_text(encoding="utf-8"), results), encoding="utf-8")


def filled(notes: str, results: Mapping[str, Any]) -> str:
    """Return the notes with every {{name}} replaced; raises `KeyError` for a name that means nothing."""
    kinds: dict[str, Callable[[str], str]] = {
        "right": lambda way: _percent(results["answers"][way]["right"]),
        "more": lambda pair: _points(results["differences"][pair]),
        "waste": lambda way: f"{results['timings'][way]['waste']['value']:.2f}",
        "about": lambda name: str(results["about"][name]).strip("[]"),
        "plot": lambda name: f"![{TITLES[name]}]({name}.svg)",
        "table": lambda name: _TABLES.get(name, _answers)(name, results),
    }

    def replaced(named: re.Match[str]) -> str:
        kind, _, name = named[1].strip().partition(" ")
        return kinds[kind](name)

    return _NAMED.sub(replaced, notes)


def _answers(name: str, results: Mapping[str, Any]) -> str:
    heading = ("", "solved, %", "by seeds, %", "upstream calls", "written ÷ shown", "aligner tokens")
    return _table(heading, [(label, *_cells(results["answers"][way])) for label, way in LABELS[name]])


def _sizes(name: str, results: Mapping[str, Any]) -> str:
    models = results["models"]
    heading = ("", "parameters", "minutes trained", "solved, %", "by seeds, %", "upstream calls", "aligner ms a reply")
    rows = []
    for label, way in LABELS[name]:
        model, each = models[way], results["answers"][way]
        solved, by_seeds, calls, *_ = _cells(each)
        rows.append(
            (
                label,
                f"{model['parameters']:,}",
                f"{model['minutes']:.1f}",
                solved,
                by_seeds,
                calls,
                f"{1000 * each['seconds']:.0f}",
            )
        )
    return _table(heading, rows)


def _timings(_: str, results: Mapping[str, Any]) -> str:
    heading = ("", "first sentence, ms", "whole reply, ms", "upstream calls", "written ÷ shown", "solved, %")
    rows = []
    for way in TIMED:
        each = results["timings"][way]
        first, seconds = (f"{1000 * each[name]['value']:.0f}" for name in ("first", "seconds"))
        waste = f"{each['waste']['value']:.2f}"
        rows.append((_TIMED[way], first, seconds, f"{each['calls']:.2f}", waste, _percent(each["right"])))
    return _table(heading, rows)


_TABLES = {"d": _sizes, "e": _timings}


def _cells(answered: Mapping[str, Any]) -> tuple[str, ...]:
    by_seeds = ", ".join(f"{100 * share:.1f}" for share in answered["by set"])
    calls = f"{answered['upstream_calls']:.2f}" if "upstream_calls" in answered else "1"
    tokens = f"{answered['aligner_tokens']:.0f}" if "aligner_tokens" in answered else ""
    return _percent(answered["right"]), by_seeds, calls, f"{answered['waste']['value']:.2f}", tokens


def _percent(estimate: Mapping[str, float]) -> str:
    value, low, high = (100 * estimate[name] for name in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def _points(estimate: Mapping[str, float]) -> str:
    value, low, high = (100 * estimate[name] for name in ("value", "low", "high"))
    return f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---", *["--:"] * (len(heading) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
