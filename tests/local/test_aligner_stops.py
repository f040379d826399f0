"""A correction that nobody waits for any more stops after its next pass."""

import asyncio
import threading
import time

import pytest

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.errors import AlignerTimeout
from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.testing import ScriptedChatModel
from tests.local.aligner_models import QUESTION, Rambler, Reviser, both_chats, draft


def test_cancel_stops_a_correction_in_another_thread_after_its_next_token():
    rambler, asked = Rambler(max_growth=100, delay=0.05), draft()
    faults = []

    def work():
        try:
            rambler.aligner.invoke(asked)
        except StoppedError as fault:
            faults.append(fault)

    # The same draft twice, as two replies may share it.
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    while rambler.watch.count < 4:
        time.sleep(0.005)
    rambler.aligner.cancel(draft("Another one."))
    assert all(thread.is_alive() for thread in threads)
    rambler.aligner.cancel(asked)
    count = rambler.watch.count
    for thread in threads:
        thread.join(60)
    assert len(faults) == 2
    assert rambler.watch.count <= count + 3


async def test_a_cancelled_task_stops_its_correction_after_its_next_token():
    rambler = Rambler(max_growth=100)
    task = asyncio.create_task(rambler.aligner.ainvoke(draft()))
    while rambler.watch.count < 3:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rambler.rests()


def test_one_cancelled_correction_leaves_the_others_alone():
    reviser, asked = Reviser({"8": "7"}), draft("That is 8.")
    reviser.aligner.cancel(asked)
    assert reviser.aligner.invoke(asked).text == "That is 7."


@both_chats
def test_a_correction_that_takes_too_long_is_stopped_as_well(chat):
    rambler = Rambler(max_growth=100)
    with pytest.raises(AlignerTimeout, match=r"aligner_timeout=0.1 .* sentence 0"):
        chat(rambler.aligner, "That is 8. Done.", aligner_timeout=0.1)
    assert rambler.rests()


@both_chats
def test_the_first_correction_in_time_may_be_the_last(chat):
    rambler = Rambler(max_growth=100)
    message = chat(rambler.aligner, "That is 8. Done.", aligner_timeout=0.1, on_aligner_error="keep")
    assert message.content == "That is 8. Done."
    assert rambler.rests()


async def test_leaving_a_reply_stops_its_correction():
    rambler = Rambler(max_growth=100)
    stream = StreamAlignedChat(ScriptedChatModel("That is 8. Done."), rambler.aligner).astream(QUESTION)
    first = asyncio.create_task(anext(stream))
    while not rambler.watch.count:
        await asyncio.sleep(0.005)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await stream.aclose()
    assert rambler.rests()
