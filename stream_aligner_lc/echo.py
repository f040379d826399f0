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
from stream_aligner_lc.outlet import Outlet
from stream_aligner_lc.state import Piece, Progress, SpacePiece
from stream_aligner_lc.waiting import first_draft, put

# A text may want the same sentence again; one that comes back after so many restarts is not going on.
MAX_ECHOES = 8

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


def check_opening(progress: Progress, waiting: list[Piece], outlet: Outlet, *, exact: bool) -> int:
    """Take from the pieces of a restarted stream the sentences that it repeats; return how many.

    Raises `UpstreamError` if it says its reply over again.
    """
    num_repeated = 0
    while progress["opening"] and (place := first_draft(waiting)) is not None:
        piece = waiting[place]
        assert piece["type"] == "draft", "that is what was looked for"
        cut = "" if progress["repeated"] else outlet.beginning_before(piece["overlap"])
        said = outlet.sentences
        opening = judge_opening(
            piece["text"],
            whole=cut + piece["lead"] + piece["text"] if cut else piece["text"],
            is_flush=not piece["lead"] or piece["overlap"] > 0,
            said=said,
            repeated=progress["repeated"],
            replaced=progress["replaced"],
            changed=_changed(progress, outlet.text),
            exact=exact,
        )
        if opening in ("repeated", "repeated whole"):
            rest = waiting[place + 1 :]
            waiting[place:] = []
            for each in (SpacePiece(type="space", text=piece["trail"], block=piece["block"]), *rest):
                put(each, waiting)
            num_repeated += 1
            progress["repeated"] += 1
            progress["overlap"] += len(piece["text"])
            progress["opening"] = opening == "repeated"
            continue
        progress["opening"] = False
        progress["echoes"] = progress["echoes"] + 1 if opening == "again" else 0
        if opening == "ignored" or progress["echoes"] >= MAX_ECHOES:
            raise ignores_prefix(outlet.text)
        if opening == "new after all":
            again = said[: progress["repeated"]]
            waiting[place:place] = [{**piece, "text": text, "lead": "", "trail": "", "turns": []} for text in again]
        if opening != "again":
            progress["replaced"] = None
    return num_repeated


def _changed(progress: Progress, text: str) -> str | None:
    changed = progress["changed"]
    # What was removed may come again until something was released behind it.
    return changed["fingerprint"] if changed and changed["behind"] < len(text) else None


def ignores_prefix(released: str) -> UpstreamError:
    """Return the error for an upstream that says its reply over again."""
    return UpstreamError(
        "The upstream was asked to go on from the released text, and said its reply over again: it ignores the prefix. "
        "Set `continuation` to what the provider understands ('instruct' works with every chat model that follows "
        "instructions), or feedback=False to never restart it.",
        released=released,
    )
