"""One sentence before and after its verdict: `Draft`, `Correction`, and the function that decides. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stream_aligner_lc.answers import cut_off, unusable
from stream_aligner_lc.errors import AlignerError, UnusableAnswer

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

        Raises `AlignerError` for anything else, and for a message that its provider has cut off.
        """
        text = answer if isinstance(answer, str) else getattr(answer, "text", None)
        if isinstance(answer, cls) and isinstance(text, str):
            return answer
        if reason := cut_off(getattr(answer, "response_metadata", {})):
            raise UnusableAnswer(
                f"The aligner's answer was cut off by its provider ({reason!r}) after {len(text or '')} characters. "
                "Give it more tokens, or choose on_aligner_error='keep' to show the draft in such a case."
            )
        if isinstance(text, str):
            return cls(str(text), tokens=tokens_of(answer))
        kind = type(answer).__name__ + (f" of {type(answer.text).__name__}" if isinstance(answer, cls) else "")
        raise AlignerError(
            f"An aligner must answer with a str, a message or a Correction, got {kind}. "
            "Return the draft's own text to accept it, '' to remove it."
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


def decide(
    draft: Draft,
    answer: object,
    *,
    on_aligner_error: OnAlignerError = "raise",
    end_on_accept: bool = False,
    is_fragment: bool = False,
) -> Decision:
    """Decide what becomes of `draft`, given the aligner's `answer` or the error that it raised.

    Raises the error (an answer that is none, or unusable, as `AlignerError`) where the policy says so; a failure never
    turns into text. `is_fragment` says that the provider ended the reply inside that sentence: where the answer to it
    is unusable it is removed, and nothing is raised.
    """
    correction = _usable(draft, answer)
    if isinstance(correction, Exception):
        return _failed(draft, correction, on_aligner_error, is_fragment=is_fragment)
    text = correction.text.strip()
    if text == draft.text:
        return Decision("accepted", text, "stop" if correction.end and end_on_accept else None)
    return Decision("replaced" if text else "removed", text, "stop" if correction.end else None)


def _usable(draft: Draft, answer: object) -> Correction | Exception:
    if isinstance(answer, Exception):
        return answer
    try:
        correction = Correction.of(answer)
    except AlignerError as fault:
        return fault
    if correction.text == draft.text:
        # The question of a long conversation is not put together for every sentence that stands.
        return correction
    why = unusable(draft.text, correction.text, question=draft.question, prefix=draft.prefix)
    if why is None:
        return correction
    return UnusableAnswer(
        f"The aligner's answer is unusable: {why}. Choose on_aligner_error='keep' to show the "
        "draft in such a case, or 'stop' to end the reply."
    )


def _in_full(fault: Exception) -> str:
    # For records, which hold the draft itself: an `AlignerError` leaves the words of its cause out.
    return repr(fault.__cause__ or fault)


def _failed(draft: Draft, fault: Exception, policy: OnAlignerError, *, is_fragment: bool) -> Decision:
    if policy == "keep":
        return Decision("kept", draft.text, error=_in_full(fault))
    if policy == "stop":
        return Decision("removed", "", "aligner_error", _in_full(fault))
    if is_fragment and isinstance(fault, UnusableAnswer):
        return Decision("removed", "", error=_in_full(fault))
    if isinstance(fault, AlignerError):
        fault.released, fault.draft = draft.prefix, draft.text
    raise fault
