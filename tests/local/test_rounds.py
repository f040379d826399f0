"""One model, many who ask: in which order, which of them in one pass, and what a failure of one means to the others."""

import gc
import threading
import weakref
from array import array

import pytest

from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.memory import Text
from stream_aligner_lc.local.rounds import rounds_of
from stream_aligner_lc.local.works import Errand, Piece
from tests.local.small_models import Watch, generated, model_of

PROMPT = [3 + number * 37 % 89 for number in range(30)]
PROMPTS = [PROMPT[:7], PROMPT[10:], PROMPT[5:10]]


def piece(rounds, ids, **options):
    return Piece(text=Text(array("I"), rounds.worker.passes.empty()), ids=ids, num_logits=1, **options)


def next_tokens(kind="llama"):
    return [generated(model_of(kind), ids, 1) for ids in PROMPTS]


def on_thread(call, *args):
    thread = threading.Thread(target=call, args=args, daemon=True)
    thread.start()
    return thread


def ends(thread):
    thread.join(10)
    return not thread.is_alive()


class Busy:
    """Keep the rounds busy, so that what is added waits; let it all be done when that is left."""

    def __init__(self, rounds):
        self.rounds = rounds
        self._threads = []
        self._begun, self._over = threading.Event(), threading.Event()

    def __enter__(self):
        def keep():
            self._begun.set()
            self._over.wait(10)

        self._threads.append(on_thread(self.rounds.alone, keep))
        assert self._begun.wait(10)
        return self

    def add(self, *works):
        """Have another thread ask for them, and return once they wait."""
        num_waiting = len(self.rounds._waiting)
        self._threads.append(on_thread(self.rounds.do, *works))
        while len(self.rounds._waiting) < num_waiting + len(works):
            assert self._threads[-1].is_alive()

    def __exit__(self, *_):
        self._over.set()
        assert all(ends(thread) for thread in self._threads)


def test_who_comes_first_is_served_first(rounds):
    order = []
    with Busy(rounds) as busy:
        for number in range(5):
            busy.add(Errand(call=lambda number=number: order.append(number)))
    assert order == [0, 1, 2, 3, 4]


def test_what_can_wait_comes_after_everything_else(rounds):
    order = []
    with Busy(rounds) as busy:
        for number, can_wait in enumerate([True, False, True, False]):
            busy.add(Errand(call=lambda number=number: order.append(number), can_wait=can_wait))
    assert order == [1, 3, 0, 2]


def test_one_thing_is_done_at_a_time(rounds):
    running, most, together = [], [], threading.Barrier(6)

    def call():
        running.append(1)
        most.append(len(running))
        running.pop()

    def work():
        together.wait()
        for _ in range(200):
            rounds.alone(call)

    threads = [on_thread(work) for _ in range(6)]
    assert all(ends(thread) for thread in threads)
    assert len(most) == 1200
    assert max(most) == 1


def test_what_was_stopped_before_its_turn_is_not_done(rounds, model):
    watch, stopped = Watch(model), threading.Event()
    pieces = [piece(rounds, ids, stopped=stopped if ids is PROMPTS[1] else None) for ids in PROMPTS]
    with Busy(rounds) as busy:
        busy.add(*pieces)
        stopped.set()
    assert isinstance(pieces[1].fault, StoppedError)
    assert list(pieces[1].text.ids) == []
    assert [each.best for each in pieces[::2]] == next_tokens()[::2]
    assert watch.fed[-1] == 12
    alone = piece(rounds, PROMPT, stopped=stopped)
    rounds.do(alone)
    assert isinstance(alone.fault, StoppedError)


def test_pieces_that_wait_together_are_read_in_one_pass(rounds, model):
    watch = Watch(model)
    with Busy(rounds) as busy:
        pieces = [piece(rounds, ids) for ids in PROMPTS]
        for each in pieces:
            busy.add(each)
    assert rounds.worker.num_passes == 1
    assert watch.fed[-1] == sum(map(len, PROMPTS))
    assert [each.best for each in pieces] == next_tokens()
    assert [list(each.text.ids) for each in pieces] == PROMPTS
    assert [each.text.state.get_seq_length() for each in pieces] == [7, 20, 5]


@pytest.mark.parametrize("kind", ["gemma3n", "bloom", "mamba", "qwen3_5", "recurrent_gemma"])
def test_where_an_architecture_allows_no_shared_pass_each_is_read_alone(kind):
    model = model_of(kind)
    rounds = rounds_of(model)
    with Busy(rounds) as busy:
        pieces = [piece(rounds, ids) for ids in PROMPTS]
        busy.add(*pieces)
    assert rounds.worker.num_passes == 3
    assert [each.best for each in pieces] == next_tokens(kind)


def test_a_shared_pass_has_a_bounded_length_and_nobody_overtakes(rounds, model):
    watch, lengths = Watch(model), (160, 120, 80, 400, 40)
    with Busy(rounds) as busy:
        pieces = [piece(rounds, (PROMPT * 14)[:length]) for length in lengths]
        busy.add(*pieces)
    assert watch.fed[-4:] == [160, 200, 400, 40]
    assert all(each.fault is None for each in pieces)


def test_what_can_wait_shares_no_pass(rounds):
    with Busy(rounds) as busy:
        pieces = [piece(rounds, ids, can_wait=ids is not PROMPTS[1]) for ids in PROMPTS]
        busy.add(*pieces)
    assert rounds.worker.num_passes == 3
    assert [each.best for each in pieces] == next_tokens()


def test_a_fault_reaches_only_the_piece_that_it_is_of(rounds):
    with Busy(rounds) as busy:
        pieces = [piece(rounds, ids) for ids in (PROMPTS[0], [3, 4, 100_000], PROMPTS[2])]
        for each in pieces:
            busy.add(each)
    assert isinstance(pieces[1].fault, IndexError)
    assert [each.best for each in pieces[::2]] == next_tokens()[::2]
    assert [list(each.text.ids) for each in pieces] == [PROMPTS[0], [], PROMPTS[2]]


def test_a_fault_is_raised_where_it_was_asked_for_and_nowhere_else(rounds):
    with Busy(rounds) as busy:
        errands = [Errand(call=lambda divisor=divisor: 6 // divisor) for divisor in (1, 0, 2)]
        for each in errands:
            busy.add(each)
    assert [errands[0].result, errands[2].result] == [6, 3]
    assert isinstance(errands[1].fault, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        rounds.alone(lambda: 1 // 0)


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("num_more", [0, 1])
def test_who_is_interrupted_while_leading_hands_over(rounds, num_more):
    done = []

    def lead():
        more = [Errand(call=lambda: done.append("his own")) for _ in range(num_more)]
        with pytest.raises(KeyboardInterrupt):
            rounds.do(Errand(call=interrupt), *more)

    with Busy(rounds) as busy:
        busy._threads.append(on_thread(lead))
        while len(rounds._waiting) < 1 + num_more:
            pass
        busy.add(Errand(call=lambda: done.append("another's")))
    assert done[-1] == "another's"
    assert ends(on_thread(rounds.alone, lambda: done.append("a later one")))
    assert done[-1] == "a later one"


def test_who_is_interrupted_while_waiting_holds_nobody_up(rounds):
    class Interrupted(threading.Event):
        def wait(self, timeout=None):
            interrupt()

    def wait():
        with pytest.raises(KeyboardInterrupt):
            rounds.do(Errand(call=lambda: None, turn=Interrupted()))

    done = []
    with Busy(rounds):
        assert ends(on_thread(wait))
    assert ends(on_thread(rounds.alone, lambda: done.append("a later one")))
    assert done == ["a later one"]


def test_all_who_use_a_model_share_its_rounds_and_they_end_with_it(model):
    assert rounds_of(model) is Decoder(model).rounds is Decoder(model).rounds
    other = model_of("llama")
    assert rounds_of(other) is not rounds_of(model)
    there = weakref.ref(other)
    del other
    gc.collect()
    assert there() is None
