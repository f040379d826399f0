"""What the upstream says without the aligner: from the start, or from where the aligner first changed something.

A bare reply that is shared has the aligned one's text up to the first sentence that was changed, that sentence as it
was drafted, and what the upstream says after it. Up to there the aligner let the upstream's own words pass, so all of
it is a sample of the upstream's bare replies, as DPO wants it. But of two replies that are sampled from the start most
of the difference is chance; here it is the correction, and what follows from it. The text that the two share cancels
out of DPO's loss, and where nothing was changed there is nothing to ask for. Of an upstream that always says the same,
both ways give the same pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import add_usage
from langchain_core.runnables import RunnableConfig
from typing_extensions import TypedDict

from stream_aligner_lc.accounts import with_name
from stream_aligner_lc.continuation import join
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.ledger import Ledger
from stream_aligner_lc.preferences.pairs import gone_on
from stream_aligner_lc.recipe import Recipe
from stream_aligner_lc.state import DraftPiece, Progress


class Written(TypedDict):
    """Where the upstream stands with a draft, whatever its verdict will be."""

    written: str
    """The released text, and the draft."""
    trail: str
    """The whitespace after it."""
    tokens_left: int | None
    """What it may still write of `max_tokens`."""


class Bare(NamedTuple):
    """A bare reply, and what it took to get it."""

    text: str
    said: BaseMessage | None = None
    """The upstream's last answer; None if it was not asked."""
    read: Sequence[BaseMessage] = ()
    """What it was asked."""

    def added_to(self, progress: Progress, counter: TokenCounter) -> Progress:
        """Return the totals of the aligned reply and this one: as the provider reports it, else by `counter`."""
        if self.said is None:
            return progress
        if usage := getattr(self.said, "usage_metadata", None):
            return {**progress, "usage": add_usage(progress["usage"], usage)}
        estimate = add_usage(progress["estimate"], counter.usage(self.read, self.said))
        return {**progress, "estimate": estimate, "estimated_by": with_name(progress["estimated_by"], counter.by)}


def written_with(piece: DraftPiece, ledger: Ledger) -> Written:
    """Return where the upstream stands with the draft that waits for its verdict."""
    progress, text = ledger.progress, ledger.text
    space = progress["held"] + piece["lead"]
    if progress["left"] is not None:
        space = join(text, progress["held"] or progress["left"], piece["lead"], piece["text"])
    left = ledger.tokens_left
    return Written(
        written=text + space + piece["text"],
        trail=piece["trail"],
        tokens_left=None if left is None else max(left - piece["tokens"], 0),
    )


async def bare_reply(
    recipe: Recipe, conversation: Sequence[BaseMessage], start: Written | None, config: RunnableConfig
) -> Bare:
    """Ask the upstream for the reply that nobody corrects, or for its rest from `start` on."""
    if start is not None and (start["tokens_left"] == 0 or recipe.options.granularity == "response"):
        return Bare(start["written"])
    kwargs = {**recipe.kwargs, **({"stop": recipe.stop} if recipe.stop else {})}
    written = start["written"] if start is not None else ""
    if start is not None and start["tokens_left"] is not None:
        kwargs["max_tokens"] = start["tokens_left"]
    request = recipe.continuation.request(conversation, written, kwargs)
    await recipe.counter.aload()
    said = await recipe.llm.ainvoke(request.messages, config, **request.kwargs)
    if start is None:
        return Bare(said.text, said, request.messages)
    text = gone_on(written, start["trail"], said.text, exact=recipe.continuation.exact)
    return Bare(text, said, request.messages)
