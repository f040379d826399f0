"""Many replies at once on one object: nothing crosses, nobody starves, and nobody reads further than allowed."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing

import pytest

from stream_aligner_lc import Aligner, Correction, StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ScriptedChatModel
from tests.soak.doubles import Worlds, aligner, upstream
from tests.soak.running import Reading, findings_of, no_waiting
from tests.soak.scripts import scenario

TASKS, THREADS = 200, 32
SENTENCES = 6
OPTIONS = {"lookahead": 1, "on_aligner_error": "keep"}


def crowd(count, form):
    """Return a chat model and the worlds that are played on it, each with sentences of its own."""
    worlds = Worlds()
    for seed in range(count):
        worlds.play(scenario(seed, kind=("corrected", "mixed")[seed % 2], options=OPTIONS, aligner=form))
    return StreamAlignedChat(upstream(worlds), aligner(worlds, form), continuation="prefill", **OPTIONS), worlds


def check(worlds, readings):
    for world, reading in zip(worlds.values(), readings, strict=True):
        assert findings_of(world, reading) == [], world.scenario


@pytest.mark.parametrize("form", ["class", "joint"])
async def test_two_hundred_replies_in_an_event_loop_do_not_cross(form):
    chat, worlds = crowd(TASKS, form)

    async def read(question):
        reading = Reading()
        try:
            async for chunk in chat.astream(question):
                reading.take(chunk)
        except Exception as error:  # noqa: BLE001  # it is compared with what is meant
            reading.error = error
        return reading

    with no_waiting():
        check(worlds, await asyncio.gather(*map(read, worlds)))
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_replies_in_many_threads_do_not_cross():
    chat, worlds = crowd(THREADS, "class")
    begin = threading.Barrier(THREADS)

    def read(question):
        reading = Reading()
        begin.wait()
        try:
            for chunk in chat.stream(question):
                reading.take(chunk)
        except Exception as error:  # noqa: BLE001  # it is compared with what is meant
            reading.error = error
        return reading

    with no_waiting(), ThreadPoolExecutor(THREADS) as pool:
        check(worlds, pool.map(read, worlds))


class Meeting(Aligner):
    """Judge no sentence before every reply of the crowd has come as far."""

    def __init__(self, everybody):
        self.everybody = everybody

    def invoke(self, input, config=None, **kwargs):
        self.everybody.wait(250)
        return Correction(input.text)

    async def ainvoke(self, input, config=None, **kwargs):
        await self.everybody.wait()
        return Correction(input.text)


async def test_two_hundred_replies_in_an_event_loop_go_on_together():
    chat = StreamAlignedChat(ScriptedChatModel("One is here. " * SENTENCES), Meeting(asyncio.Barrier(TASKS)))
    replies = await asyncio.gather(*(chat.ainvoke(f"Story {n}.") for n in range(TASKS)))
    assert {reply.text for reply in replies} == {"One is here. " * SENTENCES}


def test_replies_in_many_threads_go_on_together():
    chat = StreamAlignedChat(ScriptedChatModel("One is here. " * SENTENCES), Meeting(threading.Barrier(THREADS)))
    with ThreadPoolExecutor(THREADS) as pool:
        replies = list(pool.map(chat.invoke, [f"Story {n}." for n in range(THREADS)]))
    assert {reply.text for reply in replies} == {"One is here. " * SENTENCES}


WORDS = 4
LONG = "".join(f"Sentence number {n} here. " for n in range(300))


def most_chunks(lookahead):
    """Return how many chunks an upstream may have handed out when one sentence is read and no more.

    That one, those ahead, the one at which the reading stops, and the word that shows that it is whole; and one
    sentence more, because the reader is woken when half of its lead is settled.
    """
    return (1 + lookahead + 1 + 1) * WORDS + 1


@pytest.mark.parametrize("lookahead", [0, 1, 4])
def test_a_reader_who_stops_reading_stops_the_upstream(lookahead):
    upstream, others = ScriptedChatModel(LONG), set(threading.enumerate())
    with closing(StreamAlignedChat(upstream, AcceptAligner(), lookahead=lookahead).stream("Go on.")) as chunks:
        first = next(chunks)
        (thread,) = (each for each in set(threading.enumerate()) - others if each.name == "upstream")
        thread.join(0.3)  # more than enough to read all of it, if nothing held it up
        assert thread.is_alive()
        assert len(upstream.calls[0].sent) <= most_chunks(lookahead)
        assert first.text + "".join(chunk.text for chunk in chunks) == LONG


@pytest.mark.parametrize("lookahead", [0, 1, 4])
async def test_an_async_reader_who_stops_reading_stops_the_upstream(lookahead):
    upstream = ScriptedChatModel(LONG)
    chat = StreamAlignedChat(upstream, AcceptAligner(), lookahead=lookahead)
    async with aclosing(chat.astream("Go on.")) as chunks:
        first = await anext(chunks)
        for _ in range(10 * len(LONG)):
            await asyncio.sleep(0)
        assert len(upstream.calls[0].sent) <= most_chunks(lookahead)
        assert first.text + "".join([chunk.text async for chunk in chunks]) == LONG
