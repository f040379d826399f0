"""What cannot work is said in words before anything is trained; and a full disk costs nothing that was done."""

import errno
import os
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from accelerate import DistributedType, PartialState
from safetensors.torch import save_file

from stream_aligner_lc.cli import main
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.rows.writing import WriteError
from stream_aligner_lc.training import run as running
from stream_aligner_lc.training import trainer
from stream_aligner_lc.training.saving import writing_weights
from tests.local.small_models import tokenizer
from tests.training.small_runs import many_rows, run, save_base, write_rows

OPTIONS = {"epochs": 2, "evaluate_every": 2}


@contextmanager
def files_of_at_most(num_bytes):
    """Let the kernel refuse what is longer, as a full disk would in the middle of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", many_rows(8))


@pytest.fixture(scope="module")
def undisturbed(base, rows, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run(base, rows, out, **OPTIONS)
    return (out / "model.safetensors").read_bytes()


def limited(num_bytes, function):
    def call(*args, **options):
        with files_of_at_most(num_bytes):
            return function(*args, **options)

    return call


# The weights take 0.8 MB, the optimizer twice that.
FULL = {
    "at the weights of a checkpoint": ("run", 300_000),
    "at the optimizer of a checkpoint": ("run", 1_200_000),
    "at the result": ("save", 300_000),
}


@pytest.mark.parametrize("where", FULL)
def test_a_full_disk_is_an_error_in_words_after_which_the_same_command_goes_on(
    where, base, rows, undisturbed, tmp_path, monkeypatch
):
    name, num_bytes = FULL[where]
    with monkeypatch.context() as patched:
        patched.setattr(running, name, limited(num_bytes, getattr(running, name)))
        said = r"out.part.*' cannot be written: .*The checkpoints are whole, and the same command goes on.* Make room"
        with pytest.raises(WriteError, match=said):
            run(base, rows, tmp_path / "out", **OPTIONS)
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.part" / "run.json").is_file()
    run(base, rows, tmp_path / "out", **OPTIONS)
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == undisturbed
    assert not (tmp_path / "out.part").exists()


def test_a_disk_that_is_full_from_the_start_says_that_nothing_is_lost(base, rows, tmp_path):
    with files_of_at_most(0), pytest.raises(WriteError, match=r"run.json' cannot be written.*Nothing was trained yet"):
        run(base, rows, tmp_path / "out", **OPTIONS)
    run(base, rows, tmp_path / "out", **OPTIONS)


def full(*args, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_at_the_card_leaves_no_result_without_one(base, rows, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(running, "card", full)
        with pytest.raises(WriteError, match=r"No space left.*The checkpoints are whole"):
            run(base, rows, tmp_path / "out", **OPTIONS)
    assert not (tmp_path / "out").exists()
    # What is left of the result is not mixed with the new one.
    (tmp_path / "out.part" / "result" / "left.txt").write_text("left")
    run(base, rows, tmp_path / "out", **OPTIONS)
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == undisturbed
    assert not (tmp_path / "out" / "left.txt").exists()


def test_a_result_that_cannot_take_its_name_is_whole_where_it_is(base, rows, tmp_path, monkeypatch):
    replace = Path.replace

    def refuse(path, target):
        if path.name == "result":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(target))
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(WriteError, match=r"The trained model is whole in '.*result'"):
            run(base, rows, tmp_path / "out", **OPTIONS)
    assert (tmp_path / "out.part" / "result" / "model.safetensors").is_file()


def test_of_an_overwritten_result_no_half_ever_stands_there(base, rows, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").write_text("old")
    removed, rmtree = [], shutil.rmtree

    def watch(path, *args, **options):
        removed.append(Path(path))
        rmtree(path, *args, **options)

    monkeypatch.setattr(shutil, "rmtree", watch)
    run(base, rows, tmp_path / "out", overwrites=True, **OPTIONS)
    assert tmp_path / "out" not in removed
    assert not (tmp_path / "out" / "old.txt").exists()


WRITERS = {
    "safetensors": lambda file: save_file({"a": torch.zeros(9999)}, file),
    "torch": lambda file: torch.save(torch.zeros(9999), file),
    "Python": lambda file: Path(file).write_text("a" * 9999),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_library_says_it_in_its_own_way(writer, tmp_path):
    said = r"cannot be written: .*Kept\. Make room"
    with (
        pytest.raises(WriteError, match=said),
        files_of_at_most(100),
        writing_weights(tmp_path / "file", kept="Kept."),
    ):
        WRITERS[writer](tmp_path / "file")
    if Path("/dev/full").exists() and writer != "safetensors":
        with pytest.raises(WriteError, match=said), writing_weights(Path("/dev/full"), kept="Kept."):
            WRITERS[writer]("/dev/full")


def test_what_has_nothing_to_do_with_the_disk_is_not_called_so(tmp_path):
    for fault in (RuntimeError("shapes do not fit"), ValueError("7"), FileNotFoundError(2, "gone", "/elsewhere")):
        with pytest.raises(type(fault)) as caught, writing_weights(tmp_path, kept=""):
            raise fault
        assert caught.value is fault


def without(name):
    return lambda folder: (folder / name).unlink()


MODELS = {
    "no tokenizer": (without("tokenizer.json"), "broken' has no tokenizer"),
    "no weights": (without("model.safetensors"), "broken' has no weights"),
    "no folder": (shutil.rmtree, "There is no folder '.*broken'"),
}


@pytest.mark.parametrize("what", MODELS)
def test_a_model_that_cannot_be_used_is_said_before_a_row_is_read(what, base, tmp_path):
    break_it, said = MODELS[what]
    break_it(shutil.copytree(base, tmp_path / "broken"))
    with pytest.raises(ConfigurationError, match=said):
        run(tmp_path / "broken", str(tmp_path / "not there.jsonl"), tmp_path / "out")
    assert not (tmp_path / "out.part").exists()


def test_a_tokenizer_without_a_chat_template_cannot_learn_replies(plain_base, tmp_path):
    with pytest.raises(ConfigurationError, match=r"has no chat template.*Set `tokenizer.chat_template`"):
        run(plain_base, [{"question": "Why?", "answer": "So."}], tmp_path / "out", template="reply")
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_that_cannot_end_an_answer_is_refused(tmp_path):
    save_base(tmp_path / "base", chat_template=None)
    ours = tokenizer(chat_template=None)
    ours.eos_token = None
    ours.save_pretrained(tmp_path / "base")
    with pytest.raises(ConfigurationError, match="no token that ends a turn or a text"):
        run(tmp_path / "base", many_rows(2), tmp_path / "out")


def test_rows_that_are_longer_than_the_context_of_the_model_are_told(tmp_path):
    save_base(tmp_path / "base", max_length=64)
    with pytest.raises(ConfigurationError, match=r"2 rows cannot be used.*line 1, field 'question'.* 64 are the limit"):
        run(tmp_path / "base", many_rows(2, question="Why {}? " + "Why? " * 40), tmp_path / "out")


def test_packing_without_flash_attention_is_refused_before_anything_is_trained(base, tmp_path):
    with pytest.raises(ConfigurationError, match=r"only where attention keeps them apart.*'sdpa'.*Leave `packing` out"):
        run(base, many_rows(8), tmp_path / "out", packing=True)
    assert not (tmp_path / "out.part" / "copy").exists()


def test_memory_that_runs_out_is_an_error_with_ways_out(base, rows, tmp_path, monkeypatch):
    def run_out(*args, **options):
        raise torch.OutOfMemoryError("tried to allocate 7 GiB")

    monkeypatch.setattr(trainer.SFTTrainer, "training_step", run_out)
    with pytest.raises(ConfigurationError, match=r"no memory left for the stage 'copy'.*`batch` than 2 .*7 GiB"):
        run(base, rows, tmp_path / "out")


def test_several_gpus_of_one_process_are_refused_with_the_launcher(base, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer.SFTConfig, "n_gpu", 2)
    with pytest.raises(ConfigurationError, match=r"There are 2 GPUs here. Use them with `accelerate launch"):
        run(base, rows, tmp_path / "out")


@pytest.mark.parametrize("kind", [DistributedType.FSDP, DistributedType.DEEPSPEED])
def test_a_model_in_pieces_cannot_be_merged(kind, base, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(PartialState(), "distributed_type", kind)
    with pytest.raises(ConfigurationError, match="`merge` needs the model in one piece"):
        run(base, rows, tmp_path / "out", lora_rank=2, merge=True)


@pytest.mark.parametrize("name", ["missing.jsonl", "rows.txt"])
def test_a_file_that_cannot_be_read_is_an_error_and_the_status_says_so(name, base, tmp_path, capsys):
    (tmp_path / "rows.txt").write_text("Why?")
    assert main(["train", str(tmp_path / name), "--model", str(base), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("stream-aligner: ")
    assert name in error
    assert "Traceback" not in error


def test_a_full_disk_is_told_by_the_command_in_one_line(base, rows, tmp_path, capsys):
    arguments = [
        "train",
        rows,
        "--model",
        str(base),
        "--out",
        str(tmp_path / "out"),
        "--device",
        "cpu",
        "--epochs",
        "1",
    ]
    with files_of_at_most(300_000):
        assert main(arguments) == 1
    lines = capsys.readouterr().err.strip().replace("\r", "\n").splitlines()
    assert lines[-1].startswith("stream-aligner: '")
    assert "File too large" in lines[-1]


def test_what_could_not_be_used_is_told_at_the_end(base, tmp_path, capsys):
    rows = write_rows(tmp_path / "rows.jsonl", [*many_rows(4), {"question": "Why?"}, {**many_rows(1)[0], "last": 7}])
    arguments = ["--model", str(base), "--out", str(tmp_path / "out"), "--device", "cpu", "--epochs", "1"]
    assert main(["train", rows, *arguments]) == 0
    error = capsys.readouterr().err
    assert "4 trained on, 0 held out, 2 not used" in error
    assert "not used: rows.jsonl, line 5, field 'last': there is no such field" in error
    assert "not used: rows.jsonl, line 6, field 'last': must be a text, got 7" in error
    assert f"Written: {tmp_path / 'out'}" in error
