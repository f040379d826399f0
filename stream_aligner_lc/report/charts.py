"""Plots as SVG that takes its colours from the page. Pure functions, no I/O.

Rule: every number that is drawn is also written beside it, for readers and for screen readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

# Narrow enough for a phone: what is written stands above what is drawn.
_WIDTH, _ROW, _EDGE = 380, 38, 6


class Dot(NamedTuple):
    """One estimate in a plot, with its interval, all three in the plot's unit."""

    label: str
    value: float
    low: float
    high: float
    css: str = "aligned"
    said: str = ""
    """What is written beside it."""


def dot_plot(
    title: str, dots: Sequence[Dot], *, start: float, end: float, middle: float | None = None, ticks: str = "{:.0%}"
) -> str:
    """Return estimates with their intervals on one axis from `start` to `end`, with a line at `middle`."""
    foot = _ROW * len(dots) + 6

    def x(value: float) -> float:
        share = (value - start) / ((end - start) or 1)
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * min(1.0, max(0.0, share)), 1)

    parts = [f'<line class="axis" x1="{_EDGE}" x2="{_WIDTH - _EDGE}" y1="{foot}" y2="{foot}"/>']
    marks = {start: "start", (start + end) / 2: "middle", end: "end"}
    parts += [
        f'<text class="tick" x="{x(value)}" y="{foot + 14}" text-anchor="{anchor}">{ticks.format(value)}</text>'
        for value, anchor in marks.items()
    ]
    if middle is not None:
        parts.append(f'<line class="middle" x1="{x(middle)}" x2="{x(middle)}" y1="0" y2="{foot}"/>')
    for row, dot in enumerate(dots):
        y = _ROW * row
        parts += [
            f'<text x="0" y="{y + 13}">{escape(dot.label)}</text>',
            f'<text x="{_WIDTH}" y="{y + 13}" text-anchor="end">{escape(dot.said)}</text>',
            f'<line class="whisker {dot.css}" x1="{x(dot.low)}" x2="{x(dot.high)}" y1="{y + 25}" y2="{y + 25}"/>',
            f'<circle class="{dot.css}" cx="{x(dot.value)}" cy="{y + 25}" r="4.5"/>',
        ]
    return _figure(title, foot + 20, parts)


def stacked_bar(title: str, counts: Mapping[str, int]) -> str:
    """Return shares of a whole as one bar with a legend."""
    total, x, parts, legend = sum(counts.values()) or 1, 0.0, [], []
    for name, count in counts.items():
        width = _WIDTH * count / total
        parts.append(f'<rect class="{escape(name)}" x="{x:.1f}" y="0" width="{max(width, 0.5):.1f}" height="20"/>')
        legend.append(
            f'<li><span class="key {escape(name)}"></span>{escape(name)} {count:,} ({count / total:.1%})</li>'
        )
        x += width
    return _figure(title, 20, parts, below=f'<ul class="legend">{"".join(legend)}</ul>')


def columns(title: str, shares: Sequence[float], *, below: str) -> str:
    """Return shares of 1 as columns, numbered from 1; `below` says what is counted along the axis."""
    height, base = 150, 120
    top = max([*shares, 0.01])
    width = _WIDTH / max(1, len(shares))
    parts = [f'<line class="axis" x1="0" x2="{_WIDTH}" y1="{base}" y2="{base}"/>']
    for number, share in enumerate(shares):
        tall = base * 0.88 * share / top
        spot = f'x="{number * width + width * 0.15:.1f}" width="{width * 0.7:.1f}"'
        parts.append(
            f'<rect class="replaced" {spot} y="{base - tall:.1f}" height="{tall:.1f}">'
            f"<title>{number + 1}: {share:.1%}</title></rect>"
        )
        if len(shares) <= 12 or (number + 1) % 10 == 0:
            middle = number * width + width / 2
            parts.append(
                f'<text class="tick" x="{middle:.1f}" y="{base + 15}" text-anchor="middle">{number + 1}</text>'
            )
    parts.append(f'<text class="tick" x="0" y="10">{top:.0%}</text>')
    parts.append(f'<text class="tick" x="{_WIDTH}" y="{height - 2}" text-anchor="end">{escape(below)}</text>')
    return _figure(title, height, parts)


def _figure(title: str, height: float, parts: Sequence[str], below: str = "") -> str:
    drawn = f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn}{below}</figure>"
