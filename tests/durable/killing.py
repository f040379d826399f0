"""Processes that write a reply and are killed at random moments, again and again, until one of them is through.

    python -c "from tests.durable.killing import kills; print(kills(1000, seed=0))"

A process is told apart from the next by nothing but its database: whoever comes goes on from what stands there.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from tqdm import tqdm

from stream_aligner_lc import build_graph
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel

SENTENCES = 60
# It ends without whitespace: asked to go on from a finished text, an upstream does not say its last line break again.
TEXT = "".join(
    f"Sentence number {number} is {'bad' if number % 7 == 3 else 'odd' if number % 11 == 5 else 'fine'}."
    + ("\n\n" if number % 5 == 4 else " ")
    for number in range(SENTENCES)
).rstrip()
ASK = {"messages": [("user", "Go on.")]}
THREAD = {"configurable": {"thread_id": "1"}}
_MOST_SENTENCES_OF_A_LIFE = 20
_LONGEST_DELAY = 0.02
_LONGEST_LIFE = 120.0


class Noting(ReplaceAligner):
    """Correct, and note each draft in a file before it has its verdict."""

    def __init__(self, file):
        super().__init__({"bad": "good"}, delay=0.001)
        self.file = file

    def _corrected(self, draft):
        _note(self.file, [draft.index])
        return super()._corrected(draft)


def kills(count, seed):
    """Kill `count` processes, and return what was different from replies that nobody disturbed, in words."""
    rng = random.Random(seed)
    wanted = _result(build_graph(ScriptedChatModel(TEXT), ReplaceAligner({"bad": "good"})).invoke(ASK))
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    differences, left = [], count
    with tqdm(total=count, unit="kill", disable=None) as progress:
        while left:
            with tempfile.TemporaryDirectory() as folder:
                left -= _killed_until_through(Path(folder), processes, rng, left, progress)
                differences += _differences(Path(folder), wanted)
    return differences


def _killed_until_through(folder, processes, rng, most, progress):
    """Have processes write one reply, kill at most so many of them, and say how many it were."""
    killed = 0
    while not (folder / "reply").exists():
        process = processes.Process(target=write, args=(folder, rng.choice(["sync", "async"])))
        process.start()
        if killed < most and _is_due(folder, process, rng):
            process.kill()
            killed += 1
            progress.update()
        process.join()
        if process.exitcode not in (0, -9):
            raise RuntimeError(f"A process ended by itself with {process.exitcode}; its error stands above.")
    return killed


def _differences(folder, wanted):
    differences = []
    if (reply := json.loads((folder / "reply").read_text())) != wanted:
        differences.append(f"the reply is {reply!r}")
    return differences + _aligned_twice(folder / "aligned")


def _is_due(folder, process, rng):
    """Wait for the moment to kill a process; it may be through by then."""
    size, notes = _size(folder / "aligned"), rng.randint(0, _MOST_SENTENCES_OF_A_LIFE)
    delay = rng.uniform(0, _LONGEST_DELAY)
    end = time.monotonic() + _LONGEST_LIFE
    while process.is_alive() and _notes(folder / "aligned", size) < notes:
        if time.monotonic() > end:
            return True
        time.sleep(0.001)
    time.sleep(delay)
    return process.is_alive()


def _aligned_twice(file):
    """Say which sentences a life aligned that were released before it, or that it had aligned itself."""
    found, least = [], 0
    for line in file.read_text().splitlines():
        note = json.loads(line)
        if isinstance(note, dict):
            least = note["released"]
            continue
        found += [f"sentence {index} is aligned though {least} are released" for index in note if index < least]
        least = max(note) + 1
    return found


def write(folder, colour):
    """Write the reply, or what is missing of it: one life."""
    result = _write(folder) if colour == "sync" else asyncio.run(_awrite(folder))
    (folder / "part").write_text(json.dumps(result))
    (folder / "part").rename(folder / "reply")


def _write(folder):
    with SqliteSaver.from_conn_string(str(folder / "checkpoints")) as saver:
        graph = _graph(folder, saver)
        state = graph.get_state(THREAD)
        _note(folder / "aligned", {"released": _num_released(state)})
        if _is_over(state):
            return _result(state.values)
        return _result(graph.invoke(None if state.created_at else ASK, THREAD, durability="sync"))


async def _awrite(folder):
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints")) as saver:
        graph = _graph(folder, saver)
        state = await graph.aget_state(THREAD)
        _note(folder / "aligned", {"released": _num_released(state)})
        if _is_over(state):
            return _result(state.values)
        return _result(await graph.ainvoke(None if state.created_at else ASK, THREAD, durability="sync"))


def _graph(folder, saver):
    return build_graph(ScriptedChatModel(TEXT), Noting(folder / "aligned"), checkpointer=saver)


def _is_over(state):
    # Not `next`, which is empty, too, where a process died between the writes of a step and its checkpoint.
    return "progress" in state.values and state.values["progress"]["finish"] is not None


def _num_released(state):
    return state.values["progress"]["index"] if "progress" in state.values else 0


def _result(state):
    message = state["messages"][-1]
    return [message.text, message.response_metadata["stream_aligner"]["sentences"]]


def _note(file, note):
    """Append a line in one write, which is whole or not there."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{json.dumps(note)}\n".encode())
    os.close(handle)


def _size(file):
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _notes(file, start):
    with contextlib.suppress(FileNotFoundError):
        return file.read_bytes()[start:].count(b"\n[")
    return 0
