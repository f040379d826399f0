"""A device that is full in mid-reply: what is kept goes, the pass is tried once more, and the next sentence is fine."""

import pytest
import torch

from stream_aligner_lc import AlignerError, TransformersAligner
from stream_aligner_lc.testing import ScriptedChatModel
from tests.local.aligner_models import Judge, Reviser
from tests.local.small_models import SpeakingModel, Watch

TEXT = "We add. That is 8. So it is 8. Done."
SHOWN = "We add. That is 7. So it is 7. Done."
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


class Full:
    """Have the passes of an aligner's model fail halfway, from the given one on, so many times."""

    def __init__(self, reviser, first, times):
        self._left, self._at = times, first
        self._number = 0
        reviser.aligner._local.load().model.model.layers[0].register_forward_pre_hook(self._fail)

    def _fail(self, module, args):
        self._number += 1
        if self._number > self._at and self._left:
            self._left -= 1
            raise FULL


@pytest.mark.parametrize("first", range(6))
def test_once_full_is_not_seen(reply, first):
    reviser = Reviser({"is 8": "is 7"})
    Full(reviser, first, 1)
    message = reply(ScriptedChatModel(TEXT), reviser.aligner)
    assert message.text == SHOWN
    assert message.response_metadata["stream_aligner"]["aligner_faults"] == 0


@pytest.mark.parametrize(("kind", "first"), [(Reviser, 0), (Reviser, 2), (Judge, 0)])
def test_what_does_not_fit_is_a_fault_that_says_what_to_do_and_the_engine_goes_on(reply, kind, first):
    reviser = kind({"is 8": "is 7"})
    watch = Watch(reviser.aligner._local.load().model)
    Full(reviser, first, 2)
    with pytest.raises(AlignerError, match=r"no memory left for sentence \d.*smaller model") as caught:
        reply(ScriptedChatModel(TEXT), reviser.aligner)
    assert isinstance(caught.value.__cause__, MemoryError)
    assert caught.value.draft in TEXT
    tried = watch.count
    assert reply(ScriptedChatModel(TEXT), reviser.aligner).text == SHOWN
    assert watch.count > tried
    assert reviser.aligner._running == {}


@pytest.mark.parametrize(("policy", "reason"), [("keep", "stop"), ("stop", "aligner_error")])
def test_the_policy_decides_and_the_next_sentences_are_corrected(reply, policy, reason):
    reviser = Reviser({"is 8": "is 7"})
    Full(reviser, 0, 2)
    message = reply(ScriptedChatModel(TEXT), reviser.aligner, on_aligner_error=policy)
    assert message.text == {"keep": SHOWN, "stop": ""}[policy]
    assert message.response_metadata["finish_reason"] == reason
    assert message.response_metadata["stream_aligner"]["aligner_faults"] == 1


def test_a_device_that_stays_full_opens_the_breaker(reply):
    reviser = Reviser()
    Full(reviser, 0, 1000)
    records = []
    options = {"on_aligner_error": "keep", "max_aligner_faults": 2, "on_record": records.append}
    assert reply(ScriptedChatModel(TEXT), reviser.aligner, **options).text == TEXT
    assert [record["breaker"] for record in records] == ["closed", "opened", "open", "open"]


@pytest.mark.parametrize("policy", ["raise", "keep"])
def test_a_model_that_ends_in_the_middle_of_a_character_has_given_no_answer(reply, policy):
    model = SpeakingModel(None)
    first, *others = model._encoder.text("😀")
    assert others
    model._next = lambda ids: model._end if ids[-1] == first else first
    aligner = TransformersAligner.from_model(model, model.tokenizer)
    upstream = ScriptedChatModel("Well.")
    if policy == "raise":
        with pytest.raises(AlignerError, match=r"U\+FFFD.*on_aligner_error='keep'"):
            reply(upstream, aligner)
    else:
        assert reply(upstream, aligner, on_aligner_error=policy).text == "Well."
