"""Ends of the work: killed, out of room, or other work in its place. The same command goes on and writes the same."""

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream_aligner_lc import ConfigurationError, TransformersAligner
from stream_aligner_lc.annotation import annotate
from stream_aligner_lc.rows.writing import WriteError
from stream_aligner_lc.testing import ReplaceAligner
from tests.annotation.doubles import (
    QUESTIONS,
    REPLIES,
    Editor,
    StatusError,
    Upstream,
    asked,
    fill_disk,
    finished_in,
    write_prompts,
)
from tests.local.small_models import save, small_llama

ROOT = Path(__file__).parents[2]
MANY = [f"Question {number}?" for number in range(24)]
_SECONDS_TO_START = 250


def interrupted(place, **options):
    """Leave a journal behind in which all but one prompt are finished."""
    place.ask(*QUESTIONS)
    assert not place.export(Upstream({**REPLIES, "Question 5?": StatusError(500)}), **options).written


class Command:
    """The command on a folder, in a process of its own, as often as a test wants."""

    def __init__(self, folder):
        self.folder = folder
        self.out = folder / "pairs.jsonl"
        self.journal = folder / "pairs.jsonl.part"
        self.asked = folder / "asked"
        self.hold = folder / "hold"
        self.prompts = write_prompts(folder / "prompts.jsonl", MANY)

    def start(self, seconds=0.0):
        """Start it, and return the process."""
        names = ["--upstream", "slow", "--aligner", "provider:teacher", "--policy", "Nothing bad.", "--quiet"]
        names += ["--concurrency", "2"]
        files = {"ASKED": str(self.asked), "HOLD": str(self.hold), "SECONDS": str(seconds), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.preferences.worker", str(self.prompts), *names, "--out", str(self.out)],
            cwd=self.folder,
            env={**os.environ, **files},
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def finished(self):
        """The ids in the journal's whole lines."""
        return finished_in(self.journal)

    def take_asked(self):
        """Return the ids of the prompts asked since the last look."""
        asked = self.asked.read_text().splitlines() if self.asked.exists() else []
        self.asked.unlink(missing_ok=True)
        return {str(MANY.index(question)) for question in asked}


def test_a_process_that_is_killed_loses_nothing_that_was_finished_and_goes_on_to_the_same_pairs(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    whole, command = map(Command, folders)
    assert whole.start().wait(_SECONDS_TO_START) == 0
    assert b'"rejected"' in whole.out.read_bytes()
    rng, finished = random.Random(0), set()
    # However late it is killed, it is not through by then.
    command.hold.write_text("8")
    for _ in range(2):
        process = command.start(seconds=0.004)
        end = time.monotonic() + _SECONDS_TO_START
        while len(command.finished) < len(finished) + 2:
            assert time.monotonic() < end
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.communicate()
        assert not finished & command.take_asked()
        assert finished <= command.finished
        finished = command.finished
    assert not command.out.exists()
    command.hold.unlink()
    assert command.start().wait(_SECONDS_TO_START) == 0
    assert command.take_asked() == {str(number) for number in range(len(MANY))} - finished
    assert command.out.read_bytes() == whole.out.read_bytes()
    assert {path.name for path in command.folder.iterdir()} == {"prompts.jsonl", "pairs.jsonl"}


def test_the_totals_are_those_of_all_starts(place, undisturbed):
    interrupted(place)
    again = Upstream(REPLIES)
    summary = place.export(again)
    assert asked(again) == {"Question 5?"}
    assert (summary.pairs, summary.verdicts["replaced"], summary.done) == (len(QUESTIONS),) * 3
    assert place.out.read_bytes() == undisturbed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shared": False}, "shared was True and is False"),
        ({"aligner": ReplaceAligner(bad="fine")}, None),
        ({"aligner": Editor({})}, "aligner was 'replace' and is .*teacher"),
        ({"upstream": Upstream(REPLIES, model_name="other")}, "upstream was .*'upstream'.* and is .*'other'"),
        ({"granularity": "paragraph"}, "granularity was 'sentence' and is 'paragraph'"),
        ({"temperature": 0.5}, "temperature was None and is 0.5"),
    ],
)
def test_other_work_is_refused_with_what_differs(place, options, said):
    interrupted(place)
    before = place.journal.read_bytes()
    given = {"upstream": Upstream(REPLIES), **options}
    if said is None:
        # Of an aligner in Python only the name is known.
        assert place.export(**given).written
        return
    with pytest.raises(ConfigurationError, match=f"{said}.*--restart"):
        place.export(**given)
    assert place.journal.read_bytes() == before
    assert place.export(**given, restart=True).written


def test_other_prompts_are_refused_and_what_is_finished_is_kept(place):
    interrupted(place)
    before = place.journal.read_bytes()
    place.prompts.write_text(place.prompts.read_text().replace("Question 0?", "Question zero?"))
    with pytest.raises(ConfigurationError, match=r"1 prompts that are gone or were changed.*'0'.*--restart"):
        place.export(Upstream(REPLIES))
    assert place.journal.read_bytes() == before


def test_a_file_that_came_between_two_starts_is_replaced_only_if_told_to(place):
    interrupted(place)
    place.out.write_text("precious")
    with pytest.raises(ConfigurationError, match="--overwrite"):
        place.export(Upstream(REPLIES))
    assert place.out.read_text() == "precious"
    assert place.export(Upstream(REPLIES), overwrite=True).written


def test_the_work_of_annotate_is_not_gone_on_with(place):
    place.ask(*QUESTIONS)
    upstream = Upstream({**REPLIES, "Question 5?": StatusError(500)})
    annotate(place.prompts, upstream, ReplaceAligner(bad="good"), out=place.out, tries=1)
    with pytest.raises(ConfigurationError, match="work was None and is 'export-preferences'"):
        place.export(Upstream(REPLIES))


def test_two_aligners_of_one_name_are_not_taken_for_the_same(place):
    aligners = []
    for name in ("one", "two"):
        (place.folder / name / "aligner").mkdir(parents=True)
        aligners.append(TransformersAligner(save(place.folder / name / "aligner", small_llama(640)), device="cpu"))
    place.ask("What?", "Why?")
    upstream = Upstream({"What?": StatusError(500), "Why?": "Fine."})
    place.export(upstream, aligners[0], concurrency=1)
    with pytest.raises(ConfigurationError, match=r"aligner was .*one/aligner.* and is .*two/aligner"):
        place.export(Upstream({}), aligners[1])


def test_equal_pairs_may_be_wanted_later(place):
    place.ask("What?", "Why?")
    replies = {"What?": "Fine.", "Why?": StatusError(500)}
    assert not place.export(Upstream(replies)).written
    again = Upstream({"Why?": "It is bad."})
    assert place.export(again, include_same=True).written
    assert asked(again) == {"Why?"}
    assert [row.get("same", False) for row in place.rows] == [True, False]


def test_a_full_disk_keeps_what_is_finished(place, monkeypatch, undisturbed):
    fill_disk(monkeypatch, room=4000)
    with pytest.raises(WriteError, match=r"pairs\.jsonl\.part.*No space.*same command"):
        place.export(Upstream(REPLIES), concurrency=2)
    monkeypatch.undo()
    finished = place.journal.read_bytes().count(b"\n") - 1
    assert 0 < finished < len(QUESTIONS)
    again = Upstream(REPLIES)
    assert place.export(again).written
    assert len(asked(again)) == len(QUESTIONS) - finished
    assert place.out.read_bytes() == undisturbed


def test_a_disk_that_is_full_at_the_very_end_keeps_all_pairs(place, monkeypatch, undisturbed):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(WriteError, match=r"pairs\.jsonl.*No space.*All pairs are kept in .*pairs\.jsonl\.part"):
        place.export(Upstream(REPLIES))
    monkeypatch.undo()
    again = Upstream(REPLIES)
    assert place.export(again).written
    assert again.calls == []
    assert place.out.read_bytes() == undisturbed
