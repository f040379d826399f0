"""Ends of a process: killed at any moment, interrupted, two at once. The same command goes on and writes the same."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.resumable.journal import Journal
from tests.annotation.doubles import Upstream, finished_in, write_prompts

ROOT = Path(__file__).parents[2]
QUESTIONS = [f"Question {number}?" for number in range(24)]
_SECONDS_TO_START = 250


class Command:
    """The command on a folder, started as often as a test wants."""

    def __init__(self, folder):
        self.folder = folder
        self.out = folder / "rows.jsonl"
        self.journal = folder / "rows.jsonl.part"
        self.asked = folder / "asked"
        self.hold = folder / "hold"
        self.prompts = write_prompts(folder / "prompts.jsonl", QUESTIONS)

    def start(self, *more, seconds=0.0):
        """Start it, and return the process."""
        names = ["--upstream", "slow", "--teacher", "teacher", "--policy", "Nothing bad."]
        arguments = ["annotate", str(self.prompts), *names, "--out", str(self.out), "--concurrency", "3", *more]
        files = {"ASKED": str(self.asked), "HOLD": str(self.hold)}
        environment = {**os.environ, **files, "SECONDS": str(seconds), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.annotation.worker", *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *more):
        """Run it to its end, and return exit status, output and errors."""
        process = self.start(*more)
        out, errors = process.communicate(timeout=_SECONDS_TO_START)
        return process.returncode, out, errors

    @property
    def finished(self):
        """The ids in the journal's whole lines."""
        return finished_in(self.journal)

    def wait_for(self, count):
        """Wait until so many prompts are finished."""
        end = time.monotonic() + _SECONDS_TO_START
        while len(self.finished) < count:
            assert time.monotonic() < end
            time.sleep(0.002)

    def take_asked(self):
        """Return the ids of the prompts asked since the last look."""
        asked = self.asked.read_text().splitlines() if self.asked.exists() else []
        self.asked.unlink(missing_ok=True)
        return {str(QUESTIONS.index(question)) for question in asked}


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a run writes, and prints, that nothing disturbs."""
    command = Command(tmp_path_factory.mktemp("undisturbed"))
    status, shown, errors = command.run()
    assert (status, errors) == (0, "")
    return command.out.read_bytes(), shown


@pytest.mark.parametrize("seed", range(3))
def test_a_process_that_is_killed_at_any_moment_loses_and_repeats_nothing_that_was_finished(command, undisturbed, seed):
    rng = random.Random(seed)
    finished = set()
    # However late it is killed, it is not through by then.
    command.hold.write_text("6")
    for _ in range(3):
        process = command.start(seconds=0.004)
        command.wait_for(len(finished) + rng.randint(0, 4))
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert not finished & command.take_asked()
        assert finished <= command.finished
        finished = command.finished
    assert not command.out.exists()
    command.hold.unlink()
    status, shown, errors = command.run()
    assert (status, errors) == (0, "")
    assert command.take_asked() == {str(number) for number in range(len(QUESTIONS))} - finished
    assert command.out.read_bytes() == undisturbed[0]
    assert {path.name for path in command.folder.iterdir()} == {"prompts.jsonl", "rows.jsonl"}
    assert table_without_seconds(shown) == table_without_seconds(undisturbed[1])


def table_without_seconds(shown):
    counted = ("prompts", "rows", "accepted", "replaced", "removed", "unusable", "skipped", "failed", "teacher")
    return [" ".join(line.split()) for line in shown.splitlines() if any(word in line for word in counted)]


def test_an_interrupt_ends_it_cleanly_and_says_how_to_go_on(command, undisturbed):
    command.hold.write_text("6")
    process = command.start(seconds=0.01)
    command.wait_for(2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=_SECONDS_TO_START)
    assert process.returncode == 130
    assert "rows.jsonl.part" in errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    assert "never retrieved" not in errors
    finished = command.finished
    command.take_asked()
    command.hold.unlink()
    assert command.run()[0] == 0
    assert not command.take_asked() & finished
    assert command.out.read_bytes() == undisturbed[0]


def test_of_two_processes_the_second_is_refused_and_the_first_is_not_disturbed(command, undisturbed):
    command.hold.touch()
    first = command.start()
    while not command.journal.exists():
        time.sleep(0.01)
    others = [command.start(*more) for more in ((), ("--restart",), ("--overwrite",))]
    for other in others:
        _, errors = other.communicate(timeout=_SECONDS_TO_START)
        assert other.returncode == 1
        assert "Another process" in errors
    command.hold.unlink()
    first.communicate(timeout=_SECONDS_TO_START)
    assert first.returncode == 0
    assert command.out.read_bytes() == undisturbed[0]


def test_an_end_between_the_rows_and_the_removal_of_the_journal_is_mended(place, monkeypatch):
    def killed(self):
        raise KeyboardInterrupt

    place.ask("What?")
    monkeypatch.setattr(Journal, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        place.annotate()
    monkeypatch.undo()
    written = place.out.read_bytes()
    assert place.journal.exists()
    again = Upstream({})
    assert place.annotate(again).written
    assert again.calls == []
    assert place.out.read_bytes() == written
    assert not place.journal.exists()


def test_a_file_that_was_there_before_is_not_taken_for_what_was_about_to_be_written(place, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    place.ask("What?")
    place.out.write_text("precious")
    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        place.annotate(overwrite=True)
    monkeypatch.undo()
    with pytest.raises(ConfigurationError, match="--overwrite"):
        place.annotate()
    assert place.out.read_text() == "precious"
    assert place.annotate(overwrite=True).written
    assert len(place.rows) == 2
