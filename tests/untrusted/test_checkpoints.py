"""A folder that wants to run code: a pickle, a module of its own. None of it runs, whoever loads the folder."""

import json
import pickle
from pathlib import Path

import pytest

from stream_aligner_lc import ChatTransformers, ConfigurationError, TransformersAligner
from stream_aligner_lc.evaluation import Classifier
from tests.evaluation.test_classifying import ROW
from tests.evaluation.test_classifying import save as save_classifier
from tests.training.small_runs import ROWS, run, save_base

WEIGHTS, ADAPTER = "model.safetensors", "adapter_model.safetensors"
LORA = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "target_modules": ["q_proj"]}


class Planted:
    """A pickle that leaves a mark when it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def align(folder):
    return TransformersAligner(folder, device="cpu", template="stream-aligner").load()


def chat(folder):
    return ChatTransformers(folder, device="cpu", max_tokens=2).invoke("Hello")


def train(folder):
    return run(folder, ROWS, folder.parent / "out", epochs=1, copy_share=0.0)


def classify(folder):
    return Classifier(folder, device="cpu").score(ROW)


LOADERS = {"aligner": align, "chat": chat, "train": train, "classifier": classify, "adapter": align}
every_loader = pytest.mark.parametrize("who", LOADERS)


@pytest.fixture
def mark(tmp_path):
    """The file that there must never be."""
    return tmp_path / "ran"


def model(folder, who):
    """Save what a loader takes, and return the folder that it is given and the name of its weights."""
    if who == "classifier":
        return save_classifier(folder / "model", num_labels=1), WEIGHTS
    save_base(folder / "model")
    if who != "adapter":
        return folder / "model", WEIGHTS
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(folder / "model")
    adapted = get_peft_model(base, LoraConfig(**{k: v for k, v in LORA.items() if k != "peft_type"}))
    adapted.save_pretrained(folder / "adapter")
    change(folder / "adapter" / "adapter_config.json", base_model_name_or_path=str(folder / "model"))
    return folder / "adapter", ADAPTER


def change(file, **changes):
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@every_loader
def test_a_pickle_in_place_of_the_weights_is_refused_unread(who, tmp_path, mark):
    folder, weights = model(tmp_path, who)
    (folder / weights).unlink()
    names = {WEIGHTS: ["pytorch_model.bin", "model.pt"], ADAPTER: ["adapter_model.bin"]}[weights]
    for name in names:
        (folder / name).write_bytes(pickle.dumps(Planted(mark)))
    with pytest.raises(ConfigurationError, match=r"only safetensors are loaded.*pickle can run code"):
        LOADERS[who](folder)
    assert not mark.exists()


@every_loader
def test_a_pickle_under_the_name_of_safetensors_is_refused_unread(who, tmp_path, mark):
    folder, weights = model(tmp_path, who)
    (folder / weights).write_bytes(pickle.dumps(Planted(mark)))
    with pytest.raises(ConfigurationError, match="no safetensors file"):
        LOADERS[who](folder)
    assert not mark.exists()


@every_loader
def test_pickles_beside_the_weights_are_not_read(who, tmp_path, mark):
    folder, _ = model(tmp_path, who)
    for name in ("pytorch_model.bin", "adapter_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt"):
        (folder / name).write_bytes(pickle.dumps(Planted(mark)))
    LOADERS[who](folder)
    assert not mark.exists()


@every_loader
def test_code_beside_the_weights_is_not_run(who, tmp_path, mark):
    folder, _ = model(tmp_path, who)
    code = f"open({str(mark)!r}, 'w').close()\nfrom transformers import LlamaConfig as C, LlamaForCausalLM as M\n"
    for place in {folder, tmp_path / "model"}:
        for name in ("code.py", "tokenization.py"):
            (place / name).write_text(code)
        change(
            place / "config.json" if (place / "config.json").is_file() else place / "adapter_config.json",
            auto_map={
                "AutoConfig": "code.C", "AutoModelForCausalLM": "code.M", "AutoModelForSequenceClassification": "code.M"
            },
        )  # fmt: skip
        if (place / "tokenizer_config.json").is_file():
            change(place / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization.C", None]})
    # Of a known type: the library's own class is loaded.
    LOADERS[who](folder)
    assert not mark.exists()


def test_the_planted_pickle_would_leave_its_mark(mark):
    pickle.loads(pickle.dumps(Planted(mark)))
    assert mark.exists()
