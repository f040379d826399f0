"""Figures as pictures: dots with their intervals, and bars of seconds. SVG, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MARK, PALE = "#7d8590", "#2f81f7", "#8ebdf9"
_SETTINGS: Any = {
    "svg.hashsalt": "stream-aligner",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}
_ROW = 0.34
"""Inches."""


def dots(file: Path, title: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Draw shares with their intervals, one a row: a label and the fields of an `Estimate`."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(7, 0.95 + _ROW * len(rows)), layout="constrained")
        axes: Axes = figure.subplots()
        places = range(len(rows))
        values = [100 * each["value"] for _, each in rows]
        reach = [
            [100 * (each["value"] - each["low"]) for _, each in rows],
            [100 * (each["high"] - each["value"]) for _, each in rows],
        ]
        axes.errorbar(values, list(places), xerr=reach, fmt="o", color=MARK, capsize=3, markersize=5)
        for place, value, more in zip(places, values, reach[1], strict=True):
            axes.annotate(
                f"{value:.1f}", (value + more, place), xytext=(6, 0), textcoords="offset points", va="center", color=INK
            )
        axes.set_yticks(list(places), [label for label, _ in rows])
        axes.set_xlabel("% of the problems solved")
        low = min(value - less for value, less in zip(values, reach[0], strict=True))
        # Room for the figure beside the last dot.
        axes.set_xlim(max(0, low - 5), 108)
        axes.set_xticks([tick for tick in axes.get_xticks() if low - 5 <= tick <= 100])
        _finish(figure, axes, title, file)


def bars(file: Path, title: str, rows: Sequence[tuple[str, float, float]]) -> None:
    """Draw seconds, one a row: a label, the first sentence (dark) and the whole reply (pale)."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(7, 1.05 + _ROW * len(rows)), layout="constrained")
        axes: Axes = figure.subplots()
        places = range(len(rows))
        axes.barh(list(places), [total for _, _, total in rows], color=PALE, height=0.62, label="whole reply")
        axes.barh(list(places), [first for _, first, _ in rows], color=MARK, height=0.62, label="first sentence")
        for place, (_, first, total) in zip(places, rows, strict=True):
            axes.annotate(
                f"{1000 * first:.0f} / {1000 * total:.0f} ms",
                (total, place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=INK,
            )
        axes.set_yticks(list(places), [label for label, _, _ in rows])
        axes.set_xlabel("seconds, median")
        axes.set_xlim(0, 1.28 * max(total for _, _, total in rows))
        axes.legend(frameon=False, labelcolor=INK, loc="upper right")
        _finish(figure, axes, title, file)


def _finish(figure: Figure, axes: Axes, title: str, file: Path) -> None:
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.5)
    axes.set_axisbelow(True)
    # Without a date the same figures give the same bytes.
    figure.savefig(file, transparent=True, metadata={"Date": None})
