"""Whoever walks away from a local model's reply leaves nothing running: no pass, no thread, no processor time."""

import asyncio
import itertools
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import aclosing, closing

import pytest
from blockbuster import blockbuster_ctx
from langchain_core.messages import HumanMessage

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.local import threads
from stream_aligner_lc.local.chat import ChatTransformers
from stream_aligner_lc.testing import AcceptAligner
from tests.local.small_models import SpeakingModel, Watch, save

QUESTION = "How many are 3 and 4?"
LONG_QUESTION = "How many are 3 and 4? " * 400
SENTENCES = "There are 7 eggs. "
SECONDS = 60
"""On a machine that has other things to do; what is over is not waited for."""
ENDLESS = ["bare", "aligned", "aligned, no full stop"]


class Endless:
    """A model that never comes to an end by itself, bare or inside the loop, and a watch over it."""

    def __init__(self, kind="bare", *, delay=0.002, is_held=False):
        period = " 7" if "no full stop" in kind else SENTENCES
        model = SpeakingModel(lambda prompt, said: (period * (len(said) // len(period) + 2))[len(said) :])
        self.local = ChatTransformers.from_model(model, model.tokenizer)
        self.watch = Watch(model, delay=delay)
        self.decoder = self.local._local.load().decoder
        self.chat = self.local if kind == "bare" else StreamAlignedChat(self.local, AcceptAligner(), lookahead=1)
        self.permits = threading.Semaphore(0)
        if is_held:
            model.register_forward_pre_hook(self._wait)

    def let(self, passes):
        """Let so many passes go on; those of a model that is held wait for that."""
        self.permits.release(passes)

    async def begins(self, passes=1):
        """Wait until so many passes have begun."""
        while self.watch.count < passes:
            await asyncio.sleep(0.001)

    def _wait(self, *_):
        assert self.permits.acquire(timeout=SECONDS), "nobody let it go on"


class Quiet:
    """What has to be as it was before."""

    def __init__(self):
        self.threads = set(threading.enumerate())

    def check_threads(self):
        end = time.perf_counter() + SECONDS
        # Those of the event loop's own executor stay for the next one who needs them.
        while left := {thread for thread in set(threading.enumerate()) - self.threads if "asyncio" not in thread.name}:
            assert time.perf_counter() < end, left
            time.sleep(0.001)

    def check(self, watch, *, after, seconds=0.06):
        """`after` is how many passes there had been when it was left: one more may have been under way."""
        self.check_threads()
        assert watch.count <= after + 1
        count, start = watch.count, time.process_time()
        time.sleep(seconds)
        assert watch.count == count
        assert time.process_time() - start < 0.05


@pytest.fixture
def quiet():
    return Quiet()


def leave_by_break(stream):
    for number, _ in enumerate(stream):
        if number == 3:
            break


def leave_by_close(stream):
    next(stream)
    stream.close()


def leave_at_once(stream):
    stream.close()


def leave_by_an_error(stream):
    def consume():
        with closing(stream):
            for _ in stream:
                raise LookupError

    with pytest.raises(LookupError):
        consume()


def leave_by_dropping(stream):
    next(stream)
    del stream


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_close, leave_at_once, leave_by_an_error, leave_by_dropping])
@pytest.mark.parametrize("kind", ["bare", "aligned"])
def test_a_stream_that_is_left_stops(kind, leave, quiet):
    endless = Endless(kind)
    leave(endless.chat.stream(QUESTION))
    quiet.check(endless.watch, after=endless.watch.count)


@pytest.mark.parametrize("kind", ENDLESS[:2])
def test_a_left_stream_takes_no_processor_time(kind, quiet):
    endless = Endless(kind, delay=0)
    leave_by_close(endless.chat.stream(QUESTION))
    quiet.check(endless.watch, after=endless.watch.count, seconds=0.3)


@pytest.mark.parametrize("kind", ENDLESS)
async def test_a_left_async_stream_takes_no_processor_time(kind, quiet):
    endless = Endless(kind, delay=0)
    await aleave_by_timeout(endless.chat)
    quiet.check(endless.watch, after=endless.watch.count, seconds=0.3)


def test_a_stream_that_nobody_reads_on_computes_nothing():
    endless = Endless()
    stream = endless.chat.stream(QUESTION)
    next(stream)
    count = endless.watch.count
    time.sleep(0.1)
    assert endless.watch.count == count
    stream.close()


async def tasks_end():
    # A generator that was dropped is closed by a task that the loop has yet to make.
    await asyncio.sleep(0.05)
    async with asyncio.timeout(SECONDS):
        while asyncio.all_tasks() != {asyncio.current_task()}:
            await asyncio.sleep(0.001)


async def turns():
    """Let the event loop do what is due, such as tell everybody of a cancellation."""
    for _ in range(100):
        await asyncio.sleep(0)


async def read_some(stream, count=3):
    async for _ in stream:
        count -= 1
        if count == 0:
            return


async def aleave_by_aclose(chat):
    async with aclosing(chat.astream(QUESTION)) as stream:
        await read_some(stream)


async def aleave_by_break(chat):
    await read_some(chat.astream(QUESTION))


async def aleave_by_cancel(chat):
    task = asyncio.create_task(read_some(chat.astream(QUESTION), 10**6))
    await asyncio.sleep(0.08)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def aleave_by_cancelling_an_invoke(chat):
    task = asyncio.create_task(chat.ainvoke(QUESTION))
    await asyncio.sleep(0.08)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def aleave_by_timeout(chat):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.08):
            await read_some(chat.astream(QUESTION), 10**6)


async def aleave_a_batch_by_timeout(chat):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.08):
            await chat.abatch([QUESTION] * 3)


ALEAVE = [
    aleave_by_aclose, aleave_by_break, aleave_by_cancel, aleave_by_cancelling_an_invoke, aleave_by_timeout,
    aleave_a_batch_by_timeout,
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "leave"),
    [
        *((kind, leave) for kind in ENDLESS[:2] for leave in ALEAVE),
        # Nothing comes out of it before its end.
        *((ENDLESS[2], leave) for leave in (aleave_by_cancel, aleave_by_cancelling_an_invoke, aleave_by_timeout)),
    ],
)
async def test_an_async_stream_that_is_left_stops(kind, leave, quiet):
    # So slow that the few turns in which a loop closes what was dropped are shorter than a pass.
    endless = Endless(kind, delay=0.02)
    await leave(endless.chat)
    after = endless.watch.count
    await tasks_end()
    # Three replies may each have a pass to end.
    assert endless.watch.count <= after + (3 if leave is aleave_a_batch_by_timeout else 1)
    quiet.check(endless.watch, after=endless.watch.count)


async def test_a_closed_stream_of_tokens_has_no_thread_left(quiet):
    endless = Endless()
    stream = endless.local._astream([HumanMessage(QUESTION)])
    await anext(stream)
    assert set(threading.enumerate()) - quiet.threads
    await stream.aclose()
    quiet.check_threads()


@pytest.mark.parametrize("kind", ["bare", "aligned"])
async def test_a_cancelled_prompt_is_read_no_further_than_its_piece(kind, quiet):
    endless = Endless(kind, is_held=True)
    pieces = -(-endless.local.get_num_tokens(LONG_QUESTION) // 512)
    task = asyncio.create_task(endless.chat.ainvoke(LONG_QUESTION))
    await endless.begins()
    task.cancel()
    await turns()
    endless.let(pieces)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert endless.watch.count <= 2 < pieces
    quiet.check(endless.watch, after=endless.watch.count)


@pytest.mark.parametrize("kind", ["bare", "aligned"])
async def test_a_cancellation_in_the_middle_of_a_pass_waits_for_that_pass_alone(kind, quiet, monkeypatch):
    # Who waited for anything else would wait that long.
    monkeypatch.setattr(threads, "CLOSE_SECONDS", 2 * SECONDS)
    endless = Endless(kind, is_held=True)
    task = asyncio.create_task(endless.chat.ainvoke(QUESTION))
    await endless.begins()
    task.cancel()
    await turns()
    endless.let(10)
    async with asyncio.timeout(SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await task
    quiet.check(endless.watch, after=1)
    assert endless.watch.count == 1


async def test_a_pass_without_end_holds_a_cancellation_up_for_a_bounded_time(quiet, monkeypatch):
    monkeypatch.setattr(threads, "CLOSE_SECONDS", 0.05)
    endless = Endless(is_held=True)
    task = asyncio.create_task(endless.chat.ainvoke(QUESTION))
    await endless.begins()
    task.cancel()
    async with asyncio.timeout(SECONDS / 2):
        with pytest.raises(asyncio.CancelledError):
            await task
    endless.let(10)
    quiet.check(endless.watch, after=1)
    assert endless.watch.count == 1


async def test_a_second_cancellation_does_not_leave_the_thread_behind(quiet):
    endless = Endless(is_held=True)
    task = asyncio.create_task(endless.chat.ainvoke(QUESTION))
    await endless.begins()
    task.cancel()
    await turns()
    task.cancel()
    await turns()
    endless.let(10)
    with pytest.raises(asyncio.CancelledError):
        await task
    quiet.check(endless.watch, after=1)
    assert not any(read.is_running for read in endless.decoder.memory._texts)


@pytest.mark.parametrize("kind", ["bare", "aligned"])
def test_many_streams_opened_and_left_leave_nothing(kind, quiet):
    endless = Endless(kind, delay=0)
    # What is not being decoded is not kept, so that all that is left is what nobody gave back.
    endless.decoder.memory.kept_bytes = 0
    for number in range(20):
        stream = endless.chat.stream(f"How many are {number} and 4?")
        for _ in itertools.islice(stream, number % 4):
            pass
        stream.close()
    quiet.check(endless.watch, after=endless.watch.count)
    assert endless.decoder.memory._texts == []


@pytest.mark.parametrize("kind", ["bare", "aligned"])
async def test_many_async_streams_opened_and_left_leave_nothing(kind, quiet):
    endless = Endless(kind, delay=0)

    async def one(number):
        async with aclosing(endless.chat.astream(f"How many are {number} and 4?")) as stream:
            await read_some(stream, 1 + number % 4)

    for number in range(6):
        await asyncio.gather(*(one(3 * number + other) for other in range(3)))
    await tasks_end()
    quiet.check(endless.watch, after=endless.watch.count)
    assert not any(read.is_running for read in endless.decoder.memory._texts)


async def test_a_reply_read_to_its_end_leaves_no_thread(quiet):
    model = SpeakingModel(lambda prompt, said: "There are 7."[len(said) :])
    chat = ChatTransformers.from_model(model, model.tokenizer)
    assert (await chat.ainvoke(QUESTION)).content == "There are 7."
    quiet.check_threads()


async def test_a_failing_model_leaves_no_thread_and_says_why(quiet):
    model = SpeakingModel(lambda prompt, said: 1 / 0 if "7" in said else "There are 7."[len(said) :])
    chat = ChatTransformers.from_model(model, model.tokenizer)
    with pytest.raises(ZeroDivisionError):
        await chat.ainvoke(QUESTION)
    quiet.check_threads()


@pytest.mark.parametrize("kind", ["bare", "aligned"])
async def test_the_event_loop_turns_while_a_slow_model_decodes(kind):
    endless = Endless(kind, is_held=True)
    task = asyncio.create_task(endless.chat.ainvoke(QUESTION))
    for number in range(1, 4):
        # While a pass is held, nobody comes as far as this but in a loop that turns.
        await endless.begins(number)
        await turns()
        assert endless.watch.count == number
        endless.let(1)
    task.cancel()
    endless.let(10)
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("kind", ["bare", "aligned"])
async def test_nothing_blocks_the_event_loop(kind):
    endless = Endless(kind, delay=0)
    with blockbuster_ctx():
        await aleave_by_aclose(endless.chat)
        await endless.chat.ainvoke(QUESTION, max_tokens=5)
        await aleave_by_timeout(endless.chat)


def test_nothing_blocks_the_event_loop_when_torch_is_imported_and_a_model_is_loaded_in_it(tmp_path):
    script = """
        import asyncio, sys
        from blockbuster import blockbuster_ctx
        from stream_aligner_lc import StreamAlignedChat
        from stream_aligner_lc.local.chat import ChatTransformers

        folder = sys.argv[1]
        bare = ChatTransformers(folder, max_tokens=5)
        aligned = StreamAlignedChat(bare, folder, on_aligner_error="keep")

        async def main():
            assert "torch" not in sys.modules
            with blockbuster_ctx():
                async for chunk in aligned.astream("How many are 3 and 4?"):
                    pass
                await bare.ainvoke("And 5?")

        asyncio.run(main())
        assert "torch" in sys.modules
        print("nothing blocked")
    """
    # An aligner that writes at random and never ends: its failure is not the point here.
    command = [sys.executable, "-c", textwrap.dedent(script), save(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert "nothing blocked" in done.stdout, done.stderr
