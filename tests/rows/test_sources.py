"""Sources: several at once, folders of the `datasets` library, Parquet, and what is no source."""

import importlib
import io

import pytest

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows import tables
from stream_aligner_lc.rows.reading import Entry, entries

ROWS = [{"question": "One?"}, {"question": "Two?"}]


@pytest.fixture(scope="module")
def datasets():
    library = importlib.import_module("datasets")
    library.disable_progress_bars()
    return library


@pytest.fixture
def dataset(datasets):
    return datasets.Dataset.from_list(ROWS)


def fields_of(source):
    return [entry.fields for entry in entries(source)]


def test_several_sources_are_read_in_order(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"q": 1}\n')
    (tmp_path / "a.csv").write_text("q\n2\n")
    read = list(entries([tmp_path / "b.jsonl", str(tmp_path / "a.csv")]))
    assert read == [Entry({"q": 1}, "b.jsonl, line 1"), Entry({"q": "2"}, "a.csv, line 2")]


def test_a_dash_is_what_is_piped_in_as_json_lines(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"q": 1}\nx\n')))
    faults = []
    assert list(entries("-", on_fault=faults.append)) == [Entry({"q": 1}, "standard input, line 1")]
    assert [fault.place for fault in faults] == ["standard input, line 2"]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jsonl").write_text('{"q": 1}\n')
    places = [entry.place for entry in entries([tmp_path / "one" / "a.jsonl", tmp_path / "two" / "a.jsonl"])]
    assert places == ["one/a.jsonl, line 1", "two/a.jsonl, line 1"]


def test_a_file_that_is_given_twice_is_an_error(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"q": 1}\n')
    with pytest.raises(ConfigurationError, match="twice"):
        entries([path, tmp_path / "." / "a.jsonl"])


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing.jsonl", "no file or folder"), ("a.txt", "no known kind"), ("a.jsonl::train", "no splits")],
)
def test_what_is_no_source_is_told_at_once_although_others_are_good(tmp_path, name, said):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "a.jsonl").write_text('{"q": 1}\n')
    with pytest.raises(ConfigurationError, match=said):
        entries([tmp_path / "a.jsonl", f"{tmp_path}/{name}"])


def test_no_source_at_all_is_an_error():
    with pytest.raises(ConfigurationError, match="nothing to read"):
        entries([])


def test_a_file_that_may_not_be_read_is_told_by_name(tmp_path, monkeypatch):
    (tmp_path / "a.jsonl").write_text('{"q": 1}\n')
    monkeypatch.setattr("pathlib.Path.open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Denied")))
    with pytest.raises(ConfigurationError, match=r"a\.jsonl.*Denied"):
        list(entries(tmp_path / "a.jsonl"))


def test_a_saved_data_set_is_read_row_by_row(dataset, tmp_path):
    dataset.save_to_disk(tmp_path / "saved")
    assert list(entries(tmp_path / "saved")) == [
        Entry(ROWS[0], "saved, row 1"),
        Entry(ROWS[1], "saved, row 2"),
    ]


def test_of_several_splits_train_is_taken_unless_another_is_named(datasets, dataset, tmp_path):
    datasets.DatasetDict(train=dataset.select([0]), test=dataset.select([1])).save_to_disk(tmp_path / "saved")
    assert fields_of(tmp_path / "saved") == [ROWS[0]]
    assert list(entries(f"{tmp_path}/saved::test")) == [Entry(ROWS[1], "saved::test, row 1")]
    assert fields_of([f"{tmp_path}/saved::train", f"{tmp_path}/saved::test"]) == ROWS


def test_a_single_split_need_not_be_named(datasets, dataset, tmp_path):
    datasets.DatasetDict(other=dataset).save_to_disk(tmp_path / "saved")
    assert fields_of(tmp_path / "saved") == ROWS


def test_splits_without_train_are_named_in_the_error(datasets, dataset, tmp_path):
    datasets.DatasetDict(one=dataset, two=dataset).save_to_disk(tmp_path / "saved")
    with pytest.raises(ConfigurationError, match="'one', 'two'"):
        fields_of(tmp_path / "saved")
    with pytest.raises(ConfigurationError, match="no split 'three'"):
        fields_of(f"{tmp_path}/saved::three")


def test_a_data_set_without_splits_says_so(dataset, tmp_path):
    dataset.save_to_disk(tmp_path / "saved")
    with pytest.raises(ConfigurationError, match="no splits"):
        fields_of(f"{tmp_path}/saved::train")


def test_a_folder_of_data_files_is_read_where_it_is(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "hub"
    (folder / "data").mkdir(parents=True)
    dataset.select([0]).to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    dataset.select([1]).to_parquet(folder / "data" / "test-00000-of-00001.parquet")
    assert fields_of(folder) == [ROWS[0]]
    assert fields_of(f"{folder}::test") == [ROWS[1]]
    assert not (tmp_path / "cache").exists()


def test_a_parquet_file_is_read_row_by_row(dataset, tmp_path):
    dataset.to_parquet(tmp_path / "a.parquet")
    assert list(entries(tmp_path / "a.parquet")) == [
        Entry(ROWS[0], "a.parquet, row 1"),
        Entry(ROWS[1], "a.parquet, row 2"),
    ]


def test_rows_of_parquet_are_counted_through_all_batches(datasets, tmp_path):
    datasets.Dataset.from_dict({"n": list(range(2500))}).to_parquet(tmp_path / "a.parquet")
    read = list(entries(tmp_path / "a.parquet"))
    assert [entry.fields["n"] for entry in read] == list(range(2500))
    assert read[-1].place == "a.parquet, row 2500"


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1xxxxPAR1"])
def test_what_is_no_parquet_is_an_error(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"a\.parquet.*Parquet"):
        fields_of(tmp_path / "a.parquet")


def test_a_folder_without_data_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="no data to read"):
        fields_of(tmp_path)


def test_an_empty_data_set_is_an_error(datasets, tmp_path):
    datasets.Dataset.from_dict({"question": []}).save_to_disk(tmp_path / "saved")
    with pytest.raises(ConfigurationError, match="empty"):
        fields_of(tmp_path / "saved")


def test_code_in_a_folder_is_never_run(tmp_path):
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "script.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ConfigurationError):
        fields_of(folder)
    assert not (tmp_path / "ran").exists()


def test_a_folder_with_a_broken_file_names_the_folder(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"q": 1}\nbroken\n')
    with pytest.raises(ConfigurationError, match=r"cannot be read|no data"):
        fields_of(tmp_path)


@pytest.mark.parametrize("name", ["a.parquet", "folder"])
def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch, name):
    def missing(module):
        raise ModuleNotFoundError(f"No module named {module!r}")

    (tmp_path / "folder").mkdir()
    (tmp_path / "a.parquet").write_bytes(b"x")
    monkeypatch.setattr(tables, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"stream-aligner-lc\[train\]"):
        fields_of(tmp_path / name)
