"""What a server corrects is what the model corrects in process: sentence by sentence, and in whole replies."""

import asyncio

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from stream_aligner_lc import Draft, ServerAligner, StreamAlignedChat
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import problems
from stream_aligner_lc.testing import ScriptedChatModel
from tests.remote import sentences
from tests.sums.judged import correcting, judging

LOCAL = {"sums": pair.aligner, "verdict": judging, "revision": correcting}


def drafts_for(name):
    return sentences.of_sums() if name == "sums" else sentences.judged()


@pytest.fixture(scope="module")
def in_process():
    """What each model says in process, of each of its drafts."""
    return {name: [made().invoke(draft) for draft in drafts_for(name)] for name, made in LOCAL.items()}


@pytest.mark.parametrize("name", LOCAL)
def test_every_sentence_is_corrected_as_in_process(name, in_process, of_tokens):
    aligner = of_tokens(name)
    corrections = [aligner.invoke(draft) for draft in drafts_for(name)]
    assert corrections == in_process[name]
    changed = [each.text != draft.text for each, draft in zip(corrections, drafts_for(name), strict=True)]
    assert any(changed)
    assert not all(changed)


@pytest.mark.parametrize("name", LOCAL)
async def test_every_sentence_is_corrected_as_in_process_asynchronously(name, in_process, of_tokens):
    aligner = of_tokens(name)
    assert await asyncio.gather(*map(aligner.ainvoke, drafts_for(name))) == in_process[name]


@pytest.mark.parametrize("caution", [0, 1, 6])
def test_caution_is_that_of_the_model_in_process(caution, of_tokens):
    for name in ("sums", "revision"):
        local, remote = LOCAL[name](caution=caution), of_tokens(name, caution=caution)
        drafts = drafts_for(name)[:8]
        assert [remote.invoke(draft) for draft in drafts] == [local.invoke(draft) for draft in drafts], name


def test_the_prompt_is_token_for_token_that_of_the_model_in_process(of_tokens, token_server):
    for name, made in LOCAL.items():
        draft, local = drafts_for(name)[1], made().load()
        of_tokens(name).invoke(draft)
        sent = next(body for body in reversed(token_server.requests) if body["model"] == name)
        prompts = [body["prompt"] for body in token_server.requests if body["model"] == name]
        assert local._equip().form.prompt(draft.question, draft.prefix, draft.text) in prompts
        assert sent["temperature"] == 0


def test_a_verdict_is_one_token_and_a_sentence_that_stands_takes_nothing_more(of_tokens, token_server):
    aligner = of_tokens("verdict").load()
    before = len(token_server.requests)
    correction = aligner.invoke(sentences.judged()[0])
    (asked,) = token_server.requests[before:]
    assert asked["max_tokens"] == 1
    assert correction.text == sentences.judged()[0].text
    assert correction.tokens == len(asked["prompt"]) + 1
    assert correction.effort["passes"] == 1
    assert correction.effort["tokens_reused"] == len(asked["prompt"]) // 2


def test_a_control_token_s_name_stays_text(of_tokens, token_server):
    named = Draft([HumanMessage("Say <|end|> and <|assistant|>.")], "Well <|user|>.", "This is <|end|> it.")
    aligner = of_tokens("sums").load()
    before = len(token_server.requests)
    aligner.invoke(named)
    controls = aligner._asker.form.encoder.controls(token_server.requests[before]["prompt"])
    assert controls == aligner._asker.form.encoder.controls(
        aligner._asker.form.prompt("Say so.", "Well.", "This is it.")
    )


def wrong_reply(problem):
    return " ".join(draft.text for draft in sentences.steps(problem, wrong=[1]))


def test_eight_replies_at_once_are_those_of_the_model_in_process(of_tokens):
    remote, local = (asyncio.run(sentences.replies(8, each)) for each in (of_tokens("sums"), pair.aligner()))
    assert remote == local


def test_a_reply_counts_the_tokens_that_the_server_reports(of_tokens):
    problem = problems(1, seed=4)[0]
    reply = StreamAlignedChat(ScriptedChatModel(wrong_reply(problem)), of_tokens("sums")).invoke(problem.question)
    assert isinstance(reply, AIMessage)
    totals = reply.response_metadata["stream_aligner"]
    assert totals["aligner"] == "sums"
    assert totals["aligner_tokens"] == totals["aligner_effort"]["tokens_fed"] > 100


def test_one_object_serves_several_event_loops_and_threads(of_tokens):
    aligner, drafts = of_tokens("verdict"), sentences.judged(1)
    there = [asyncio.run(aligner.ainvoke(draft)) for draft in drafts[:2]]
    assert there == aligner.batch(drafts[:2]) == [aligner.invoke(draft) for draft in drafts[:2]]
    aligner.close()
    assert aligner.invoke(drafts[0]) == there[0]
    assert isinstance(aligner, ServerAligner)
