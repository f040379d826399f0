"""Rows as trees: every label once, at the end of its own path, read by a model as in the row itself."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.forms import NOT_LEARNED, Row
from stream_aligner_lc.training.joining import TreeCollator, as_fields, check_joining
from stream_aligner_lc.training.trees import trees
from tests.local.small_models import random_model, small_llama


def lessons_of_row(row):
    """What each row teaches: after these tokens comes that one."""
    return {(tuple(row.ids[:at]), label) for at, label in enumerate(row.labels) if label != NOT_LEARNED}


def path(tree, at):
    """The tokens that a token sees."""
    return [other for other in range(at + 1) if at < tree.ends[other]]


def lessons_of_tree(tree):
    told = ((at - 1, label) for at, label in enumerate(tree.labels) if label != NOT_LEARNED)
    return {(tuple(tree.ids[each] for each in path(tree, at)), label) for at, label in told}


def rows():
    row = st.lists(st.tuples(st.integers(1, 3), st.sampled_from([NOT_LEARNED, 1, 2])), min_size=1, max_size=6)
    made = row.map(
        lambda pairs: Row([*(token for token, _ in pairs), 9], [NOT_LEARNED, *(label for _, label in pairs)])
    )
    return st.lists(made, min_size=1, max_size=8)


@settings(max_examples=200)
@given(rows(), st.integers(4, 60))
def test_trees_teach_what_their_rows_teach(rows, most):
    made = list(trees(rows, most=most))
    assert set().union(*map(lessons_of_tree, made)) == set().union(*map(lessons_of_row, rows))
    for tree in made:
        assert len({len(part) for part in tree}) == 1
        for at in range(len(tree.ids) - 1):
            assert tree.positions[at] == len(path(tree, at)) - 1


@settings(max_examples=100)
@given(rows(), st.integers(4, 30))
def test_a_tree_is_no_longer_than_it_may_be_unless_one_row_is(rows, most):
    longest = max(len(row.ids) for row in rows)
    assert all(len(tree.ids) <= max(most + 1, longest) for tree in trees(rows, most=most))


def test_what_rows_have_in_common_is_there_once():
    shared, labels = list(range(1, 30)), [NOT_LEARNED] * 29
    made = [Row([*shared, 40 + number, 50], [*labels, NOT_LEARNED, number + 1]) for number in range(10)]
    (tree,) = trees(made, most=1000)
    assert len(tree.ids) == 29 + 10 + 1


def test_of_a_row_by_itself_the_last_token_only_carries_a_label():
    row = Row([1, 2, 3], [NOT_LEARNED, NOT_LEARNED, 3])
    assert list(trees([row], most=5)) == [([1, 2, 2], row.labels, [0, 1, 2], [2, 2, 3])]
    assert list(trees([], most=5)) == []


def test_in_a_batch_a_token_sees_its_own_path_and_nothing_sees_the_padding():
    first = next(trees([Row([1, 2, 3, 9], [NOT_LEARNED] * 3 + [5]), Row([1, 4, 9], [NOT_LEARNED] * 2 + [6])], most=50))
    second = next(trees([Row([1, 9], [NOT_LEARNED, 7])], most=50))
    batch = TreeCollator(0)([as_fields(first), as_fields(second)])
    mask = batch["attention_mask"]
    assert mask.shape == (2, 1, 5, 5)
    assert mask.dtype == torch.bool
    for at in range(4):
        assert mask[0, 0, at].nonzero().flatten().tolist() == path(first, at)
    assert mask.any(-1).all()
    assert batch["labels"][1].tolist() == [NOT_LEARNED, 7, NOT_LEARNED, NOT_LEARNED, NOT_LEARNED]


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3", "mistral"])
def test_ordinary_models_read_trees(kind):
    check_joining(random_model(kind), longest=8)


def test_a_window_that_is_shorter_than_a_row_is_refused():
    with pytest.raises(ConfigurationError, match=r"reaches back 8 tokens only, and a row may have 512"):
        check_joining(random_model("gemma3"), longest=512)


def test_an_attention_without_masks_is_refused():
    model = small_llama()
    model.config._attn_implementation = "flash_attention_2"
    with pytest.raises(ConfigurationError, match="'flash_attention_2' takes no masks"):
        check_joining(model, longest=8)


def test_a_recurrent_model_is_refused():
    from transformers import MambaConfig, MambaForCausalLM

    model = MambaForCausalLM(MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=1, state_size=4)).eval()
    with pytest.raises(ConfigurationError, match="cannot be joined for this model"):
        check_joining(model, longest=8)
