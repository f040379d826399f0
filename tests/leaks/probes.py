"""What finds raw text in anything received: marked drafts, a search that no cutting hides from, and listeners.

Rule: the marks stand in drafts only. No prompt, no setting and no aligned text holds even two letters of one in a
row, and every token of a marked word of the drafts holds such a pair or borders on one, so that a leak of a single
token shows, however its text is wrapped or interleaved.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tracers.base import AsyncBaseTracer, BaseTracer
from langchain_core.tracers.log_stream import RunLogPatch
from pydantic import BaseModel, Field

from stream_aligner_lc.testing import ScriptedChatModel

REPLACED, REMOVED = "QXZJV", "VKQJX"
MARKS = (REPLACED, REMOVED)
PAIRS = frozenset(mark[at : at + 2] for mark in MARKS for at in range(len(mark) - 1))

DRAFT = f"The {REPLACED} runs fast. It is quick. One {REPLACED} sleeps here. Drop the {REMOVED} now. The end."
ALIGNED = "The horse runs fast. It is quick. One horse sleeps here. The end."
BEFORE_TOOL = f"Let me ask the {REPLACED} first."
BEFORE_TOOL_ALIGNED = "Let me ask the horse first."


def correct(draft):
    """Replace one mark, and remove the sentence that holds the other."""
    return "" if REMOVED in draft.text else draft.text.replace(REPLACED, "horse")


async def acorrect(draft):
    """Do what `correct` does, asynchronously."""
    return correct(draft)


class Babbler(ScriptedChatModel):
    """Write marked drafts in tokens of three characters; with a tool, call it after one marked sentence.

    Neither its representation nor its parameters hold the script, which is no draft.
    """

    script: Any = Field(default="", repr=False)
    blocks: bool = False

    def __init__(self, script=DRAFT, **options):
        super().__init__(script, **{"chunking": 3, **options})

    @property
    def _identifying_params(self):
        return {"model_name": self.model_name}

    def turn(self, messages, **kwargs):
        if not isinstance(self.script, str):
            return super().turn(messages, **kwargs)
        answered = any(isinstance(message, ToolMessage) for message in messages)
        if not kwargs.get("tools") or answered:
            return ScriptedChatModel(self.script).turn(messages)
        call = {"name": "look_up", "args": json.dumps({"what": "horse"}), "id": "call_1", "index": 1}
        text = ScriptedChatModel(BEFORE_TOOL).turn(messages)
        return [text, AIMessageChunk(content="", tool_call_chunks=[{**call, "type": "tool_call_chunk"}])]

    def _chunks(self, call):
        for chunk in super()._chunks(call):
            message = chunk.message
            if not self.blocks or not isinstance(message.content, str):
                yield chunk
                continue
            content = [{"type": "text", "text": message.content, "index": 0}] if message.content else []
            yield ChatGenerationChunk(message=message.model_copy(update={"content": content}))


def strings(thing):
    """Return every string anywhere in `thing`, with the path to it; positions in lists do not count."""
    found = []
    _walk(thing, "", found, set())
    return found


def _walk(thing, path, found, above):
    if isinstance(thing, str):
        found.append((path, thing))
        return
    if thing is None or isinstance(thing, int | float | complex | UUID) or id(thing) in above:
        return
    above.add(id(thing))
    if isinstance(thing, dict):
        for key, value in thing.items():
            _walk(key, f"{path}.key", found, above)
            _walk(value, f"{path}.{key}", found, above)
    elif isinstance(thing, list | tuple | set | frozenset):
        for value in thing:
            _walk(value, path, found, above)
    elif isinstance(thing, bytes | bytearray):
        found.append((path, thing.decode("latin-1")))
    elif isinstance(thing, BaseException):
        found += [(f"{path}.str", str(thing)), (f"{path}.repr", repr(thing))]
        _walk(vars(thing), path, found, above)
        _walk([thing.__cause__, thing.__context__], path, found, above)
    elif isinstance(thing, BaseModel):
        _walk({**vars(thing), **(thing.__pydantic_extra__ or {})}, path, found, above)
    else:
        found.append((f"{path}.repr", repr(thing)))
        if type(thing).__module__.startswith(("langchain", "langgraph")):
            _walk(getattr(thing, "__dict__", None), path, found, above)
    above.discard(id(thing))


_RAW = re.compile("|".join(sorted(PAIRS)))


def raw_in(thing):
    """Return every place of `thing` that holds raw text: a pair of letters of a mark, or a whole one when joined."""
    found = []
    joined = defaultdict(list)
    for path, string in strings(thing):
        if _RAW.search(string):
            found.append((path, string[:200]))
        joined[path].append(string)
    whole = {path: "".join(pieces) for path, pieces in joined.items()}
    return found + [(f"joined {path}", text[:200]) for path, text in whole.items() if any(m in text for m in MARKS)]


def holds(thing, text):
    """Say whether `text` arrived in `thing`: in one piece, or streamed to one place."""
    joined = defaultdict(list)
    for path, string in strings(thing):
        if text in string:
            return True
        joined[path].append(string)
    return any(text in "".join(pieces) for pieces in joined.values())


def without_drafts(thing):
    """Return a copy of plain containers in `thing` with every key `draft` left out, at any depth.

    A checkpointer holds what a step wrote in triples of a task, a key and a value.
    """
    if isinstance(thing, dict):
        return {key: without_drafts(value) for key, value in thing.items() if key != "draft"}
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return {name: without_drafts(getattr(thing, name)) for name in thing._fields}
    if isinstance(thing, RunLogPatch):
        return without_drafts(thing.ops)
    if isinstance(thing, tuple) and len(thing) == 3 and thing[1] == "draft":
        return None
    if isinstance(thing, list | tuple):
        return [without_drafts(value) for value in thing]
    return thing


_HOOKS = sorted({name for name in dir(BaseCallbackHandler) if name.startswith("on_")} | {"on_stream_event"})


def _note(name):
    def hook(self, *args, **kwargs):
        self.noted.append((name, [arg for arg in args if not isinstance(arg, UUID)], kwargs))

    return hook


def _anote(name):
    async def hook(self, *args, **kwargs):
        self.noted.append((name, [arg for arg in args if not isinstance(arg, UUID)], kwargs))

    return hook


class _Noting:
    def __init__(self):
        super().__init__()
        self.noted = []

    def named(self, *names):
        """Return what the hooks of these names were given."""
        return [entry for entry in self.noted if entry[0] in names]

    @property
    def tokens(self):
        """The text of all `on_llm_new_token` calls."""
        given = [(args[0] if args else kwargs["token"]) for _, args, kwargs in self.named("on_llm_new_token")]
        return [_text_of(token) for token in given]


def _text_of(token):
    return token if isinstance(token, str) else AIMessage(token).text


Listener = type("Listener", (_Noting, BaseCallbackHandler), {name: _note(name) for name in _HOOKS})
AsyncListener = type("AsyncListener", (_Noting, AsyncCallbackHandler), {name: _anote(name) for name in _HOOKS})


class _Collecting:
    def __init__(self):
        super().__init__()
        self.runs = []

    def upstream_runs(self):
        """Return the runs of the upstream: chat model runs that said something raw."""
        return [run for run in self.runs if run.run_type in ("chat_model", "llm") and raw_in([run.outputs])]

    def ancestors(self, run):
        """Return the runs above `run`, the closest first."""
        by_id = {each.id: each for each in self.runs}
        above = []
        while run.parent_run_id is not None:
            run = by_id[run.parent_run_id]
            above.append(run)
        return above


class Tracer(_Collecting, BaseTracer):
    """Collect every run."""

    def _persist_run(self, run):
        pass

    def _on_run_create(self, run):
        self.runs.append(run)


class AsyncTracer(_Collecting, AsyncBaseTracer):
    """Collect every run, asynchronously."""

    async def _persist_run(self, run):
        pass

    async def _on_run_create(self, run):
        self.runs.append(run)


@dataclass(frozen=True)
class Watched:
    """What a reader received, and what a handler and a tracer beside it heard."""

    received: Any
    listener: Any
    tracer: Any

    @property
    def raw(self):
        """Every place where raw text came out: to the reader, or to the handler."""
        return [*raw_in(self.received), *raw_in(self.listener.noted)]


def watched(channel, place):
    """Read a place by a channel, with a handler and a tracer of its colour in the run's config."""
    listener, tracer = (AsyncListener(), AsyncTracer()) if channel.is_async else (Listener(), Tracer())
    return Watched(channel.received(place, {"callbacks": [listener, tracer]}), listener, tracer)


def corrector_for(channel):
    """Return the aligner of a channel's colour."""
    return acorrect if channel.is_async else correct
