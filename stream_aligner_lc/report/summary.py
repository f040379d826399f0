"""The head of the page: figures with their intervals, as tables and plots. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from stream_aligner_lc.corrections import CHANGED
from stream_aligner_lc.report.charts import Dot, columns, dot_plot, stacked_bar
from stream_aligner_lc.report.reading import Reported

_ORDER = ("accepted", "replaced", "removed", "kept", "skipped")
_MAX_COLUMNS = 60


def summary_of(reported: Reported) -> str:
    """Return the summary as HTML; of a log what its sentences say."""
    results = reported.results
    parts = [_about(reported)]
    if results:
        parts += [_quality(results), _costs(results["costs"])]
    verdicts = reported.verdicts
    parts.append(stacked_bar("Sentences by verdict", {name: verdicts[name] for name in _ORDER if verdicts.get(name)}))
    parts.append(_by_place(reported))
    return "\n".join(parts)


def _about(reported: Reported) -> str:
    about = dict(reported.results.get("about", {}))
    replies = len(reported.replies)
    facts = {"replies": f"{replies:,}", **{name: str(value) for name, value in about.items()}}
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{items}</dl>'


def _quality(results: Mapping[str, Any]) -> str:
    shares = {"right answers": results["answers"]} if results["answers"] else {}
    shares |= {f"passes: {kind}": compared for kind, compared in results["rubrics"].items()}
    parts = []
    if shares:
        dots = [dot for name, compared in shares.items() for dot in _pair(name, compared)]
        parts.append(dot_plot("Bare and aligned, with 95 % intervals", dots, start=0, end=1))
    if results["preferences"]:
        dots = [dot for name, preference in results["preferences"].items() for dot in _preferred(name, preference)]
        title = "Preference for the aligned reply: (wins - losses) / all, both orders"
        parts.append(dot_plot(title, dots, start=-1, end=1, middle=0, ticks="{:+.0%}"))
    for name, compared in results["scores"].items():
        bounds = [compared[side][bound] for side in ("bare", "aligned") for bound in ("low", "high")]
        dots = list(_pair("mean score", compared, form="{:.3g}"))
        parts.append(dot_plot(f"Score by {name}", dots, start=min(bounds), end=max(bounds), ticks="{:.3g}"))
    edits = results["edits"]
    dots = [_share("sentences changed", edits["changed"]), _share("replies changed", edits["replies_changed"])]
    if edits["benign_changed"]:
        dots.append(_share("benign sentences changed", edits["benign_changed"], css="bare"))
        dots.append(_share("benign replies changed", edits["benign_replies_changed"], css="bare"))
    parts.append(dot_plot("What the aligner changed", dots, start=0, end=1))
    return "\n".join(parts)


def _costs(costs: Mapping[str, Any]) -> str:
    about = "about " if costs["estimated"] else ""
    rows = [
        ("seconds to the first sentence", _figure(costs["bare_first_sentence"]), _figure(costs["first_sentence"])),
        ("seconds in all", _figure(costs["bare_total"]), _figure(costs["total"])),
        ("upstream tokens", f"{about}{costs['bare_upstream_tokens']:,}", f"{about}{costs['upstream_tokens']:,}"),
        ("aligner tokens", "", f"{costs['aligner_tokens']:,}"),
        ("upstream calls a reply", "1", _figure(costs["upstream_calls"])),
        ("upstream text written / shown", "1", _figure(costs["waste"])),
    ]
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(bare)}</td><td>{escape(aligned)}</td></tr>'
        for name, bare, aligned in rows
    )
    head = '<tr><td></td><th scope="col">bare</th><th scope="col">aligned</th></tr>'
    return f'<table class="costs"><caption>What it cost</caption><thead>{head}</thead><tbody>{body}</tbody></table>'


def _by_place(reported: Reported) -> str:
    counted: list[list[int]] = []
    for reply in reported.replies:
        for place, sentence in enumerate(reply["aligned"]["sentences"][:_MAX_COLUMNS]):
            if place == len(counted):
                counted.append([0, 0])
            counted[place][0] += sentence["verdict"] in CHANGED
            counted[place][1] += 1
    if len(counted) < 2:
        return ""
    shares = [changed / total for changed, total in counted]
    return columns("Share of sentences changed, by their place in the reply", shares, below="sentence of the reply")


def _pair(name: str, compared: Mapping[str, Any], form: str = "{:.1%}") -> Sequence[Dot]:
    return [_dot(f"{name}, {side}", compared[side], side, form) for side in ("bare", "aligned")]


def _preferred(name: str, preference: Mapping[str, Any]) -> Sequence[Dot]:
    return [
        _dot(name, preference["net"], "aligned", "{:+.1%}"),
        _dot(f"{name}, at equal length", preference["net_at_equal_length"], "other", "{:+.1%}"),
    ]


def _share(name: str, estimate: Mapping[str, float], css: str = "aligned") -> Dot:
    return _dot(name, estimate, css, "{:.1%}")


def _dot(label: str, estimate: Mapping[str, float], css: str, form: str) -> Dot:
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    return Dot(label, value, low, high, css, f"{form.format(value)} [{form.format(low)}, {form.format(high)}]")


def _figure(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.3g} [{estimate['low']:.3g}, {estimate['high']:.3g}]"
