"""The folder that comes out: what was trained, all else as in the base, and a card that is true."""

import hashlib
import json
import re
from importlib.metadata import version

import pytest
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file

from stream_aligner_lc import ChatTransformers, StreamAlignedChat, TransformersAligner
from stream_aligner_lc.local.trained import KEY, Trained
from stream_aligner_lc.training import run as running
from stream_aligner_lc.training.run import train
from stream_aligner_lc.training.settings import Settings
from tests.local.small_models import CHAT_TEMPLATE, tokenizer
from tests.training.small_runs import ROWS, many_rows, run, save_base, write_rows

REPLIES = [
    {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because it is."}]},
    {"prompt": "What is 3 and 4?", "chosen": "It is 7.", "rejected": "It is 8."},
    {"question": "What is 3 and 4?", "prefix": "We add.", "answer": "So 7."},
]


@pytest.fixture(scope="module")
def own_base(tmp_path_factory):
    """A base with settings of its own, of the kind that a trainer likes to change."""
    folder = save_base(tmp_path_factory.mktemp("own") / "my-base")
    for name, changes in {
        "config.json": {"pad_token_id": None, "bos_token_id": 5, "use_cache": False, "hello": "mine"},
        "generation_config.json": {"temperature": 0.3, "do_sample": True, "eos_token_id": [1, 2], "pad_token_id": None},
        "tokenizer_config.json": {"mine": 7, "pad_token": None},
    }.items():
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **changes}, indent=3))
    return folder


@pytest.fixture(scope="module")
def trained(own_base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    held_out = [{**row, "question": f"{row['question']} "} for row in ROWS]
    broken = {"question": "Why?"}
    rows = write_rows(folder / "rows.jsonl", [*ROWS, *many_rows(8), broken])
    options = {"held_out": write_rows(folder / "held_out.jsonl", held_out), "figures_rows": 2, "evaluate_every": 20}
    outcome = run(own_base, rows, folder / "my-aligner", epochs=30, seed=7, **options)
    return folder / "my-aligner", outcome


def test_there_is_what_it_takes_to_load_and_nothing_else(trained):
    folder, _ = trained
    assert {file.name for file in folder.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "README.md",
    }  # fmt: skip
    assert [file.name for file in folder.parent.iterdir() if file.name.endswith(".part")] == []


def test_all_but_the_weights_is_as_in_the_base(trained, own_base):
    folder, _ = trained
    for name in ("generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (folder / name).read_bytes() == (own_base / name).read_bytes()


def test_the_configuration_says_what_it_is_and_keeps_what_it_was(trained, own_base):
    ours, theirs = (json.loads((each / "config.json").read_text()) for each in (trained[0], own_base))
    assert Trained(**ours.pop(KEY)) == Trained("verdict", "sentence", max_tokens=1024)
    assert ours.pop("use_cache") is True
    del theirs["use_cache"]
    assert ours == theirs


def test_no_path_of_this_machine_stands_anywhere(trained, own_base):
    folder, _ = trained
    for file in folder.iterdir():
        content = file.read_bytes()
        assert b"/tmp" not in content
        assert str(folder.parent).encode() not in content
        assert str(own_base.parent).encode() not in content
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert weights.metadata() == {"format": "pt"}


def test_the_weights_have_changed_and_kept_their_names(trained, own_base):
    ours, theirs = (load_file(each / "model.safetensors") for each in (trained[0], own_base))
    assert ours.keys() == theirs.keys()
    assert not any(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_the_card_is_true(trained, own_base, tmp_path):
    folder, outcome = trained
    card = (folder / "README.md").read_text()
    stage, figures = outcome.stages[-1], outcome.stages[-1].figures
    digest = hashlib.sha256((folder.parent / "rows.jsonl").read_bytes()).hexdigest()[:16]
    told = (
        f"Of 1 that should change {figures.repaired:.1%} came out exactly as wanted and {figures.changed:.1%} came out "
        f"changed; of 1 that stand {figures.left_alone:.1%} were left alone. {figures.failed} answers had no end."
    )
    lines = [
        "base_model: my-base",
        "library_name: transformers",
        "- stream-aligner",
        "# my-aligner",
        "my-base, trained as an aligner that corrects a reply sentence by sentence, in the template `verdict`.",
        f"* `rows.jsonl` (SHA-256 {digest})",
        "10 corrected sentences, 50% of them changed; 2 held out, those of `held_out.jsonl`; 1 could not be used.",
        "| copy | 2 | 1 | 1 |  |  |",
        f"| correct | 10 | 30 | {stage.steps} | {stage.best_step} | {stage.held_out_loss:.4f} |",
        "* rate: 0.003",
        "* schedule: constant, 0% warm-up",
        "* batch: 2 a process, 1 accumulated",
        "* tokens a row: at most 4096",
        "* weights: all",
        "* loss on: the correction and its end",
        "* seed: 7",
        told,
    ]
    for line in lines:
        assert line in card.splitlines()
    assert stage.steps == 150
    for package in ("stream-aligner-lc", "torch", "transformers", "trl"):
        assert f"{package} {version(package)}" in card
    # What it says of its use is code that runs.
    [code] = re.findall("```python\n(.*?)```", card, re.DOTALL)
    code = code.replace("THIS FOLDER", str(folder)).replace("upstream, ", "ScriptedChatModel('So.'), ")
    scope = {}
    exec(f"from stream_aligner_lc.testing import ScriptedChatModel\n{code}", scope)
    assert isinstance(scope["llm"], StreamAlignedChat)


def test_the_card_of_whole_answers_says_how_they_are_aligned(base, tmp_path):
    rows = [{**row, "prefix": ""} for row in ROWS]
    run(base, rows, tmp_path / "out", granularity="response", template="aligner", epochs=1)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "trained as an aligner that corrects whole answers, in the template `aligner`" in card
    assert 'TransformersAligner("THIS FOLDER"), granularity="response")' in card
    assert "## On sentences held out" not in card


def test_caution_changes_no_weight_and_is_what_the_aligner_serves_with(base, tmp_path):
    outcomes = {
        caution: run(base, ROWS, tmp_path / f"{caution}", epochs=2, held_out_share=0.5, figures_rows=2, caution=caution)
        for caution in (0.0, 1000.0)
    }
    careless, careful = (load_file(tmp_path / name / "model.safetensors") for name in ("0.0", "1000.0"))
    assert all(torch.equal(weight, careful[name]) for name, weight in careless.items())
    assert TransformersAligner(str(tmp_path / "1000.0"), device="cpu").load().caution == 1000
    assert "* caution: 1000.0" in (tmp_path / "1000.0" / "README.md").read_text()
    assert "caution" not in (tmp_path / "0.0" / "README.md").read_text()
    # Looked at with that caution, nothing is ever changed.
    figures = [stage.figures for stage in outcomes[1000.0].stages if stage.figures]
    assert figures
    assert all(each.changed == 0 for each in figures)


def test_two_files_of_one_name_both_stand_in_the_card(base, tmp_path):
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.append(write_rows(tmp_path / name / "rows.jsonl", many_rows(2, question=f"{name} {{}}?")))
    train(Settings(model=str(base), rows=files, out=str(tmp_path / "out"), device="cpu", epochs=1))
    assert (tmp_path / "out" / "README.md").read_text().count("* `rows.jsonl` (SHA-256 ") == 2


def test_an_upstream_is_tuned_on_replies_and_says_them(base, tmp_path):
    outcome = run(base, REPLIES, tmp_path / "out", template="reply", epochs=60)
    llm = ChatTransformers(str(tmp_path / "out"), temperature=0)
    assert llm.invoke("Why?").text == "Because it is."
    assert llm.invoke("What is 3 and 4?").text == "It is 7."
    assert llm.invoke([("user", "What is 3 and 4?"), ("ai", "We add.")]).text == " So 7."
    assert [stage.name for stage in outcome.stages] == ["reply"]
    assert KEY not in json.loads((tmp_path / "out" / "config.json").read_text())
    card = (tmp_path / "out" / "README.md").read_text()
    assert "base, tuned on replies: an upstream." in card
    assert "3 replies; 0 held out, by question." in card
    assert "* loss on: the reply and its end" in card


def test_checkpointing_changes_no_loss(base, tmp_path, monkeypatch):
    options = {"held_out": write_rows(tmp_path / "h.jsonl", many_rows(12)[8:]), "epochs": 2, "rate": 1e-3}
    was_on, save = [], running.save

    def watch(trainer, *args, **kwargs):
        was_on.append(trainer.model.is_gradient_checkpointing)
        save(trainer, *args, **kwargs)

    monkeypatch.setattr(running, "save", watch)
    reports = [
        run(base, many_rows(8), tmp_path / f"{way}", checkpointing=way, **options).stages[-1] for way in (False, True)
    ]
    assert was_on == [False, True]
    assert reports[0].held_out_loss == pytest.approx(reports[1].held_out_loss, rel=1e-6)
    one, other = (load_file(tmp_path / way / "model.safetensors") for way in ("False", "True"))
    assert all(torch.allclose(tensor, other[name], atol=1e-6) for name, tensor in one.items())


@pytest.mark.parametrize("options", [{}, {"lora_rank": 2, "merge": True}, {"checkpointing": True}])
def test_passes_in_bfloat16_learn_too(options, base, tmp_path):
    held_out = write_rows(tmp_path / "h.jsonl", [{**row, "question": f"{row['question']} "} for row in ROWS])
    [report] = run(
        base, ROWS, tmp_path / "out", dtype="bfloat16", held_out=held_out, copy_share=0.0, epochs=20, **options
    ).stages
    assert report.held_out_loss < 4
    # Weights are kept exactly, but for those of a base that is not trained itself.
    kept = {tensor.dtype for tensor in load_file(tmp_path / "out" / "model.safetensors").values()}
    assert kept == {torch.bfloat16 if "lora_rank" in options else torch.float32}


def test_a_model_that_does_not_say_how_much_it_can_attend_to_is_trained(tmp_path):
    torch.manual_seed(0)
    config = transformers.BloomConfig(vocab_size=1024, hidden_size=32, n_layer=1, n_head=2, eos_token_id=1)
    transformers.BloomForCausalLM(config).save_pretrained(tmp_path / "base")
    tokenizer(chat_template=CHAT_TEMPLATE).save_pretrained(tmp_path / "base")
    run(tmp_path / "base", ROWS, tmp_path / "out", epochs=1, max_tokens=77)
    assert json.loads((tmp_path / "out" / "config.json").read_text())[KEY]["max_tokens"] == 77
    assert TransformersAligner(tmp_path / "out").load()
