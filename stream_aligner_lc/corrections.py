"""One sentence before and after its verdict: `Draft`, `Correction`, and the function that decides. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stream_aligner_lc.errors import AlignerError

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

Verdict = Literal["accepted", "replaced", "kept", "removed", "skipped"]
CHANGED: tuple[Verdict, ...] = ("replaced", "removed")
"""The verdicts of sentences that were not released as they were drafted."""
OnAlignerError = Literal["raise", "keep", "stop"]

_SPEAKERS = {"human": "User", "ai": "Assistant", "tool": "Tool"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A sentence as the upstream wrote it, and what an aligner may know when it corrects it.

    `messages` is the conversation that is being answered, `prefix` the released text so far, `text` the
    sentence without the whitespace around it, `kind` its segment kind, `index` its number in the reply from 0.
    """

    messages: Sequence[BaseMessage]
    prefix: str
    text: str
    kind: str = "prose"
    index: int = 0

    @property
    def question(self) -> str:
        """The conversation as the one string that a template has room for.

        A single human message is its own text. Of a longer conversation every turn is named; system messages
        are instructions to the upstream and are left out.
        """
        turns = [message for message in self.messages if message.type != "system" and message.text]
        if len(turns) == 1:
            return str(turns[0].text)  # a plain string, where LangChain's own is a subclass
        return "\n\n".join(f"{_SPEAKERS.get(turn.type, turn.type.title())}: {turn.text}" for turn in turns)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, `question` included: the input of a prompt template."""
        return {
            "messages": list(self.messages),
            "question": self.question,
            "prefix": self.prefix,
            "text": self.text,
            "kind": self.kind,
            "index": self.index,
        }


@dataclass(frozen=True, slots=True)
class Correction:
    """What an aligner answers: the sentence as it should be, and whether the reply should end with it.

    `text` equal to the draft's accepts it, an empty `text` removes it. `end` counts only where the sentence
    was changed, unless the loop was told `end_on_accept=True`. `tokens` is what the answer cost the aligner, read
    and written, where that is known, and `effort` counts what it took in more detail; `prefix_cut` is how many
    characters of the prefix had to be left out of a prompt that was too long.
    """

    text: str
    end: bool = False
    tokens: int = field(default=0, compare=False)
    prefix_cut: int = field(default=0, compare=False)
    effort: Mapping[str, int] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, answer: object) -> Correction:
        """Take an aligner's answer, a `Correction`, a `str` or a message, as a `Correction`.

        Raises `AlignerError` for anything else.
        """
        if isinstance(answer, cls):
            return answer
        text = answer if isinstance(answer, str) else getattr(answer, "text", None)
        if isinstance(text, str):
            return cls(str(text), tokens=tokens_of(answer))
        raise AlignerError(
            f"An aligner must answer with a str, a message or a Correction, got {answer!r} "
            f"({type(answer).__name__}). Return the draft's own text to accept it, '' to remove it."
        )


def tokens_of(answer: object) -> int:
    """Return the tokens that a message reports to have cost, 0 if it reports none."""
    usage = getattr(answer, "usage_metadata", None)
    return usage["total_tokens"] if usage else 0


class Decision(NamedTuple):
    """What becomes of one draft."""

    verdict: Verdict
    text: str
    """What to release, without outer whitespace."""
    finish: str | None = None
    """Why the reply ends with it, if it does."""
    error: str | None = None
    """What the aligner failed with, where the reply goes on all the same."""


def unusable(draft: str, text: str) -> str | None:
    """Say why `text` cannot stand in for `draft`, or None if it can.

    An aligner that runs on or loops gives itself away by length: a correction may grow to eight times its
    draft and 1,000 characters more, which a refusal in place of a short sentence fits into.
    """
    limit = 8 * len(draft) + 1000
    if len(text) > limit:
        return f"it has {len(text)} characters where {limit} are the limit for a draft of {len(draft)}"
    return None


def decide(
    draft: str,
    answer: Correction | Exception,
    *,
    on_aligner_error: OnAlignerError = "raise",
    end_on_accept: bool = False,
) -> Decision:
    """Decide what becomes of `draft`, given the aligner's `answer` or the error that it raised.

    Raises the error (an unusable answer as `AlignerError`) where the policy says so; a failure never turns
    into text.
    """
    fault = answer if isinstance(answer, Exception) else _fault(draft, answer)
    if fault is not None:
        return _failed(draft, fault, on_aligner_error)
    assert isinstance(answer, Correction), "an answer without a fault is a correction"
    text = answer.text.strip()
    if text == draft:
        return Decision("accepted", draft, "stop" if answer.end and end_on_accept else None)
    return Decision("replaced" if text else "removed", text, "stop" if answer.end else None)


def _fault(draft: str, answer: Correction) -> AlignerError | None:
    if why := unusable(draft, answer.text):
        return AlignerError(
            f"The aligner's answer is unusable: {why}. Choose on_aligner_error='keep' to show the "
            "draft in such a case, or 'stop' to end the reply.",
            draft=draft,
        )
    return None


def _failed(draft: str, fault: Exception, policy: OnAlignerError) -> Decision:
    if policy == "keep":
        return Decision("kept", draft, error=repr(fault))
    if policy == "stop":
        return Decision("removed", "", "aligner_error", repr(fault))
    raise fault
