"""Who waits for the memory of another one, in which order, and who does not wait."""

import threading
from contextlib import contextmanager

import pytest

from stream_aligner_lc.local import memory as memories
from stream_aligner_lc.local.completions import StoppedError
from tests.local.test_memory import SLAB, kept, memory_of, of, read


class Waiting:
    """Threads that wait for room, in the order in which they came."""

    def __init__(self, memory):
        self.memory = memory
        self.begun, self.faults = [], []
        self._threads = {}

    def add(self, number, length=10, **options):
        """Have a thread wait, and return once it does."""

        def wait():
            try:
                self.begun.append((number, self.memory.begin(of(number, length), room="awaited", **options)))
            except StoppedError:
                self.faults.append(number)

        num_waiting = len(self.memory._queue)
        self._threads[number] = threading.Thread(target=wait, daemon=True)
        self._threads[number].start()
        while len(self.memory._queue) == num_waiting:
            assert self._threads[number].is_alive(), "it need not wait"

    def join(self, number):
        self._threads[number].join(10)
        assert not self._threads[number].is_alive()


@contextmanager
def full(num_slabs):
    """Make a memory whose room is taken by a text that comes to an end."""
    memory = memory_of(num_slabs)
    kept(memory, of(99))
    running = memory.begin(of(98, 64 * num_slabs * 4 // 5), room="awaited")
    yield memory, running, Waiting(memory)


def test_who_waits_first_is_first_and_wakes_as_soon_as_there_is_room(monkeypatch):
    # So long that nobody looks by himself.
    monkeypatch.setattr(memories, "_SECONDS_BETWEEN_LOOKS", 60)
    with full(2) as (memory, running, waiting):
        waiting.add(1, length=65)
        # There would be room for those, but one came before them.
        waiting.add(2)
        waiting.add(3)
        memory.keep(running)
        waiting.join(1)
        assert [number for number, _ in waiting.begun] == [1]
        memory.keep(waiting.begun[0][1])
        waiting.join(2)
        waiting.join(3)
        assert sorted(number for number, _ in waiting.begun) == [1, 2, 3]
        assert memory._queue == []
        assert memory.num_bytes == 2 * SLAB


def test_what_will_be_read_beyond_the_prompt_is_waited_for_too():
    with full(2) as (memory, running, waiting):
        memory.keep(running)
        first = memory.begin(of(1), ahead=41, room="awaited")
        assert first.num_bytes == SLAB
        waiting.add(2, ahead=42)
        memory.keep(first)
        waiting.join(2)
        assert waiting.begun[0][1].num_bytes == 2 * SLAB


def test_who_must_have_room_now_gives_up_and_who_cannot_wait_begins():
    with full(2) as (memory, running, _):
        before = list(memory._texts)
        with pytest.raises(StoppedError):
            memory.begin(of(1), room="now")
        assert memory._texts == before
        assert memory.begin(of(1)).is_running
        memory.keep(running)
        assert memory.begin(of(2), room="now").is_running


def test_who_stops_waiting_leaves_the_line_to_the_next():
    with full(2) as (memory, running, waiting):
        stopped = threading.Event()
        waiting.add(1, stopped=stopped)
        waiting.add(2)
        stopped.set()
        waiting.join(1)
        assert waiting.faults == [1]
        memory.keep(running)
        waiting.join(2)
        assert [number for number, _ in waiting.begun] == [2]


def test_nobody_waits_for_a_text_that_may_never_end():
    memory = memory_of(1)
    kept(memory, of(99))
    endless = memory.begin(of(1))
    read(endless, of(1, 65))
    assert memory.begin(of(2), room="awaited").is_running
