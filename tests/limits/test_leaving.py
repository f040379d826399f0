"""Whoever walks away closes the provider's connection within two chunks, and leaves no thread and no task behind."""

import asyncio
from contextlib import aclosing, closing, suppress

import pytest

from stream_aligner_lc import AcceptAligner, StreamAlignedChat, build_graph
from stream_aligner_lc.testing import ScriptedChatModel
from tests.limits.provider import Fault, FaultyProvider, Gate

SAID = ["One. ", "Two. ", "Three. ", Gate()]
ASK = {"messages": [("user", "Go on.")]}
# Long enough for a machine that is busy; what is tested is that it comes at all, and after how many chunks.
SOON = 20


def chat(provider, **options):
    return StreamAlignedChat(provider.chat(), AcceptAligner(), continuation="prefill", **options)


def graph(provider, **options):
    return build_graph(provider.chat(), AcceptAligner(), continuation="prefill", **options)


def sentences(provider, kind):
    return chat(provider).stream("Go on.") if kind == "chat" else graph(provider).stream(ASK)


def asentences(provider, kind):
    return chat(provider).astream("Go on.") if kind == "chat" else graph(provider).astream(ASK)


def check_closed(provider):
    """Two more chunks, and the provider has seen the reader leave."""
    provider.permit(2)
    assert provider.gone.wait(SOON)
    assert provider.served <= 2


@pytest.mark.parametrize("kind", ["chat", "graph"])
def test_a_stream_that_is_closed_closes_the_connection(left, kind):
    with FaultyProvider(SAID) as provider:
        with closing(sentences(provider, kind)) as chunks:
            next(chunks)
        check_closed(provider)
        assert left.threads() == []


def test_a_loop_that_is_broken_off_closes_the_connection(left):
    with FaultyProvider(SAID) as provider:
        for _ in chat(provider).stream("Go on."):
            break
        check_closed(provider)
        assert left.threads() == []


def test_an_exception_in_the_readers_code_closes_the_connection(left):
    def read():
        for _ in chat(provider).stream("Go on."):
            raise RuntimeError("the reader's own")

    with FaultyProvider(SAID) as provider:
        with pytest.raises(RuntimeError):
            read()
        check_closed(provider)
        assert left.threads() == []


@pytest.mark.parametrize("kind", ["chat", "graph"])
async def test_an_async_stream_that_is_closed_closes_the_connection(left, kind):
    with FaultyProvider(SAID) as provider:
        async with aclosing(asentences(provider, kind)) as chunks:
            await anext(chunks)
        await asyncio.to_thread(check_closed, provider)
        # LangGraph's tasks end a moment after the one that read.
        assert kind == "graph" or provider.served == 0
        while left.tasks():
            await asyncio.sleep(0)


async def test_an_async_loop_that_is_broken_off_closes_the_connection(left):
    with FaultyProvider(SAID) as provider:
        async for _ in chat(provider).astream("Go on."):
            break
        # Nobody closes it but the interpreter, which hands it to the event loop.
        await asyncio.to_thread(check_closed, provider)
        while left.tasks():
            await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["chat", "graph"])
async def test_a_task_that_is_cancelled_closes_the_connection(left, kind):
    async def read():
        async for _ in asentences(provider, kind):
            said.set()

    with FaultyProvider(SAID) as provider:
        said = asyncio.Event()
        task = asyncio.create_task(read())
        await said.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(check_closed, provider)
        # LangGraph's tasks end a moment after the one that read.
        assert kind == "graph" or provider.served == 0
        while left.tasks():
            await asyncio.sleep(0)


async def test_an_invocation_that_is_cancelled_closes_the_connection(left):
    with FaultyProvider(SAID) as provider:
        task = asyncio.create_task(chat(provider).ainvoke("Go on."))
        while not provider.prompts:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(check_closed, provider)
        assert left.tasks() == set()


async def test_a_time_limit_around_a_reply_closes_the_connection(left):
    async def expire(limit):
        while not provider.prompts:
            await asyncio.sleep(0.005)
        limit.reschedule(0)

    async def ask():
        async with asyncio.timeout(None) as limit:
            await asyncio.gather(expire(limit), chat(provider).ainvoke("Go on."))

    with FaultyProvider(SAID) as provider:
        with pytest.raises(TimeoutError):
            await ask()
        await asyncio.to_thread(check_closed, provider)
        assert provider.served == 0
        assert left.tasks() == set()


async def test_a_client_that_loses_a_cancellation_is_left_with_its_next_chunk(left):
    class HardOfHearing(ScriptedChatModel):
        async def _astream(self, *args, **kwargs):
            async for chunk in super()._astream(*args, **kwargs):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)
                yield chunk

    upstream = HardOfHearing("Sentence after sentence. " * 1000)
    async with aclosing(StreamAlignedChat(upstream, AcceptAligner(), lookahead=5000).astream("Go on.")) as chunks:
        await anext(chunks)
    assert upstream.calls[0].is_closed
    assert not upstream.calls[0].is_finished
    assert left.tasks() == set()


def test_the_time_of_a_reply_ends_it_and_closes_the_connection(collect, left):
    with FaultyProvider(SAID) as provider:
        chunks = collect(chat(provider, reply_timeout=4), "Go on.")
        check_closed(provider)
        assert left.threads() == []
    assert "".join(chunk.text for chunk in chunks) == "One. Two."
    assert chunks[-1].response_metadata["finish_reason"] == "timeout"


def test_a_silent_providers_thread_lives_no_longer_than_its_read_time_out(left):
    with FaultyProvider(["One. ", "Two. ", Fault.STALL]) as provider:
        patient = provider.chat(timeout=3)
        with closing(StreamAlignedChat(patient, AcceptAligner(), continuation="prefill").stream("Go on.")) as chunks:
            next(chunks)
        assert left.threads(within=SOON) == []
        assert provider.gone.wait(SOON)


def test_a_model_that_is_asked_in_an_event_loop_without_await_is_left_too(left):
    async def read():
        with closing(sentences(provider, "chat")) as chunks:
            next(chunks)

    with FaultyProvider(SAID) as provider:
        asyncio.run(read())
        check_closed(provider)
        assert left.threads() == []
