"""The ways in which somebody reads a run of the server."""

import asyncio
from dataclasses import dataclass

from langgraph_sdk import get_client

MODES = ["values", "updates", "messages", "messages-tuple", "events", "debug", "tasks", "checkpoints", "custom"]
# The server sends `messages` in one form only.
TOGETHER = [mode for mode in MODES if mode != "messages"]
WITH_DRAFTS = {"updates", "events", "debug", "tasks", "checkpoints"}
"""Modes in which a person traces, so that drafts may stand there under their key."""


def asking(question):
    """Return the input of a run that asks a question."""
    return {"messages": [{"role": "user", "content": question}]}


QUESTION = asking("What does it do?")


@dataclass(frozen=True)
class Way:
    """A graph, the modes in which it is read, and whether graphs inside it are read too."""

    graph: str
    modes: tuple[str, ...]
    subgraphs: bool

    @property
    def name(self):
        return f"{self.graph}-{'+'.join(self.modes)}{'-subgraphs' * self.subgraphs}"

    async def read(self, client):
        """Return the events of a run on a new thread."""
        thread = await client.threads.create()
        options = {"stream_mode": list(self.modes), "stream_subgraphs": self.subgraphs}
        events = client.runs.stream(thread["thread_id"], self.graph, input=QUESTION, **options)
        return [(event.event, event.data) async for event in events]


def _every_way():
    for subgraphs in (False, True):
        for graph in ("aligned", "outer"):
            for mode in MODES:
                yield Way(graph, (mode,), subgraphs)
        for graph in ("aligned", "outer", "as_model", "in_agent", "provider"):
            yield Way(graph, tuple(TOGETHER), subgraphs)


WAYS = {way.name: way for way in _every_way()}


async def every_stream(url):
    """Read in every way at once."""
    async with get_client(url=url) as client:
        read = await asyncio.gather(*(way.read(client) for way in WAYS.values()))
    return dict(zip(WAYS, read, strict=True))


async def turn(client, thread, graph, question=QUESTION, **options):
    """Return the messages after a run on a thread."""
    values = await client.runs.wait(thread["thread_id"], graph, input=question, **options)
    return [(message["type"], message["content"]) for message in values["messages"]]


async def until_over(events):
    """Yield the events of a thread, which go on for ever, up to the end of its run."""
    async for event in events:
        yield event
        if event["method"] == "lifecycle" and event["params"]["data"]["event"] in ("completed", "failed"):
            return
