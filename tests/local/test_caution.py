"""Caution: what stands is kept where the model hardly prefers something else, and nothing changes where it does."""

import pytest
import torch
from langchain_core.messages import HumanMessage

from stream_aligner_lc import AlignerError, ConfigurationError, Draft, TransformersAligner
from stream_aligner_lc.local.caution import keeping_to, kept
from stream_aligner_lc.local.trained import KEY
from tests.local.small_models import small_llama, tokenizer

LOGITS = torch.tensor([0.0, 1.0, 3.0, 2.5, -1.0])


@pytest.mark.parametrize(
    ("preferred", "caution", "token"),
    [
        ([2], 0.0, 2),
        ([3], 0.4, 2),
        ([3], 0.5, 3),
        ([3], 0.6, 3),
        ([0], 2.9, 2),
        ([0], 3.0, 0),
        ([0, 1], 2.0, 1),
        ([], 9.0, 2),
    ],
)
def test_another_token_must_be_more_probable_by_as_much(preferred, caution, token):
    assert kept(LOGITS, preferred, caution) == token


def test_a_draft_is_kept_as_long_as_the_text_has_followed_it():
    choose = keeping_to([3, 1], 2, {4}, 10.0)
    assert choose(LOGITS, [7, 7]) == 3
    assert choose(LOGITS, [7, 7, 3]) == 1
    # Where the draft ends, the text ends.
    assert choose(LOGITS, [7, 7, 3, 1]) == 4
    # After a change, and beyond the end, the model is free.
    assert choose(LOGITS, [7, 7, 2]) == 2
    assert choose(LOGITS, [7, 7, 3, 0]) == 2
    assert choose(LOGITS, [7, 7, 3, 1, 1]) == 2


def aligner(template, **options):
    return TransformersAligner.from_model(
        small_llama(vocab_size=1024), tokenizer(), template=template, max_growth=20, **options
    )


DRAFT = Draft([HumanMessage("Why?")], "We add.", "That is 7.")


@pytest.mark.parametrize("template", ["stream-aligner", "verdict"])
def test_with_all_caution_nothing_is_changed_and_with_none_it_is_as_before(template):
    cautious = aligner(template, caution=1000)
    assert cautious.invoke(DRAFT).text == DRAFT.text
    assert cautious.effort["passes"] == 1
    if template == "stream-aligner":
        said = [outcome(aligner(template, **options)) for options in ({}, {"caution": 0}, {"caution": 1e-9})]
        assert said[0] == said[1] == said[2] != DRAFT.text


def outcome(made):
    try:
        return made.invoke(DRAFT).text
    except AlignerError as fault:
        return str(fault)


def test_a_checkpoint_says_how_cautious_it_is_and_an_option_says_otherwise():
    model = small_llama(vocab_size=1024)
    setattr(model.config, KEY, {"template": "stream-aligner", "caution": 2.5})
    assert TransformersAligner.from_model(model, tokenizer()).caution == 2.5
    assert TransformersAligner.from_model(model, tokenizer(), caution=0).caution == 0
    assert TransformersAligner.from_model(model, tokenizer(), temperature=1.0).caution == 0
    for said in (-1, "much", True, float("nan"), float("inf"), None):
        setattr(model.config, KEY, {"template": "stream-aligner", "caution": said})
        assert TransformersAligner.from_model(model, tokenizer()).caution == 0


@pytest.mark.parametrize("caution", [-1, "much", True, float("nan"), float("inf")])
def test_what_is_no_caution_is_refused(caution):
    with pytest.raises(ConfigurationError, match="`caution` must be a number of at least 0"):
        aligner("verdict", caution=caution)


def test_caution_and_a_temperature_are_refused_together():
    with pytest.raises(ConfigurationError, match=r"caution=2.*temperature=0"):
        aligner("verdict", caution=2, temperature=1.0)


def test_caution_belongs_to_what_tells_answers_apart():
    assert aligner("verdict", caution=1).identity["caution"] != aligner("verdict").identity["caution"]
