"""Those who train on the pairs take them as they are: TRL's DPOTrainer, and this package's own training of replies."""

import json

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import ChatTransformers
from stream_aligner_lc.training.samples import read, reply
from tests.annotation.doubles import Upstream
from tests.training.small_runs import run, save_base

REPLIES = {"What is 3 and 4?": "We add. It is bad.", "Why?": "Well. It is bad. Then it is fine.", "And?": "All is bad."}


@pytest.fixture
def pairs(place):
    """Return a file of three pairs."""
    place.ask(*REPLIES)
    assert place.export(Upstream(REPLIES)).pairs == 3
    return place.out


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Return the folder of a tiny model."""
    return save_base(tmp_path_factory.mktemp("base"))


def test_dpo_takes_the_rows_as_they_are(pairs, base, tmp_path):
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    rows = load_dataset("json", data_files=str(pairs), split="train", cache_dir=str(tmp_path / "cache"))
    options = {"report_to": "none", "save_strategy": "no", "use_cpu": True, "bf16": False, "disable_tqdm": True}
    trainer = DPOTrainer(
        AutoModelForCausalLM.from_pretrained(base),
        args=DPOConfig(output_dir=str(tmp_path / "out"), max_steps=2, per_device_train_batch_size=2, **options),
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(base),
    )
    tokenizer = trainer.processing_class
    seen = [(row["chosen_ids"], row["rejected_ids"]) for row in trainer.train_dataset]
    said = [tuple(map(tokenizer.decode, sides)) for sides in seen]
    assert said[0] == ("We add. It is good.<|end|>", "We add. It is bad.<|end|>")
    trainer.train()
    assert trainer.state.global_step == 2
    assert trainer.state.log_history[-1]["train_loss"] > 0


def test_a_training_of_replies_learns_the_chosen_ones(pairs, base, tmp_path):
    faults = []
    learned = list(read([pairs], reply, on_fault=faults.append))
    assert faults == []
    assert [each.text for each in learned] == [text.replace("bad", "good") for text in REPLIES.values()]
    assert [each.turns for each in learned] == [(("user", question),) for question in REPLIES]
    run(base, str(pairs), tmp_path / "out", template="reply")
    tuned = ChatTransformers(str(tmp_path / "out"), device="cpu", temperature=0)
    assert tuned.invoke([HumanMessage("And?")]).text == "All is good."


def test_a_conversation_is_learned_with_its_turns(place):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Well?"},
    ]
    place.prompts.write_text(json.dumps({"messages": messages}) + "\n")
    place.export()
    (learned,) = read([place.out], reply, on_fault=pytest.fail)
    assert learned.turns == tuple((message["role"], message["content"]) for message in messages)
