"""An aligner that never ends holds up neither the reply nor the end of the program."""

import asyncio
import gc
import subprocess
import sys
from contextlib import suppress
from contextvars import copy_context

import pytest

from stream_aligner_lc import AlignerTimeout, Draft, StreamAlignedChat
from stream_aligner_lc.aligners import as_aligner
from stream_aligner_lc.nodes import AlignerNode
from stream_aligner_lc.testing import AcceptAligner, ScriptedChatModel

TEXT = "One. Two."
PROGRAM = """
import threading
from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import ScriptedChatModel

def never(draft):
    threading.Event().wait()

chat = StreamAlignedChat(ScriptedChatModel("One. Two."), never, aligner_timeout=0.1, on_aligner_error="keep")
print(chat.invoke("Go on.").text)
"""


def test_a_program_ends_though_an_aligner_in_it_never_does():
    # Where it would not, the time-out is what fails.
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=280)
    assert done.stdout.strip() == TEXT


class Stubborn(AcceptAligner):
    """Ignore every cancellation until it is let go."""

    def __init__(self):
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()
        self.num_cancelled = 0

    async def ainvoke(self, input, config=None, **kwargs):
        self.begun.set()
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.num_cancelled += 1
        raise RuntimeError("nobody hears this")


async def test_an_aligner_that_ignores_its_cancellation_is_left_alone_after_its_time(monkeypatch):
    monkeypatch.setattr("stream_aligner_lc.nodes._STOP_SECONDS", 0.05)
    aligner = Stubborn()
    chat = StreamAlignedChat(ScriptedChatModel(TEXT), aligner, aligner_timeout=0.05)
    with pytest.raises(AlignerTimeout, match=r"aligner_timeout=0\.05"):
        await chat.ainvoke("Go on.")
    assert aligner.num_cancelled == 1
    aligner.let_go.set()


async def test_a_reply_that_is_left_does_not_wait_for_an_aligner_that_ignores_its_cancellation(monkeypatch):
    monkeypatch.setattr("stream_aligner_lc.nodes._STOP_SECONDS", 0.05)
    aligner = Stubborn()
    task = asyncio.create_task(StreamAlignedChat(ScriptedChatModel(TEXT), aligner).ainvoke("Go on."))
    await aligner.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert aligner.num_cancelled == 1
    aligner.let_go.set()


async def test_an_aligner_that_is_stopped_may_clean_up_first():
    cleaned = []

    async def slow(draft):
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(draft.index)

    chat = StreamAlignedChat(ScriptedChatModel(TEXT), slow, aligner_timeout=0.05, on_aligner_error="keep")
    assert (await chat.ainvoke("Go on.")).text == TEXT
    assert cleaned == [0, 1]


async def test_an_aligner_that_fails_while_its_reader_leaves_leaves_no_complaint():
    complaints, asked = [], asyncio.Event()
    gc.collect()
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told["message"]))

    async def failing(draft):
        asked.set()
        raise RuntimeError("nobody hears this")

    # The node's own task: through the whole loop a cancellation comes some turns later.
    node = AlignerNode(as_aligner(failing, None))
    task = asyncio.create_task(node._aanswers([Draft([], "", "One.")], copy_context(), None))
    await asked.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    del task
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []
