"""Does a restarted upstream go on, or does it say its reply over again? No I/O.

`Overlap` cuts long repetitions letter by letter before they become sentences. This looks at whole sentences: short
ones that `Overlap` cannot tell from chance, and the one that the restart had just replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from stream_aligner_lc.continuation import is_spaceless
from stream_aligner_lc.errors import UpstreamError
from stream_aligner_lc.fingerprints import fingerprint

Opening = Literal["new", "again", "repeated", "repeated whole", "ignored", "new after all"]


def judge_opening(
    text: str,
    *,
    whole: str,
    is_flush: bool,
    said: Sequence[str],
    repeated: int,
    replaced: str | None,
    changed: str | None,
    exact: bool,
) -> Opening:
    """Say what a sentence at the opening of a restarted stream is, after `repeated` sentences that repeat.

    `whole` is the sentence with what `Overlap` cut of its own beginning. `is_flush` says that no whitespace stands
    before it: a new turn starts like that, a continuation rarely. `said` are the released sentences of the reply,
    `replaced` is the fingerprint of the draft whose replacement caused the restart, and `changed` that of the first
    draft that the released text does not hold: up to there, a reply that is said over again repeats it.

    "new": it goes on. "again": the replaced draft, behind whitespace, which the text may want. "repeated": the
    next of the sentences that were said. "repeated whole": the last of them. "ignored": the upstream started
    over. "new after all": the sentences before it were no repetition.
    """
    known = {fingerprint(text), fingerprint(whole)}
    if known & {replaced, changed} and (is_flush or repeated):
        return "ignored"
    if replaced in known:
        return "again"
    if (is_flush or repeated) and repeated < len(said) and text == said[repeated]:
        return "repeated whole" if repeated + 1 == len(said) else "repeated"
    if not repeated:
        return "new"
    # Between sentences without spaces every continuation is flush.
    if is_spaceless(said[0][-1]):
        return "new after all"
    return "ignored" if exact else "new"


def ignores_prefix(released: str) -> UpstreamError:
    """Return the error for an upstream that says its reply over again."""
    return UpstreamError(
        "The upstream was asked to go on from the released text, and said its reply over again: it ignores the prefix. "
        "Set `continuation` to what the provider understands ('instruct' works with every chat model that follows "
        "instructions), or feedback=False to never restart it.",
        released=released,
    )
