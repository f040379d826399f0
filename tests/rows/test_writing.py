"""Files that are written whole or not at all."""

import errno
import json
import os

import pytest

from stream_aligner_lc.rows import writing
from stream_aligner_lc.rows.reading import entries
from stream_aligner_lc.rows.writing import WriteError, as_line, whole_file


def test_a_file_takes_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "out.jsonl"
    with whole_file(path) as file:
        file.write("é\n")
        file.flush()
        assert not path.exists()
        (part,) = tmp_path.iterdir()
        assert part.name.endswith(".part")
    assert path.read_bytes() == "é\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("old")

    with pytest.raises(RuntimeError), whole_file(path) as file:
        file.writelines(failing_after("new"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("make", "kind"), [(os.mkdir, "a folder"), (os.mkfifo, "a device or a pipe")])
def test_what_is_no_file_is_not_replaced(make, kind, tmp_path):
    make(tmp_path / "out")
    before = (tmp_path / "out").lstat()
    with pytest.raises(WriteError, match=f"is {kind}"), whole_file(tmp_path / "out") as file:
        file.write("new")
    assert (tmp_path / "out").lstat().st_mode == before.st_mode
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_file_that_is_there_is_replaced(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("something longer")
    with whole_file(path) as file:
        file.write("new")
    assert path.read_text() == "new"


def test_line_breaks_are_written_as_they_are(tmp_path):
    with whole_file(tmp_path / "a") as file:
        file.write("one\ntwo\r\n")
    assert (tmp_path / "a").read_bytes() == b"one\ntwo\r\n"


def failing_after(line):
    yield line
    raise RuntimeError("in the middle")


class FullFile:
    """A file on a disk that is full: what is buffered cannot be written, or not even that."""

    def __init__(self, file, when):
        self.file, self.when = file, when

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()
        if self.when == "close" and exception[0] is None:
            self._fail()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, text):
        if self.when == "write":
            self._fail()
        return self.file.write(text)

    def flush(self):
        if self.when == "flush":
            self._fail()
        self.file.flush()

    def _fail(self):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("when", ["write", "flush", "close"])
def test_a_full_disk_is_told_by_name_with_what_is_kept(tmp_path, monkeypatch, when):
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    real = writing.Path.open
    monkeypatch.setattr(writing.Path, "open", lambda self, *args, **kwargs: FullFile(real(self, *args, **kwargs), when))
    said = r"out\.jsonl.*No space.*My rows are kept.*Make room"
    with pytest.raises(WriteError, match=said) as raised, whole_file(path, kept="My rows are kept.") as file:
        file.write("new")
    monkeypatch.undo()
    assert raised.value.__cause__.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_device_that_is_full_is_told_too(tmp_path, monkeypatch):
    real = writing.Path.open

    def on_full_device(self, *args, **kwargs):
        return real(writing.Path("/dev/full") if self.name.endswith(".part") else self, *args, **kwargs)

    monkeypatch.setattr(writing.Path, "open", on_full_device)
    with pytest.raises(WriteError, match="No space"), whole_file(tmp_path / "out") as file:
        file.write("new")


def test_a_folder_that_is_missing_is_told_by_name(tmp_path):
    with pytest.raises(WriteError, match=r"missing/out"), whole_file(tmp_path / "missing" / "out"):
        pass


def test_an_error_of_something_else_stays_what_it_is(tmp_path):
    with pytest.raises(ConnectionError), whole_file(tmp_path / "out"):
        raise ConnectionResetError("of a server")
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "out"):
        (tmp_path / "other").read_text()


@pytest.mark.parametrize("text", ["é", "one\ntwo", "\u2028\x85", "\ud800", "日本語", '"\\'])
def test_a_line_is_one_line_and_says_what_it_was_given(tmp_path, text):
    line = as_line({"text": text})
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert json.loads(line.encode()) == {"text": text}
    (tmp_path / "a.jsonl").write_bytes(line.encode() * 2)
    assert [entry.fields["text"] for entry in entries(tmp_path / "a.jsonl")] == [text, text]


def test_other_alphabets_stay_readable():
    assert "日本語" in as_line({"text": "日本語"})
