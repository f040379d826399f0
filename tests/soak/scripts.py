"""Scenarios: what an upstream means to say, what an aligner thinks of it, what goes wrong, and who walks away.

Rule: `scenario` is a pure function of its seed, so that a seed is all that a finding needs to be found again.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.leaks.probes import REPLACED as MARK

WORD, INSTEAD = "horse", "mule"
FAILS = ("raise", "garbage", "stall")
CHANGES = ("replace", "remove", "end")
THOUGHT = "a pondered thought"
TOOLS = tuple({"name": "look_up", "args": {"what": what}, "id": f"call_{what}", "type": "tool_call"} for what in "ab")
# A time in which some replies are not told, and one in which every reply is.
SHORT, LONG = 0.02, 300.0
# A fault that is tried again, at most two in a row: three tries are the default.
RETRIED = ("drop", "busy", "stall")


@dataclass(frozen=True)
class Sentence:
    """What the upstream means to say, what stands behind it, and what the aligner makes of it."""

    raw: str
    after: str
    answer: str = "accept"
    """accept, slow, replace, remove, end, raise, garbage or stall."""
    shown: str = ""
    kind: str = "prose"


@dataclass(frozen=True)
class Fault:
    """What is wrong with one upstream call: drop or stall (after so many chunks), busy, empty, or dead from then on.

    Or it does not go on from the prefix: echo (says it again before it goes on) or anew (starts over with its drafts).
    """

    kind: str
    chunks: int = 1


@dataclass(frozen=True)
class Leaving:
    """How a reader walks away after so many chunks, and after so many turns of the event loop more."""

    how: str
    """break, close, cancel or timeout."""
    chunks: int = 1
    turns: int = 0


@dataclass(frozen=True)
class Scenario:
    """One reply: who says what, who fails when, who reads how."""

    seed: int
    kind: str
    sentences: tuple[Sentence, ...]
    finish: str = "stop"
    chunking: tuple[int, ...] = (5,)
    faults: dict[int, Fault] = field(default_factory=dict)
    """By the number of the upstream call, from 1."""
    options: dict[str, Any] = field(default_factory=dict)
    aligner: str = "class"
    """class, joint, function, or async function."""
    colour: str = "sync"
    place: str = "chat"
    """chat, invoke or graph."""
    thought: str = ""
    """What the upstream says to itself first, in every call."""
    calls_tool: bool = False
    """Whether the upstream calls tools behind its text."""
    overruns: bool = False
    """Whether the upstream ignores its `max_tokens`."""
    is_heard: bool = False
    """A callback handler of the reader's own listens."""
    leaving: Leaving | None = None

    @property
    def question(self):
        """What the upstream is asked: by it everyone knows which reply is meant."""
        return f"Tell me story {self.seed}, and take your time about it."

    @property
    def text(self):
        """All that the upstream means to say."""
        return "".join(each.raw + each.after for each in self.sentences)


_CALLING = ("accepted", "corrected", "upstream faults")
KINDS = ("accepted", "corrected", "upstream faults", "aligner faults", "bounds", "left", "mixed")


def scenario(seed, **fixed):
    """Return the scenario of `seed`; `fixed` are fields that are given, `options` and `aligner` among them."""
    rng = random.Random(seed)
    kind = fixed.get("kind") or KINDS[seed % len(KINDS)]
    options = _options(rng, kind)
    options = fixed.get("options", options)
    parts = {
        "seed": seed,
        "kind": kind,
        "chunking": tuple(rng.choice((1, 2, 3, 7, 20, 400)) for _ in range(rng.randint(1, 4))),
        "options": options,
        "aligner": rng.choice(("class", "joint", "function", "async function")),
        "colour": rng.choice(("sync", "async")),
        "place": rng.choice(("chat", "chat", "graph", "invoke")),
        "is_heard": rng.random() < 0.3,
        "thought": THOUGHT if rng.random() < 0.2 else "",
        "calls_tool": kind in _CALLING and rng.random() < 0.3,
        "overruns": rng.random() < 0.3,
        "faults": _faults(rng, kind),
        **fixed,
    }
    if "max_tokens" in options:
        # Larger chunks are counted by a tokenizer, and what repeats the prefix costs tokens too.
        parts["chunking"] = (rng.choice((1, 2, 3, 7)),)
        parts["faults"] = {n: each for n, each in parts["faults"].items() if each.kind not in ("echo", "anew")}
    if any(each.kind == "stall" for each in parts["faults"].values()):
        if "options" in fixed:
            # Without a limit it would be waited for.
            parts["faults"] = {n: each for n, each in parts["faults"].items() if each.kind != "stall"}
        else:
            parts["options"] = {**options, "upstream_timeout": LONG}
    parts["leaving"] = fixed.get("leaving", _leaving(rng, parts) if kind == "left" else None)
    ends_early = kind in ("bounds", "mixed") and rng.random() < 0.3
    parts["finish"] = "length" if ends_early else "stop"
    parts["sentences"] = _sentences(rng, parts)
    return Scenario(**parts)


def _options(rng, kind):
    options = {
        "lookahead": rng.choice((0, 1, 2, 2, 5)),
        "granularity": rng.choice(("sentence",) * 4 + ("paragraph",) * 2 + ("response",)),
    }
    for name in ("upstream_timeout", "aligner_timeout", "reply_timeout"):
        if rng.random() < 0.15:
            options[name] = LONG
    if rng.random() < 0.5:
        options["reasoning"] = rng.choice(("pass", "drop"))
    if kind in ("accepted", "corrected", "bounds") and rng.random() < 0.2:
        options["align_first"] = rng.randint(0, 8)
    if kind in ("corrected", "bounds") and rng.random() < 0.15:
        options["stop"] = rng.choice((INSTEAD, [INSTEAD, "nowhere"], "is about the mule"))
    if kind in ("accepted", "corrected", "bounds", "upstream faults") and rng.random() < 0.2:
        options["max_tokens"] = rng.choice((1, 5, 20, 50, 100, 200))
    if kind == "bounds":
        options["max_sentences"] = rng.choice((None, None, 1, 3, 8))
        options["reply_timeout"] = rng.choice((None, None, LONG, SHORT))
        options["feedback"] = rng.random() < 0.5
        options["max_restarts"] = rng.choice((0, 1, 2, 64))
    if kind in ("aligner faults", "mixed", "left"):
        options["on_aligner_error"] = rng.choice(("raise", "keep", "keep", "stop"))
        if options["on_aligner_error"] == "keep":
            options["max_aligner_faults"] = rng.choice((None, 1, 2))
        if kind == "aligner faults" and rng.random() < 0.3:
            options["aligner_timeout"] = LONG
    return options


def _faults(rng, kind):
    if kind not in ("upstream faults", "mixed", "left"):
        return {}
    # A stream that stalls is only told from outside by its end, so nobody may walk away from it.
    stalls = ["stall"] * (kind == "upstream faults" and rng.random() < 0.2)
    anew = ["anew"] * (rng.random() < 0.3)
    faults, in_a_row = {}, 0
    for number in range(1, rng.randint(1, 9)):
        named = rng.choice(("drop", "drop", "busy", *stalls, "none", "none", "echo", *anew)) if in_a_row < 2 else "none"
        if number == 1 and named not in ("drop", "stall"):
            continue
        in_a_row = in_a_row + 1 if named in RETRIED else 0
        if named != "none":
            faults[number] = Fault(named, rng.choice((1, 2, 5, 20, 60)))
    if anew and rng.random() < 0.3:
        faults = {n: faults.get(n, Fault("anew")) for n in range(2, 30)} | {
            n: each for n, each in faults.items() if n == 1
        }
    last = rng.random()
    if last < 0.2:
        faults[rng.randint(1, 4)] = Fault("empty" if last < 0.1 else "dead")
    return faults


def _leaving(rng, parts):
    how = ("break", "close") if parts["colour"] == "sync" else ("break", "close", "cancel", "timeout")
    if parts["place"] == "invoke":
        if parts["colour"] == "sync":
            return None
        how = ("cancel", "timeout")
    return Leaving(rng.choice(how), rng.randint(0 if parts["place"] == "invoke" else 1, 6), rng.randint(0, 30))


def _sentences(rng, parts):
    kind, is_cut_off = parts["kind"], parts["finish"] == "length"
    number = rng.randint(1, 14)
    changes = _changes(rng, kind, parts["options"])
    if any(each.kind == "stall" for each in parts["faults"].values()):
        changes = [each for each in changes if each != "end"]  # nobody would read on
    sentences, shape = [], None
    for n in range(number):
        shape, before = _shape(rng, shape, is_last=is_cut_off and n == number - 1)
        if sentences:
            sentences[-1] = _followed(sentences[-1], before)
        is_free = n >= parts["options"].get("align_first", number)
        answer = "accept" if shape in ("code", "table") or is_free else rng.choice(changes)
        if parts["faults"] and answer == "remove":
            # What is removed is said again after a fault, and eight in a row end a reply.
            changes = [each for each in changes if each != "remove"]
        sentences.append(_sentence(shape, n, parts, answer))
    if kind == "bounds" and "align_first" not in parts["options"] and rng.random() < 0.3:
        sentences = [_followed(sentences[0], "\n\n")] if sentences[0].answer != "end" and not is_cut_off else []
        sentences += [_followed(_sentence("prose", n, parts, "remove"), " ") for n in range(1, 13)]
        sentences[-1] = _followed(sentences[-1], "")
    return (*sentences[:-1], _followed(sentences[-1], "" if is_cut_off else rng.choice(("", "", "\n", " \n\n"))))


def _changes(rng, kind, options):
    if kind == "accepted":
        return ["accept"] * 9 + ["slow"]
    changes = (
        ["accept"] * 6 + ["slow"] + ["replace"] * rng.choice((1, 3, 6)) + ["remove"] + ["end"] * (rng.random() < 0.2)
    )
    if "on_aligner_error" in options:
        changes += ["raise", "garbage"] * (1 if kind == "mixed" else 2)
    if kind == "aligner faults" and options.get("aligner_timeout") and rng.random() < 0.5:
        changes += ["stall"]
    return changes


_SHAPES = ("prose",) * 8 + (
    "line",
    "heading",
    "item",
    "item",
    "step",
    "quote",
    "chinese",
    "chinese",
    "bold",
    "code",
    "table",
)
_IN_LINE = ("prose", "bold", "chinese")


def _shape(rng, before, *, is_last):
    """Return how the next sentence looks, and the whitespace before it."""
    shape = "prose" if is_last else rng.choice(_SHAPES)
    if shape == before and shape in ("item", "step"):
        return shape, "\n"
    if shape == before == "chinese":
        return shape, rng.choice(("", "", "\n\n"))
    if shape in ("prose", "bold") and before in ("prose", "bold"):
        return shape, rng.choice((" ", " ", " ", "\n", "\n\n"))
    return shape, "\n\n"


def _sentence(shape, n, parts, answer):
    keeps = parts["options"].get("on_aligner_error") == "keep"
    word = MARK if answer in CHANGES or (answer in FAILS and not keeps) else WORD
    said = {
        "prose": f"Sentence {n} of story {parts['seed']} is about the {word}{'.!?'[n % 3]}",
        "bold": f"**Point {n}** of story {parts['seed']} costs 3.14 and is {word}.",
        "line": f"line {n} of story {parts['seed']} has no stop and a {word}",
        "heading": f"## Heading {n} of story {parts['seed']}, the {word}",
        "item": f"- item {n} of story {parts['seed']}, a {word}",
        "step": f"{n + 1}. Step with number {n} of story {parts['seed']} takes a {word}.",
        "quote": f"> Quote {n} of story {parts['seed']}: the {word}.",
        "chinese": f"故事{parts['seed']}的第{n}句说的是{word}。",
        "code": f"```py\nx_{n} = {parts['seed']}\n\ny = x_{n}\n```",
        "table": f"| {n} | {parts['seed']} |\n|---|---|\n| a | b |",
    }[shape]
    shown = {"remove": "", "replace": said.replace(MARK, INSTEAD), "end": said.replace(MARK, INSTEAD)}.get(answer, said)
    return Sentence(said, "", answer, shown, shape)


def _followed(sentence, after):
    return Sentence(sentence.raw, after, sentence.answer, sentence.shown, sentence.kind)
