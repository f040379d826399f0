"""From rows of a data set to batches: what a model is served, padded, and nothing learned that it should not say."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED, RevisionForm, Row
from stream_aligner_lc.local.verdicts import form_of
from stream_aligner_lc.prompts import TEMPLATES, template_named
from stream_aligner_lc.training.collator import CorrectionCollator, padded
from tests.local.small_models import small_llama, tokenizer
from tests.local.tokenizers_made import make

ROW = {"question": "Why?", "prefix": "We add. That is 7.", "last": "So 8.", "correction": "So 7."}
SENTENCES = [f"Step {number} is done." for number in range(40)]

every_template = pytest.mark.parametrize("template", TEMPLATES)


def collator(template="stream-aligner", **options):
    return CorrectionCollator(form_of(Encoder(tokenizer()), template_named(template)), **options)


def learned(row):
    return [label for label in row.labels if label != NOT_LEARNED]


@every_template
def test_a_row_is_that_of_the_form_it_is_served_in(template):
    made = collator(template)
    fields = ROW.values()
    assert made.row(ROW) == made.form.row(*fields)
    assert made.row({**ROW, "end": True, "id": 5}) == made.form.row(*fields, end=True)
    assert made.row({**ROW, "end": None}) == made.form.row(*fields, end=False)


def test_only_the_verdict_template_learns_where_a_reply_ends():
    ends = {name: collator(name).row({**ROW, "end": True}) != collator(name).row(ROW) for name in TEMPLATES}
    assert ends == {"stream-aligner": False, "verdict": True}


rows = st.lists(st.fixed_dictionaries(dict.fromkeys(ROW, st.text(max_size=20))), min_size=1, max_size=4)


@every_template
@settings(max_examples=25, deadline=None)
@given(rows=rows)
def test_a_batch_holds_every_row_and_beyond_its_end_nothing_that_counts(template, rows):
    made = collator(template)
    batch = made(rows)
    wanted = [made.row(row) for row in rows]
    longest = max(len(row.ids) for row in wanted)
    assert {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in batch.items()} == dict.fromkeys(
        ("input_ids", "attention_mask", "labels"), ((len(rows), longest), torch.int64)
    )
    for number, row in enumerate(wanted):
        length = len(row.ids)
        ids, mask, labels = (batch[name][number].tolist() for name in ("input_ids", "attention_mask", "labels"))
        assert (ids[:length], labels[:length]) == (row.ids, row.labels)
        assert ids[length:] == [made.form.encoder.tokenizer.pad_token_id] * (longest - length)
        assert mask == [1] * length + [0] * (longest - length)
        assert set(labels[length:]) <= {NOT_LEARNED}


@every_template
def test_a_longer_neighbour_changes_no_loss(template):
    model, made = small_llama(vocab_size=1024), collator(template)
    long = {**ROW, "prefix": " ".join(SENTENCES)}
    assert len(made.row(long).ids) > 2 * len(made.row(ROW).ids)
    counts = [len(learned(made.row(row))) for row in (ROW, long)]
    with torch.no_grad():
        alone = [float(model(**made([row])).loss) for row in (ROW, long)]
        both = float(model(**made([ROW, long])).loss)
    mean = sum(loss * count for loss, count in zip(alone, counts, strict=True)) / sum(counts)
    assert both == pytest.approx(mean, rel=1e-4)


def test_without_a_token_to_pad_with_the_end_of_an_answer_is_taken():
    made = CorrectionCollator(RevisionForm(Encoder(make("bytes", eos_token="</s>")), TEMPLATES["stream-aligner"]))
    assert made.form.encoder.tokenizer.pad_token_id is None
    batch = made([ROW, {**ROW, "correction": ""}])
    end = made.form.encoder.end_of_answer
    assert batch["input_ids"][1, -1] == end
    assert batch["labels"][1, -1] == NOT_LEARNED
    # The end that is to be learned is one nonetheless.
    assert int((batch["labels"] == end).sum()) == 2


def test_rows_are_padded_on_the_right():
    batch = padded([Row([1, 2, 3], [NOT_LEARNED, 2, 3]), Row([4], [4])], 9)
    assert batch["input_ids"].tolist() == [[1, 2, 3], [4, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[NOT_LEARNED, 2, 3], [4, NOT_LEARNED, NOT_LEARNED]]


@every_template
def test_a_row_that_is_too_long_loses_the_older_half_of_its_prefix_until_it_fits(template):
    long = {**ROW, "prefix": " ".join(SENTENCES)}
    whole = collator(template).row(long)
    made = collator(template, max_tokens=len(whole.ids) // 3)
    row = made.row(long)
    assert len(row.ids) <= len(whole.ids) // 3
    fields = [{**ROW, "prefix": " ".join(SENTENCES[start:])} for start in range(1, 41)]
    (prefix,) = [each["prefix"] for each in fields if collator(template).row(each) == row]
    assert len(long["prefix"]) / 8 < len(prefix) < len(long["prefix"]) / 3
    # What is to be learned stays.
    assert learned(row) == learned(whole)
    assert collator(template, max_tokens=len(whole.ids)).row(long) == whole


@every_template
def test_a_row_that_does_not_fit_even_without_its_prefix_is_refused_with_both_numbers(template):
    alone = len(collator(template).row({**ROW, "prefix": ""}).ids)
    assert len(collator(template, max_tokens=alone).row(ROW).ids) == alone
    said = rf"has {alone} tokens even without its prefix, and {alone - 1} are the limit: 'Why\?'.*`max_tokens`"
    with pytest.raises(ConfigurationError, match=said):
        collator(template, max_tokens=alone - 1)([ROW])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "Why?", "prefix": "", "last": "So."}, "correction is missing in .*'Why"),
        ({"question": "Why?", "prefix": None, "last": "So.", "correction": 7}, "prefix, correction are missing"),
        ({}, "question, prefix, last, correction are missing"),
    ],
)
def test_a_row_that_lacks_a_text_is_refused_with_what_it_lacks(row, said):
    with pytest.raises(ConfigurationError, match=said):
        collator()([ROW, row])
