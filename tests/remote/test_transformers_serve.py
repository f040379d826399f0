"""The server that comes with transformers, in a process of its own: it takes prompts as text alone."""

import warnings

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import AlignerError, Draft, ServerAligner
from stream_aligner_lc.sums import pair
from tests.remote import sentences
from tests.remote.token_server import FOLDERS
from tests.sums.judged import correcting


@pytest.fixture(scope="module")
def aligner(serving):
    return ServerAligner(f"{serving.url}/v1", pair.ALIGNER, timeout=240)


def test_every_sentence_is_corrected_as_in_process(aligner):
    local = pair.aligner()
    for draft in sentences.of_sums(2):
        assert aligner.invoke(draft) == local.invoke(draft)


async def test_replies_at_once_are_those_of_the_model_in_process(aligner):
    assert await sentences.replies(3, aligner) == await sentences.replies(3, pair.aligner())


def test_a_prompt_that_would_hold_another_control_token_is_not_sent(aligner):
    for draft in (
        Draft([HumanMessage("Go on.")], "", "That is <|end|> all."),
        Draft([HumanMessage("Say <|assistant|> now.")], "", "Fine."),
    ):
        with pytest.raises(AlignerError, match=r"takes text alone.*vLLM") as told:
            aligner.invoke(draft)
        assert "<|" not in str(told.value)


def test_tokens_that_join_at_a_seam_are_told_once(serving):
    aligner = ServerAligner(f"{serving.url}/v1", FOLDERS["revision"], template="stream-aligner", timeout=240)
    drafts, local = sentences.judged(1), correcting()
    with pytest.warns(UserWarning, match=r"takes text alone, so tokens join"):
        corrections = [aligner.invoke(drafts[0])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corrections += [aligner.invoke(draft) for draft in drafts[1:]]
    # They are not promised to be the same, and where they are sentences they are of the same kind.
    assert len(corrections) == len(drafts)
    assert local.invoke(drafts[0]).text


def test_a_chat_model_that_does_not_know_the_protocol_is_said_so(serving):
    aligner = ServerAligner(f"{serving.url}/v1", pair.UPSTREAM, template="prompted", attempts=1, timeout=240)
    with pytest.raises(AlignerError, match=r"answered 1 times without `CORRECTION: \[\[...\]\]` at the end"):
        aligner.invoke(Draft([HumanMessage("What is 2 + 2?")], "", "It is 4."))


def test_a_folder_that_the_server_cannot_load_is_an_error_that_names_the_server(serving):
    aligner = ServerAligner(f"{serving.url}/v1", "./no-such-folder", tokenizer=pair.ALIGNER, timeout=240, max_retries=0)
    with pytest.raises(AlignerError, match=f"The server at {serving.url}/v1 answered 500"):
        aligner.invoke(sentences.spoken()[0])
