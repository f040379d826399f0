"""LoRA: an adapter is trained, comes out merged or by itself, and loads by its folder alone in both cases."""

import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from stream_aligner_lc import TransformersAligner
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.folders import base_of
from stream_aligner_lc.local.models import LocalModel
from stream_aligner_lc.training.callbacks import Counting
from tests.training.small_runs import ROWS, many_rows, run, save_base, write_rows
from tests.training.test_what_comes_out import corrections

LORA = {"lora_rank": 4, "rate": 1e-2, "epochs": 60}
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
WANTED = [(row["correction"], row["end"]) for row in ROWS]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a base, an adapter of it, and that adapter merged."""
    folder = tmp_path_factory.mktemp("lora")
    save_base(folder / "base")
    run(folder / "base", ROWS, folder / "adapter", **LORA)
    run(folder / "base", ROWS, folder / "merged", merge=True, **LORA)
    return folder


@pytest.fixture
def copied(trained, tmp_path):
    """A copy of it to break, with the base beside the adapter."""
    folder = shutil.copytree(trained, tmp_path / "copied")
    configure(folder / "adapter", base_model_name_or_path=str(folder / "base"))
    return folder


def configure(adapter, **changes):
    file = adapter / CONFIG
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def weights_of(folder):
    return LocalModel(folder, device="cpu").load().model.state_dict()


def test_an_adapter_loads_by_its_folder_alone_and_says_what_was_learned(trained):
    aligner = TransformersAligner(trained / "adapter")
    assert aligner.template.name == "verdict"
    assert corrections(aligner, ROWS) == WANTED
    assert not hasattr(aligner.load()._local.load().model, "peft_config")


def test_an_adapter_is_small_and_beside_it_stands_all_but_the_base(trained):
    names = {file.name for file in (trained / "adapter").iterdir()}
    assert names == {
        CONFIG, WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "README.md",
    }  # fmt: skip
    assert json.loads((trained / "adapter" / CONFIG).read_text())["base_model_name_or_path"] == str(trained / "base")
    tensors = load_file(trained / "adapter" / WEIGHTS)
    assert all("lora_" in name and 4 in tensor.shape for name, tensor in tensors.items())
    assert len(tensors) == 2 * 7 * 2


def test_merged_it_is_a_whole_model_with_the_same_weights(trained):
    assert not (trained / "merged" / CONFIG).exists()
    assert corrections(TransformersAligner(trained / "merged"), ROWS) == WANTED
    one, other, base = (weights_of(trained / name) for name in ("adapter", "merged", "base"))
    assert one.keys() == other.keys() == base.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    changed = {name.split(".")[-2] for name, tensor in one.items() if not torch.equal(tensor, base[name])}
    assert changed == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_a_run_that_was_cut_off_goes_on_to_the_same_adapter(trained, tmp_path, monkeypatch):
    held_out = write_rows(tmp_path / "h.jsonl", [{**row, "question": f"{row['question']} "} for row in ROWS])
    options = {"lora_rank": 4, "rate": 1e-2, "epochs": 12, "evaluate_every": 4, "held_out": held_out, "copy_share": 1}
    run(trained / "base", ROWS, tmp_path / "undisturbed", **options)
    with monkeypatch.context() as patched:
        patched.setattr(Counting, "on_evaluate", interrupted_at(8))
        with pytest.raises(KeyboardInterrupt):
            run(trained / "base", ROWS, tmp_path / "out", figures_rows=2, **options)
    part = tmp_path / "out.part"
    assert [each.name for each in (part / "correct").glob("checkpoint-*")] == ["checkpoint-4"]
    file = part / "run.json"
    file.write_text(file.read_text().replace('"figures_rows": 2', '"figures_rows": 0'))
    run(trained / "base", ROWS, tmp_path / "out", **options)
    weights = [(tmp_path / name / WEIGHTS).read_bytes() for name in ("undisturbed", "out")]
    assert weights[0] == weights[1]


def interrupted_at(step):
    def on_evaluate(self, args, state, control, **options):
        if state.global_step >= step:
            raise KeyboardInterrupt

    return on_evaluate


def test_the_base_keeps_every_bit(trained, tmp_path):
    save_base(tmp_path / "base")
    assert (trained / "base" / "model.safetensors").read_bytes() == (tmp_path / "base/model.safetensors").read_bytes()


def test_an_adapter_loads_in_the_type_that_is_asked_for(trained):
    assert LocalModel(trained / "adapter", dtype="bfloat16", device="cpu").load().model.dtype == torch.bfloat16


def test_a_relative_base_is_looked_for_from_here_and_beside_the_adapter(copied, monkeypatch, tmp_path):
    configure(copied / "adapter", base_model_name_or_path="base")
    assert base_of(copied / "adapter") == str(copied / "base")
    assert corrections(TransformersAligner(copied / "adapter"), ROWS) == WANTED
    monkeypatch.chdir(copied)
    assert base_of(copied / "adapter") == "base"
    assert corrections(TransformersAligner("adapter"), ROWS) == WANTED
    configure(copied / "adapter", base_model_name_or_path="copied/base")
    monkeypatch.chdir(tmp_path)
    assert corrections(TransformersAligner(copied / "adapter"), ROWS) == WANTED


def test_a_tokenizer_of_the_adapter_wins_over_that_of_the_base(copied):
    file = copied / "adapter" / "chat_template.jinja"
    file.write_text(file.read_text().replace("<|assistant|>", "<|user|>"))
    assert "<|assistant|>" not in LocalModel(copied / "adapter").load().encoder.tokenizer.chat_template
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (copied / "adapter" / name).unlink()
    assert "<|assistant|>" in LocalModel(copied / "adapter").load().encoder.tokenizer.chat_template


def remove(*names):
    def remove_it(folder):
        for name in names:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove_it


def as_pickle(folder):
    (folder / "adapter" / WEIGHTS).rename(folder / "adapter" / "adapter_model.bin")


def change(**changes):
    return lambda folder: configure(folder / "adapter", **changes)


def cut_off(folder):
    file = folder / "adapter" / WEIGHTS
    file.write_bytes(file.read_bytes()[:20])


def adapter_of_an_adapter(folder):
    shutil.copytree(folder / "adapter", folder / "second")
    configure(folder / "second", base_model_name_or_path=str(folder / "adapter"))
    configure(folder / "adapter", base_model_name_or_path=str(folder / "second"))


SEEN = {
    "a base that is gone": (remove("base"), "adapter' is an adapter of '.*base', and there is no such folder.*Put its"),
    "a base without weights": (
        remove("base/model.safetensors"), "base of the adapter '.*adapter' cannot be used: '.*base' has no weights"
    ),
    "weights that are a pickle": (as_pickle, "weights in adapter_model.bin, and only safetensors.*can run code"),
    "no weights": (remove(f"adapter/{WEIGHTS}"), "has no weights: there is no file adapter_model.safetensors"),
    "weights cut off": (cut_off, "cut off or no safetensors file"),
    "no base": (change(base_model_name_or_path=None), "adapter that does not say of what.*`base_model_name_or_path`"),
    "another kind": (change(peft_type="IA3"), "an adapter of the kind 'IA3', and only LoRA"),
    "a module to import": (change(megatron_config={"a": 1}, megatron_core="this"), "only LoRA is merged"),
    "an adapter of an adapter": (adapter_of_an_adapter, "which is an adapter itself. Merge that one"),
    "a broken configuration": (lambda folder: (folder / "adapter" / CONFIG).write_text("{"), "is no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("what", SEEN)
def test_what_is_wrong_with_an_adapter_is_said_before_anything_is_loaded(what, copied):
    break_it, said = SEEN[what]
    break_it(copied)
    with pytest.raises(ConfigurationError, match=f"(?s){said}") as caught:
        LocalModel(copied / "adapter")
    assert str(copied / "adapter") in str(caught.value)


def fewer_layers(folder):
    shutil.rmtree(folder / "base")
    save_base(folder / "base", num_hidden_layers=1)


def wider_layers(folder):
    shutil.rmtree(folder / "base")
    save_base(folder / "base", hidden_size=32)


def without_one(folder):
    file = folder / "adapter" / WEIGHTS
    tensors = load_file(file)
    del tensors[min(tensors)]
    save_file(tensors, file, metadata={"format": "pt"})


LOADED = {
    "a base with fewer layers": (fewer_layers, "adapter '.*adapter' are not for its base '.*base': 14 are missing"),
    "a wider base": (wider_layers, "could not be loaded.*size mismatch"),
    "a tensor that is missing": (without_one, "1 are missing or belong to nothing, such as 'base_model.*lora_A"),
}  # fmt: skip


@pytest.mark.parametrize("what", LOADED)
def test_an_adapter_of_another_base_is_refused_when_it_is_loaded(what, copied):
    break_it, said = LOADED[what]
    break_it(copied)
    with pytest.raises(ConfigurationError, match=f"(?s){said}"):
        LocalModel(copied / "adapter", device="cpu").load()


def test_a_base_that_may_be_on_the_hub_is_named_with_its_adapter(copied, monkeypatch):
    configure(copied / "adapter", base_model_name_or_path="organisation/name")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = LocalModel(copied / "adapter")
    with pytest.raises(ConfigurationError, match=r"adapter' is an adapter, and its base cannot.*'organisation/name'"):
        model.load()


def test_without_peft_an_adapter_says_what_to_install(copied, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigurationError, match=r"adapter' is an adapter.*peft.*stream-aligner-lc\[train\]"):
        LocalModel(copied / "adapter", device="cpu").load()


def test_training_goes_on_from_an_adapter_as_from_a_whole_model(copied, tmp_path):
    run(copied / "adapter", ROWS, tmp_path / "out", epochs=1, rate=1e-9, copy_share=0.0)
    assert corrections(TransformersAligner(tmp_path / "out"), ROWS) == WANTED
    config = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert config == json.loads((copied / "base" / "generation_config.json").read_text())


def test_an_adapter_on_top_of_an_adapter_is_refused_before_anything_is_trained(copied, tmp_path):
    with pytest.raises(ConfigurationError, match=r"adapter' is an adapter itself, and one on top.*`--merge`"):
        run(copied / "adapter", ROWS, tmp_path / "out", lora_rank=4)
    assert not (tmp_path / "out.part").exists()
    run(copied / "adapter", many_rows(4), tmp_path / "out", lora_rank=4, merge=True, epochs=1)
    assert (tmp_path / "out" / "model.safetensors").is_file()
