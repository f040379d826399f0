"""Scores of a sequence-classification model: the model's own, whatever the tokenizer, and never of the wrong label."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForSequenceClassification

from stream_aligner_lc import ConfigurationError
from stream_aligner_lc.evaluation import Classifier, evaluate
from stream_aligner_lc.testing import ReplaceAligner
from tests.annotation.doubles import Upstream, write_prompts
from tests.local.small_models import CHAT_TEMPLATE, small_llama, tokenizer

ROW = {
    "messages": [{"role": "user", "content": "What?"}],
    "bare": {"text": "It is bad."},
    "aligned": {"text": "It is good."},
}


ENDS = [("One.", "Good."), ("One.", "Bad."), ("Two.", "Good.")]


def save(folder, *, num_labels, chat_template=CHAT_TEMPLATE, names=None):
    torch.manual_seed(1)
    words = tokenizer(chat_template=chat_template)
    config = LlamaConfig(
        vocab_size=1024, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, num_labels=num_labels, pad_token_id=0,
    )  # fmt: skip
    if names:
        config.id2label, config.label2id = dict(enumerate(names)), {name: number for number, name in enumerate(names)}
    LlamaForSequenceClassification(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def expected(folder, reply, chat_template):
    words, model = tokenizer(chat_template=chat_template), AutoModelForSequenceClassification.from_pretrained(folder)
    if chat_template:
        ids = words.apply_chat_template([*ROW["messages"], {"role": "assistant", "content": reply}], return_dict=False)
    else:
        ids = words("What?", reply)["input_ids"]
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0]


@pytest.mark.parametrize("chat_template", [CHAT_TEMPLATE, None])
def test_a_reward_models_score_is_its_output(tmp_path, chat_template):
    folder = save(tmp_path / "reward", num_labels=1, chat_template=chat_template)
    scores = Classifier(folder, device="cpu").score(ROW)
    for name in ("bare", "aligned"):
        assert scores[name] == pytest.approx(float(expected(folder, ROW[name]["text"], chat_template)[0]), abs=1e-5)


def test_a_labels_score_is_its_probability(tmp_path):
    folder = save(tmp_path / "safety", num_labels=3, names=["Safe", "unsafe", "unclear"])
    classifier = Classifier(folder, "SAFE", device="cpu")
    probability = expected(folder, "It is bad.", CHAT_TEMPLATE).softmax(-1)[0]
    assert classifier.score(ROW)["bare"] == pytest.approx(float(probability), abs=1e-5)
    assert classifier.name == "safety SAFE"


@pytest.mark.parametrize(
    ("label", "why"), [(None, "3 labels: 'Safe', 'unsafe', 'unclear'"), ("fine", "no label 'fine'")]
)
def test_a_label_that_is_missing_or_unknown_is_told(tmp_path, label, why):
    folder = save(tmp_path / "safety", num_labels=3, names=["Safe", "unsafe", "unclear"])
    with pytest.raises(ConfigurationError, match=why):
        Classifier(folder, label)


def test_a_model_without_the_head_is_told(tmp_path):
    small_llama(vocab_size=64).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ConfigurationError, match=r"ends in ForSequenceClassification.*LlamaForCausalLM"):
        Classifier(tmp_path)


@pytest.mark.parametrize("chat_template", [CHAT_TEMPLATE, None])
def test_of_what_is_too_long_for_the_model_the_end_is_scored(tmp_path, chat_template):
    folder = save(tmp_path / "reward", num_labels=1, chat_template=chat_template)
    classifier = Classifier(folder, device="cpu")
    good, bad, other = ({**ROW, "bare": {"text": f"{start} {'word ' * 500}{end}"}} for start, end in ENDS)
    assert classifier.score(good)["bare"] == classifier.score(other)["bare"] != classifier.score(bad)["bare"]


def test_scores_stand_in_the_figures(tmp_path):
    folder = save(tmp_path / "reward", num_labels=1)
    prompts = tmp_path / "prompts.jsonl"
    write_prompts(prompts, ["1?", "2?"])
    evaluation = evaluate(
        prompts,
        Upstream({}),
        ReplaceAligner(bad="good"),
        out=tmp_path / "out",
        classifiers=[Classifier(folder, device="cpu")],
    )
    compared = evaluation.results.scores["reward"]
    assert compared.difference.value == pytest.approx(compared.aligned.value - compared.bare.value)
    assert compared.bare.size == 2
