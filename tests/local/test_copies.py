"""Copies of local models and of what works with them: they share the weights, and a pickle holds none."""

import copy
import pickle

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import Draft, StreamAlignedChat, TransformersAligner
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ScriptedChatModel
from tests.local.small_models import random_model, tokenizer

DRAFT = Draft([HumanMessage("There are 43 keys in a box. 2 are added.")], "", "43 + 2 = 55.")
MOST_BYTES = 5_000

either_copy = pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))], ids=["deepcopy", "pickle"]
)


@either_copy
def test_a_copied_aligner_corrects_as_the_first_and_shares_its_weights(again):
    aligner = pair.aligner().load()
    copied = again(aligner)
    assert copied.invoke(DRAFT) == aligner.invoke(DRAFT)
    assert copied.identity == aligner.identity
    assert copied._local is aligner._local
    assert copied.effort["passes"] > 0


@either_copy
def test_a_copied_upstream_says_the_same_and_shares_its_weights(again):
    upstream = pair.upstream()
    copied = again(upstream)
    assert copied._local is upstream._local
    assert copied.invoke(DRAFT.messages).text == upstream.invoke(DRAFT.messages).text


@either_copy
def test_a_copied_pair_answers(again):
    chat = again(StreamAlignedChat(ScriptedChatModel(DRAFT.text), pair.aligner(), feedback=False))
    assert chat.invoke(DRAFT.messages).text == pair.aligner().invoke(DRAFT).text


def test_a_pickle_holds_no_weights():
    assert len(pickle.dumps(pair.aligner().load())) < MOST_BYTES


def test_a_model_that_was_handed_over_is_shared_by_copies_and_refuses_to_be_pickled():
    aligner = TransformersAligner.from_model(random_model(), tokenizer())
    assert copy.deepcopy(aligner)._local is aligner._local
    with pytest.raises(TypeError, match="handed over loaded"):
        pickle.dumps(aligner)
