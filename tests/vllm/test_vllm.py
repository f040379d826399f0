"""vLLM as what it is made for: the aligner of many replies, and an upstream that goes on from a prefix."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI

from stream_aligner_lc import ConfigurationError, Draft, ServerAligner, StreamAlignedChat
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import problems
from tests.remote import sentences

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def aligner(aligner_server):
    return ServerAligner(f"{aligner_server.url}/v1", pair.ALIGNER, timeout=300)


def test_every_sentence_is_corrected_as_in_process(aligner):
    local, drafts = pair.aligner(), sentences.of_sums(4)
    assert [aligner.invoke(draft) for draft in drafts] == [local.invoke(draft) for draft in drafts]


@pytest.mark.parametrize("caution", [0, 6])
def test_caution_is_that_of_the_model_in_process(aligner_server, caution):
    remote = ServerAligner(f"{aligner_server.url}/v1", pair.ALIGNER, caution=caution, timeout=300)
    local, drafts = pair.aligner(caution=caution), sentences.of_sums(2)
    assert [remote.invoke(draft) for draft in drafts] == [local.invoke(draft) for draft in drafts]


def test_a_control_token_s_name_stays_text(aligner):
    draft = Draft([HumanMessage("Say <|assistant|>.")], "", "That is <|end|> all.")
    assert aligner.invoke(draft) == pair.aligner().invoke(draft)


def test_what_it_has_read_is_not_read_again(aligner):
    drafts = sentences.of_sums(1)
    aligner.invoke(drafts[2])
    assert aligner.invoke(drafts[2]).effort["tokens_reused"] > 0


async def test_eight_replies_at_once_are_those_of_the_model_in_process(aligner):
    assert await sentences.replies(8, aligner) == await sentences.replies(8, pair.aligner())


def test_an_unknown_model_is_told_with_those_it_offers(aligner_server):
    aligner = ServerAligner(f"{aligner_server.url}/v1", "other", tokenizer=pair.ALIGNER)
    with pytest.raises(ConfigurationError, match=r"knows no model 'other'. It offers"):
        aligner.invoke(sentences.spoken()[0])


def test_as_upstream_it_goes_on_from_the_corrected_text(upstream_server, aligner):
    problem = problems(20, seed=0)[0]
    upstream = ChatOpenAI(
        model=pair.UPSTREAM, base_url=f"{upstream_server.url}/v1", api_key="EMPTY", temperature=0, max_retries=0
    )
    prefix = AIMessage(problem.solution[0])
    more = {"continue_final_message": True, "add_generation_prompt": False}
    bare = upstream.invoke([HumanMessage(problem.question), prefix], extra_body=more)
    assert not bare.text.lstrip().startswith(problem.solution[0])
    reply = StreamAlignedChat(upstream, aligner, continuation="vllm").invoke(problem.question)
    local = StreamAlignedChat(pair.upstream(), pair.aligner()).invoke(problem.question)
    assert reply.text == local.text
