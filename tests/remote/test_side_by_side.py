"""One aligner of a server in many hands: at once, interrupted, copied, and in a forked process."""

import asyncio
import copy
import gc
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import AlignerError, Draft, ServerAligner, StreamAlignedChat
from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ScriptedChatModel
from tests.remote.answering import Answering

SECONDS = 120
DRAFT = Draft([HumanMessage("How is it?")], "", "It is bad.")


def prompted(server, **options):
    return ServerAligner(server.base_url, "m", template="prompted", max_retries=0, **options)


def test_first_drafts_do_not_wait_for_each_other_at_a_server_that_hangs():
    together = threading.Barrier(4)

    def answer(_path, _number):
        together.wait(SECONDS)
        return 500, {"error": "oops"}, {}

    with Answering(answer) as server:
        aligner = ServerAligner(server.base_url, "sums", tokenizer=pair.ALIGNER, max_retries=0, timeout=SECONDS)

        def ask(_):
            with pytest.raises(AlignerError):
                aligner.invoke(DRAFT)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, range(4)))
    assert server.requests[:4] == ["/v1/models"] * 4


def test_a_draft_can_be_given_up_while_another_one_waits_for_the_server():
    asked, free = threading.Semaphore(0), threading.Event()

    def answer(_path, _number):
        asked.release()
        free.wait(SECONDS)
        return 500, {"error": "oops"}, {}

    with Answering(answer) as server, ThreadPoolExecutor(2) as pool:
        aligner = ServerAligner(server.base_url, "sums", tokenizer=pair.ALIGNER, max_retries=0, timeout=SECONDS)
        other = Draft([HumanMessage("And?")], "", "It is worse.")
        waiting, given_up = pool.submit(aligner.invoke, DRAFT), pool.submit(aligner.invoke, other)
        assert asked.acquire(timeout=SECONDS)
        assert asked.acquire(timeout=SECONDS)
        aligner.cancel(other)
        with pytest.raises(StoppedError):
            given_up.result(SECONDS)
        assert not waiting.done()
        free.set()
        with pytest.raises(AlignerError):
            waiting.result(SECONDS)


def test_ctrl_c_closes_the_request_of_whoever_waits_for_it():
    asked, gone = threading.Event(), threading.Event()

    def wait_for_the_end(handler):
        asked.set()
        if handler.rfile.read(1) == b"":
            gone.set()

    def interrupt(thread):
        if asked.wait(SECONDS):
            signal.pthread_kill(thread, signal.SIGINT)

    with Answering(lambda _path, _number: wait_for_the_end) as server:
        threading.Thread(target=interrupt, args=[threading.get_ident()]).start()
        with pytest.raises(KeyboardInterrupt):
            prompted(server, timeout=None).invoke(DRAFT)
        assert gone.wait(SECONDS)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_is_an_aligner_of_the_same_server(again):
    with Answering() as server:
        aligner = prompted(server, api_key="the-key")
        aligner.invoke(DRAFT)
        copied = again(aligner)
        assert copied.invoke(DRAFT) == aligner.invoke(DRAFT)
        assert copied.identity == aligner.identity
        chat = again(StreamAlignedChat(ScriptedChatModel("It is bad."), aligner))
        assert chat.invoke("How?").text == "It is good."
    assert set(server.keys) == {"Bearer the-key"}


def test_a_hundred_drafts_at_once_and_one_event_loop_after_the_other_share_the_connections():
    with Answering() as server:
        aligner = prompted(server)

        async def ask():
            return await asyncio.gather(*(aligner.ainvoke(DRAFT) for _ in range(100)))

        answers = asyncio.run(ask()) + asyncio.run(ask())
    assert {answer.text for answer in answers} == {"It is good."}
    assert len(set(server.connections)) <= 100


@pytest.mark.parametrize("leave", [lambda aligner: None, ServerAligner.close], ids=["let go", "closed"])
def test_no_connection_is_left_of_an_aligner_that_nobody_uses_any_more(leave):
    with Answering() as server:
        aligner = prompted(server)
        aligner.invoke(DRAFT)
        client = aligner._service._client
        leave(aligner)
        del aligner
        gc.collect()
        end = time.monotonic() + SECONDS
        while not client.is_closed():
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_forked_process_opens_connections_of_its_own():
    with Answering() as server:
        aligner = prompted(server)
        aligner.invoke(DRAFT)
        if (child := os.fork()) == 0:
            os._exit(aligner.invoke(DRAFT).text != "It is good.")
        _, status = os.waitpid(child, 0)
        aligner.invoke(DRAFT)
    assert status == 0
    first, second, third = server.connections
    assert first == third != second
