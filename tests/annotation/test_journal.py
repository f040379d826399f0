"""The file that keeps what is finished: torn at any byte, of other work, in two hands."""

import fcntl
import os
from pathlib import Path

import pytest

from stream_aligner_lc.annotation.outcomes import Summary
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.resumable.journal import open_journal
from stream_aligner_lc.resumable.outcomes import Outcome, Tokens
from stream_aligner_lc.rows.writing import WriteError

TERMS = {"upstream": "a", "policy": "b"}


def outcome(number, **fields):
    rows = [{"question": f"é {number}\n", "verdict": "accepted"}]
    made = {"status": "done", "rows": rows, "upstream": Tokens(1, 2), "teacher": Tokens(3, 4, estimated=True), **fields}
    return Outcome(id=str(number), digest=f"digest {number}", place=f"line {number}", **made)


@pytest.fixture
def path(tmp_path):
    """A journal with three outcomes."""
    path = tmp_path / "rows.jsonl.part"
    with open_journal(path, TERMS) as journal:
        for number in range(3):
            journal.append(outcome(number))
    return path


def test_what_was_kept_is_there_again(path):
    with open_journal(path, TERMS) as journal:
        assert journal.finished == {str(number): f"digest {number}" for number in range(3)}
        assert list(journal.outcomes()) == [outcome(number) for number in range(3)]
        assert journal.rows("1") == outcome(1).rows
        assert journal.rows("9") == ()


def test_rows_are_read_while_others_are_kept(path):
    with open_journal(path, TERMS) as journal:
        journal.append(outcome(3))
        assert journal.rows("0") == outcome(0).rows
        journal.append(outcome(4))
        assert [journal.rows(str(number)) for number in (4, 3)] == [outcome(4).rows, outcome(3).rows]


def test_a_failed_prompt_is_not_finished_until_it_was_tried_again(path):
    with open_journal(path, TERMS) as journal:
        journal.append(outcome(7, status="failed", why="x", rows=()))
        assert "7" not in journal.finished
    with open_journal(path, TERMS) as journal:
        assert "7" not in journal.finished
        journal.append(outcome(7))
    with open_journal(path, TERMS) as journal:
        assert "7" in journal.finished
        assert journal.rows("7") == outcome(7).rows
        assert [each.status for each in journal.outcomes()] == ["done"] * 3 + ["failed", "done"]


def test_a_journal_that_is_torn_at_any_byte_keeps_the_whole_lines_and_goes_on(path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    ends = [sum(map(len, lines[: number + 1])) for number in range(len(lines))]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        finished = max(sum(end <= size for end in ends) - 1, 0)
        with open_journal(path, TERMS) as journal:
            assert list(journal.finished) == [str(number) for number in range(finished)], size
            for number in range(finished, 3):
                journal.append(outcome(number))
            assert list(journal.outcomes()) == [outcome(number) for number in range(3)], size
        assert path.read_bytes() == whole, size


def test_a_last_line_of_rubbish_is_cut_off(path):
    whole = path.read_bytes()
    for rubbish in (b"\0" * 100, b"\0\0\n", b'{"id": "3"\n', b"[]\n", b'{"id": "3"}\n', b'{"other": 1}\n'):
        path.write_bytes(whole + rubbish)
        with open_journal(path, TERMS) as journal:
            assert len(journal.finished) == 3
        assert path.read_bytes() == whole


def test_rubbish_between_lines_is_an_error_that_names_the_line_and_changes_nothing(path):
    lines = path.read_bytes().splitlines(keepends=True)
    broken = b"".join([*lines[:2], b"rubbish\n", *lines[2:]])
    path.write_bytes(broken)
    with pytest.raises(ConfigurationError, match="Line 3"), open_journal(path, TERMS):
        pass
    assert path.read_bytes() == broken
    with open_journal(path, TERMS, restart=True) as journal:
        assert journal.finished == {}


@pytest.mark.parametrize("content", [b"precious\n", b'{"question": "x"}\n', b"precious", b"\0\0", b'{"journal": 3}\n'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "rows.jsonl.part"
    path.write_bytes(content)
    for restart in (False, True):
        with pytest.raises(ConfigurationError, match="no journal"), open_journal(path, TERMS, restart=restart):
            pass
    assert path.read_bytes() == content


def test_an_empty_file_is_a_new_journal(tmp_path):
    path = tmp_path / "rows.jsonl.part"
    path.touch()
    with open_journal(path, TERMS) as journal:
        journal.append(outcome(0))
    with open_journal(path, TERMS) as journal:
        assert list(journal.finished) == ["0"]


def test_a_journal_in_which_nothing_was_kept_is_removed(tmp_path):
    path = tmp_path / "rows.jsonl.part"
    with open_journal(path, TERMS):
        assert path.exists()
    assert not path.exists()
    with pytest.raises(RuntimeError), open_journal(path, TERMS):
        raise RuntimeError
    assert not path.exists()


def test_other_terms_are_refused_with_what_differs(path):
    whole = path.read_bytes()
    with pytest.raises(ConfigurationError, match="policy was 'b' and is 'c'; more was None and is 1"):
        open_journal(path, {"upstream": "a", "policy": "c", "more": 1}).__enter__()
    assert path.read_bytes() == whole


def test_work_that_goes_on_after_its_rows_were_about_to_be_written_forgets_that_they_were(path):
    with open_journal(path, TERMS) as journal:
        journal.note_writing(is_new=True)
    with open_journal(path, TERMS) as journal:
        assert journal.writes_new_file
        journal.append(outcome(3))
        assert not journal.writes_new_file
    with open_journal(path, TERMS) as journal:
        assert not journal.writes_new_file
        journal.note_writing(is_new=False)
    with open_journal(path, TERMS) as journal:
        assert not journal.writes_new_file
        assert len(journal.finished) == 4


def test_a_restart_discards_what_was_kept(path):
    with open_journal(path, {"upstream": "other"}, restart=True) as journal:
        assert journal.finished == {}
    with open_journal(path, {"upstream": "other"}) as journal:
        assert list(journal.outcomes()) == []


def test_nobody_else_gets_a_journal_that_is_in_use(path):
    with open_journal(path, TERMS) as journal:
        for restart in (False, True):
            with (
                pytest.raises(ConfigurationError, match="Another process"),
                open_journal(path, TERMS, restart=restart),
            ):
                pass
        assert len(list(journal.outcomes())) == 3
    with open_journal(path, TERMS):
        pass


def test_a_journal_that_was_removed_before_it_was_locked_is_not_used(path, monkeypatch):
    real = fcntl.flock

    def late(handle, how):
        path.unlink()
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(ConfigurationError, match="Another process"), open_journal(path, TERMS):
        pass


def test_a_write_that_stops_half_way_leaves_no_torn_line(path, monkeypatch):
    whole = path.read_bytes()
    real = os.write
    with open_journal(path, TERMS) as journal:
        for stop in (0, 1, 50):
            rest = [stop, 0]

            def write(handle, data, rest=rest):
                if not (size := rest.pop(0)):
                    raise OSError(28, "No space left on device")
                return real(handle, data[:size])

            monkeypatch.setattr(os, "write", write)
            with pytest.raises(WriteError, match="No space"):
                journal.append(outcome(3))
            assert path.read_bytes() == whole
            assert "3" not in journal.finished
        monkeypatch.undo()
        journal.append(outcome(3))
    with open_journal(path, TERMS) as journal:
        assert list(journal.finished) == ["0", "1", "2", "3"]


def test_a_device_is_no_journal_and_is_not_read():
    with pytest.raises(ConfigurationError, match="no journal"):
        open_journal(Path("/dev/full"), TERMS).__enter__()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(WriteError, match="missing"), open_journal(tmp_path / "missing" / "a.part", TERMS):
        pass


def test_outcomes_add_up():
    summary = Summary(prompts=4)
    for each in (outcome(0), outcome(1, status="skipped", rows=()), outcome(2, status="failed", rows=(), why="gone")):
        summary.add(each)
    assert (summary.done, summary.finished, summary.rows) == (1, 2, 1)
    assert summary.failed == {"line 2": "gone"}
    assert (summary.upstream, summary.teacher) == (Tokens(3, 6), Tokens(9, 12, estimated=True))
