"""What a reply in progress is, as plain data that a checkpointer can hold.

Rule: builtins, `TypedDict`s and LangChain messages only. The open upstream stream is not state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired
from uuid import uuid4

from langchain_core.messages import AIMessageChunk, AnyMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langgraph.channels import DeltaChannel
from langgraph.graph.message import add_messages
from pydantic import Field

# The standard library's has no JSON schema in pydantic before Python 3.12, and graph servers ask for one.
from typing_extensions import TypedDict

from stream_aligner_lc.pages import extend_released


class Proposal(TypedDict):
    """A correction that waits for a person: the decision that the aligner led to, and what it cost."""

    text: str
    finish: str | None
    tokens: int
    prefix_cut: int
    seconds: float
    aligning: list[float]
    tool_call_seen: bool


class DraftPiece(TypedDict):
    """A finished sentence (or block) of the open stream: `lead + text + trail` is what the upstream wrote."""

    type: Literal["draft"]
    text: str
    lead: str
    trail: str
    kind: str
    cut: bool
    tokens: int
    """As many as the model's own encoding makes of it; else stream chunks that it came in."""
    block: dict[str, Any] | None
    """The content block that the text begins in, without the text; None where content is a string."""
    turns: list[tuple[int, dict[str, Any] | None]]
    """Where in `text` it goes on in another block: citations cut sentences into several."""
    form: dict[str, Any]
    """Metadata that says how the content block is to be read."""
    logprobs: Any
    """Log-probabilities of the text, in the provider's form; None if it gives none."""
    overlap: int
    """Characters that the call had repeated before this piece, and that were cut away."""
    drafting: list[float]
    """When the upstream began to write it, and when it was there: seconds since the reply began."""
    proposal: NotRequired[Proposal]
    """Kept here and not beside the drafts, because nobody has released it yet."""


class SpacePiece(TypedDict):
    """Whitespace after the piece before it, known later than that piece."""

    type: Literal["space"]
    text: str
    block: dict[str, Any] | None


class ChunkPiece(TypedDict):
    """Anything that is no text: tool-call deltas, reasoning, images, refusals. It passes through."""

    type: Literal["chunk"]
    chunk: AIMessageChunk


class OpenedPiece(TypedDict):
    """The upstream was called."""

    type: Literal["opened"]


class EndPiece(TypedDict):
    """An upstream call is over: by itself (`natural`), or closed before its end."""

    type: Literal["end"]
    natural: bool
    metadata: dict[str, Any]
    usage: UsageMetadata | None
    """What the provider reported, else None."""
    estimated_by: str
    """What counted the estimate (`TokenCounter.by`), "" where there was nothing to estimate."""
    estimate: UsageMetadata
    """What the call cost by our own count, for providers that report nothing or calls that were closed."""
    written: int
    """Characters of text that the call wrote."""
    overlap: int
    """Characters cut away because they repeated what was already said."""


Piece = DraftPiece | SpacePiece | ChunkPiece | OpenedPiece | EndPiece


class Changed(TypedDict):
    """A draft that was replaced or removed, and how many characters had been released before it."""

    fingerprint: str
    behind: int


class Progress(TypedDict):
    """Where the reply stands. Everything that a resumed run must know besides the released text."""

    reply_to: str
    """Id of the message that is being answered; another one means another reply."""
    reply_id: str
    index: int
    held: str
    """Whitespace after the last core, released together with the next one."""
    around: list[str] | None
    """The whitespace before and behind the sentence that was removed last, where nothing was released since."""
    restart: bool
    """The upstream has to be called anew from the released text."""
    ready: bool
    """A draft waits for its verdict."""
    in_review: bool
    """The correction of the first draft waits for a person."""
    opening: bool
    """Whether a restarted upstream goes on or starts over is still to be seen."""
    repeated: int
    """How many sentences it has repeated so far."""
    left: str | None
    """Whitespace that was held when the last stream was left, until the first core of the next is released."""
    replaced: str | None
    """Fingerprint of the draft whose replacement caused the last restart."""
    changed: Changed | None
    """The first draft that was not released as it was: there a reply that is said over again no longer repeats it."""
    echoes: int
    """How often in a row a restart brought back the very draft that it replaced."""
    drain: bool
    """Text is over; only what is no text still passes (a tool call that followed a replaced sentence)."""
    asked_again: bool
    calls: int
    restarts: int
    removed_in_a_row: int
    verdicts: dict[str, int]
    tokens: int
    block: dict[str, Any] | None
    blocks: int
    usage: UsageMetadata | None
    """What the provider reported."""
    estimate: UsageMetadata
    """Our own count of what it did not report."""
    estimated_by: list[str]
    """What counted (`TokenCounter.by`)."""
    reports: bool
    """Whether the provider reports usage at all."""
    overlap: int
    written: int
    """Characters that the upstream wrote, in all calls."""
    metadata: dict[str, Any]
    aligner_tokens: int
    aligner_seconds: float
    aligner_effort: dict[str, int]
    """What the aligner counts beyond that: passes, drafted tokens, ..."""
    aligner_faults: int
    """Sentences that it was asked about and failed on."""
    faults_in_a_row: int
    """How many of these came one after the other, up to now; see `breaker.py`."""
    seconds: float
    """Wall time of the run that is writing the reply."""
    finish: str | None
    """None while the reply goes on, '' after the upstream's own end, else the reason why it ended."""


class Release(TypedDict):
    """What the last step let out: the chunks that a reader sees, and the verdicts without their text."""

    chunks: list[AIMessageChunk]
    verdicts: list[dict[str, Any]]


# A snapshot holds the whole reply, and a resume replays what came since: one in every 1,000 releases keeps both small.
Released = Annotated[list[Any], DeltaChannel(extend_released, list, snapshot_frequency=1000)]


class ReplyState(TypedDict, total=False):
    """The graph's state. `messages` is the conversation; its new last message is the aligned reply."""

    messages: Annotated[list[AnyMessage], add_messages]
    draft: list[Piece]
    """Pieces without a verdict: the only place where raw text shows."""
    released: Released
    """The reply so far, in pages of pieces: strings, or `{"chunk": ...}` where content is blocks or no text.

    A delta channel, because checkpoints of a plain list grow with the square of the reply; wrapped chunks,
    because LangGraph streams every message that it finds in an update's lists."""
    last_release: Release
    progress: Progress


class NodeInput(TypedDict, total=False):
    """What a node reads of the state. LangGraph copies what is read, so it is no more than needed."""

    messages: Annotated[list[AnyMessage], add_messages]
    draft: list[Piece]
    released: Released
    progress: Progress


Conversation = Annotated[
    list[AnyMessage],
    Field(
        description="The conversation to answer; on a thread that goes on, the new message alone.",
        examples=[[{"type": "human", "content": "Start with 18. Plus 25. Take away 35. What is the result?"}]],
    ),
    add_messages,
]
"""Messages in an input, as a server's form explains them."""


class ReplyInput(TypedDict):
    """What the graph is given: the conversation to answer."""

    messages: Conversation


class ReplyOutput(TypedDict):
    """What the graph answers: the conversation with the aligned reply appended."""

    messages: Annotated[list[AnyMessage], add_messages]


def new_progress(messages: Sequence[BaseMessage]) -> Progress:
    """Return where a reply to `messages` starts."""
    none = UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)
    return Progress(
        reply_to=last_id(messages),
        reply_id=f"aligned--{uuid4()}",
        index=0,
        held="",
        around=None,
        restart=False,
        ready=False,
        in_review=False,
        opening=False,
        repeated=0,
        left=None,
        replaced=None,
        changed=None,
        echoes=0,
        drain=False,
        asked_again=False,
        calls=0,
        restarts=0,
        removed_in_a_row=0,
        verdicts={},
        tokens=0,
        block=None,
        blocks=0,
        usage=None,
        reports=False,
        estimate=none,
        estimated_by=[],
        overlap=0,
        written=0,
        metadata={},
        aligner_tokens=0,
        aligner_seconds=0.0,
        aligner_effort={},
        aligner_faults=0,
        faults_in_a_row=0,
        seconds=0.0,
        finish=None,
    )


def last_id(messages: Sequence[BaseMessage]) -> str:
    """Return what tells one turn of a conversation from the next."""
    return f"{len(messages)}:{messages[-1].id if messages else None}"
