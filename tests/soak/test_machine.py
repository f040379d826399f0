"""Replies that are open at once on one object, read, left and finished in any order, come to what they would alone."""

import asyncio
import threading

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, precondition, rule

from stream_aligner_lc import StreamAlignedChat
from tests.soak.doubles import Worlds, aligner, upstream
from tests.soak.running import Reading, findings_of, no_waiting
from tests.soak.scripts import scenario

_KINDS = ("accepted", "corrected", "upstream faults", "aligner faults", "mixed")
_OPTIONS = st.fixed_dictionaries(
    {
        "lookahead": st.integers(0, 3),
        "granularity": st.sampled_from(["sentence", "sentence", "paragraph"]),
        "on_aligner_error": st.sampled_from(["raise", "keep", "stop"]),
    }
)


class Open:
    """One reply that is open."""

    def __init__(self, world, chunks):
        self.world = world
        self.chunks = chunks
        self.reading = Reading()
        self.is_over = False


class Replies(RuleBasedStateMachine):
    """What a program may do with replies of one chat model, whatever its colour."""

    replies = Bundle("replies")

    @initialize(options=_OPTIONS, form=st.sampled_from(["class", "joint", "function", "async function"]))
    def begin(self, options, form):
        self.waiting = no_waiting()
        self.waiting.__enter__()
        self.before = set(threading.enumerate())
        self.options, self.form, self.number, self.open = options, form, 0, []
        self.worlds = Worlds()
        self.chat = StreamAlignedChat(
            upstream(self.worlds), aligner(self.worlds, form), continuation="prefill", **options
        )

    @rule(target=replies, kind=st.sampled_from(_KINDS), seed=st.integers(0, 10**6))
    def ask(self, kind, seed):
        # The number of a reply is in all of its sentences, so that no other's pass for them.
        self.number += 1
        options = {"kind": kind, "options": self.options, "aligner": self.form}
        world = self.worlds.play(scenario(seed * 1000 + self.number, **options))
        reply = Open(world, self.stream(world.scenario.question))
        self.open.append(reply)
        return reply

    @rule(reply=replies, count=st.integers(1, 3))
    def read(self, reply, count):
        for _ in range(count):
            self.read_one(reply)

    @rule(reply=consumes(replies))
    def read_to_the_end(self, reply):
        while not reply.is_over:
            self.read_one(reply)

    @rule(reply=consumes(replies))
    def walk_away(self, reply):
        if not reply.is_over:
            reply.reading.is_left = True
            self.close(reply.chunks)
        self.check(reply)

    def read_one(self, reply):
        if reply.is_over:
            return
        try:
            chunk = self.next(reply.chunks)
        except Exception as error:  # noqa: BLE001  # it is compared with what is meant
            reply.reading.error, chunk = error, None
        if chunk is not None:
            reply.reading.take(chunk)
            assert reply.world.expected.text.startswith(reply.reading.text)
            return
        reply.is_over = True
        self.check(reply)

    def check(self, reply):
        assert findings_of(reply.world, reply.reading) == [], reply.world.scenario

    def teardown(self):
        if not hasattr(self, "open"):
            return
        for reply in self.open:
            if not reply.is_over and not reply.reading.is_left:
                reply.reading.is_left = True
                self.close(reply.chunks)
                self.check(reply)
        self.finish()
        for thread in set(threading.enumerate()) - self.before:
            if thread.name.startswith(("upstream", "aligner")):
                thread.join(60)
                assert not thread.is_alive()
        assert all(call.is_closed for reply in self.open for call in reply.world.calls)
        self.waiting.__exit__(None, None, None)


class SyncReplies(Replies):
    def stream(self, question):
        return self.chat.stream(question)

    def next(self, chunks):
        return next(chunks, None)

    def close(self, chunks):
        chunks.close()

    def finish(self):
        pass


class AsyncReplies(Replies):
    """The same in one event loop, where a reader may also be cancelled while it waits."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()

    def stream(self, question):
        return self.chat.astream(question)

    def next(self, chunks):
        return self.loop.run_until_complete(anext(chunks, None))

    def close(self, chunks):
        self.loop.run_until_complete(chunks.aclose())

    @rule(reply=consumes(Replies.replies), turns=st.integers(0, 20))
    def cancel(self, reply, turns):
        if reply.is_over:
            return
        self.loop.run_until_complete(self._cancel(reply, turns))
        reply.is_over = reply.reading.is_left = True
        self.check(reply)

    @precondition(lambda self: len(self.open) > 1)
    @rule(count=st.integers(2, 8))
    def read_side_by_side(self, count):
        waiting = [reply for reply in self.open if not reply.is_over and not reply.reading.is_left][:count]
        answers = self.loop.run_until_complete(self._next_of(waiting))
        for reply, answer in zip(waiting, answers, strict=True):
            if answer is not None and not isinstance(answer, BaseException):
                reply.reading.take(answer)
                continue
            reply.reading.error, reply.is_over = answer, True
            self.check(reply)

    async def _next_of(self, replies):
        return await asyncio.gather(*(anext(reply.chunks, None) for reply in replies), return_exceptions=True)

    async def _cancel(self, reply, turns):
        task = asyncio.ensure_future(anext(reply.chunks, None))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        (answer,) = await asyncio.gather(task, return_exceptions=True)
        if answer is not None and not isinstance(answer, BaseException):
            reply.reading.take(answer)
        await reply.chunks.aclose()

    def finish(self):
        async def tasks():
            async with asyncio.timeout(60):
                while asyncio.all_tasks() - {asyncio.current_task()}:
                    await asyncio.sleep(0)

        self.loop.run_until_complete(tasks())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


@pytest.mark.parametrize("machine", [SyncReplies, AsyncReplies])
def test_replies_that_are_open_at_once_do_not_touch_each_other(machine):
    case = machine.TestCase
    case.settings = settings(
        max_examples=8,
        stateful_step_count=12,
        derandomize=True,
        phases=[Phase.generate],  # what is found names its seeds; to make it smaller takes minutes
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()
