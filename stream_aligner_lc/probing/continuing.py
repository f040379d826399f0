"""Does an upstream go on from a prefix? It is asked in every way that may suit it, with a part of its own reply.

The reply to a question, whose sentences any model would say in the same order, is broken off behind a sentence; who
goes on says the next one. A continuation begins with whitespace and a new turn does not: so the two are told apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage

from stream_aligner_lc.continuation import choose_continuation
from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError
from stream_aligner_lc.faults import is_empty_stream, is_transient, status_of
from stream_aligner_lc.local.chat import ChatTransformers
from stream_aligner_lc.segmentation import Segment, Segmenter

QUESTION = (
    "Write the numbers from one to six, each in a sentence of its own and nothing else: "
    "The number is one. The number is two. And so on."
)

Outcome = Literal["continues", "new turn", "starts over", "something else", "nothing", "refused"]
_WORKS = ("continues", "new turn")
_MOST_SENTENCES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one way of asking."""

    continuation: str
    exact: bool
    """Whether it hands over the very prefix; otherwise it asks with words."""
    outcome: Outcome
    said: str
    """The first sentence that came, or why none did."""

    @property
    def works(self) -> bool:
        return self.outcome in _WORKS


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of all."""

    findings: Sequence[Finding]
    automatic: str
    """What `continuation="auto"` takes."""

    @property
    def best(self) -> Finding | None:
        """The way to set: what continues the very prefix first, and of equals what is taken anyway."""
        working = [finding for finding in self.findings if finding.works]
        order = {("continues", True): 0, ("continues", False): 1}
        return min(
            working,
            key=lambda finding: (
                order.get((finding.outcome, finding.exact), 2),
                finding.continuation != self.automatic,
            ),
            default=None,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        best = self.best
        return {
            "automatic": self.automatic,
            "continuation": best.continuation if best else None,
            "findings": [asdict(finding) for finding in self.findings],
        }


def probe(upstream: BaseChatModel, question: str = QUESTION) -> Probe:
    """Ask the question, and then for the rest of the reply in every plausible way.

    Raises `StreamAlignerError` if the reply is too short to be broken off, and what the upstream raises when it cannot
    be asked at all.
    """
    asked = [HumanMessage(question)]
    spoken = _sentences(upstream, asked, {}, most=_MOST_SENTENCES)
    if len(spoken) < 2:
        raise StreamAlignerError(
            f"The upstream answered with {len(spoken)} sentence(s), and it takes two to see whether it goes on from "
            "the first. Give another question, whose answer has several sentences."
        )
    prefix = "".join(spoken[:-1]).strip()
    findings = [_finding(upstream, asked, prefix, spoken, name) for name in plausible(upstream)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is a guess is what the findings are for
        automatic = choose_continuation(upstream).name
    return Probe(findings, automatic)


def plausible(upstream: BaseChatModel) -> tuple[str, ...]:
    """Return the names of the ways that a model of this class may understand."""
    leaf = next(leaves(upstream))
    if isinstance(leaf.model, ChatTransformers) or leaf.is_a("ChatHuggingFace"):
        return "chat-template", "prefill", "instruct"
    if leaf.is_a("BaseChatOpenAI"):
        return "vllm", "prefill", "prefix-flag", "instruct"
    return "prefill", "prefix-flag", "instruct"


def judged(said: Sequence[str], spoken: Sequence[str], *, exact: bool) -> Outcome:
    """Say what the sentences are that came, where all of `spoken` but the last was the prefix."""
    if not said:
        return "nothing"
    first = said[0].strip()
    if first == spoken[-1].strip():
        return "new turn" if exact and not said[0][0].isspace() else "continues"
    return "starts over" if first == spoken[0].strip() else "something else"


def _finding(
    upstream: BaseChatModel, asked: Sequence[BaseMessage], prefix: str, spoken: Sequence[str], name: str
) -> Finding:
    try:
        way = choose_continuation(upstream, name)
    except ConfigurationError as fault:
        return Finding(name, exact=True, outcome="refused", said=str(fault))
    request = way.request(asked, prefix, {})
    try:
        said = _sentences(upstream, request.messages, request.kwargs, most=1)
    except Exception as fault:
        if is_empty_stream(fault):
            said = []
        elif status_of(fault) is None and is_transient(fault):
            raise  # nobody is there
        else:
            return Finding(name, way.exact, "refused", " ".join(str(fault).split()))
    return Finding(name, way.exact, judged(said, spoken, exact=way.exact), said[0].strip() if said else "")


def _sentences(
    upstream: BaseChatModel, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any], *, most: int
) -> list[str]:
    """Return the first sentences of a reply, each with the whitespace before it, and leave the rest unread."""
    segmenter = Segmenter()
    found: list[str] = []
    lead = ""
    # Streams of chat models are generators, which end the call when they are closed.
    with closing(cast("Any", upstream.stream(list(messages), **kwargs))) as chunks:
        for pieces in _cut(chunks, segmenter):
            for piece in pieces:
                if not piece.core:
                    lead += piece.text
                    continue
                found.append(lead + piece.text)
                lead = ""
            if len(found) >= most:
                break
    return found[:most]


def _cut(chunks: Iterable[Any], segmenter: Segmenter) -> Iterator[list[Segment]]:
    for chunk in chunks:
        yield segmenter.feed(chunk.text)
    yield segmenter.flush()
