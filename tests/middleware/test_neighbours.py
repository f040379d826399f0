"""Other middleware in the same list, before and after: what it does holds, and no error quotes a draft."""

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
    ToolRetryMiddleware,
)
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from stream_aligner_lc import AlignerError, StreamAlignerMiddleware, UpstreamError
from stream_aligner_lc.testing import ScriptedChatModel
from tests.leaks.probes import Babbler, Listener, correct, raw_in
from tests.middleware.agents import ALIGNED, ASKED, BLUE, TEXT, aligned_agent, ask, both_colours, last

AT_ONCE = {"initial_delay": 0.0, "jitter": False}
either_order = pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])


def beside(model, other, aligner=BLUE, *, is_first, **options):
    middleware = [other, StreamAlignerMiddleware(aligner)]
    return create_agent(model, middleware=middleware if is_first else middleware[::-1], **options)


def quoting(draft):
    """Fail in the words of the draft, as a careless aligner does."""
    raise ValueError(f"cannot correct {draft.text!r}")


def answering_with_a_list(draft):
    """Answer with what is no answer, and holds the draft."""
    return [draft.text]


@both_colours
@either_order
@pytest.mark.parametrize("aligner", [quoting, answering_with_a_list])
def test_a_failure_that_a_retry_puts_into_a_message_quotes_no_draft(aligner, is_first, is_async):
    saver = InMemorySaver()
    retry = ModelRetryMiddleware(max_retries=1, **AT_ONCE)
    agent = beside(Babbler(), retry, aligner, is_first=is_first, checkpointer=saver)
    state = ask(agent, {"configurable": {"thread_id": "1"}}, is_async=is_async)
    assert "AlignerError: The aligner failed" in state["messages"][-1].text
    assert not raw_in([state, saver.storage, saver.writes, saver.blobs])


@both_colours
def test_a_failure_that_ends_the_run_is_kept_in_no_checkpoint_in_the_words_of_a_draft(is_async):
    saver, listener = InMemorySaver(), Listener()
    agent = aligned_agent(Babbler(), aligner=quoting, tools=(), checkpointer=saver)
    with pytest.raises(AlignerError, match=r"ValueError.*on_aligner_error='keep'") as caught:
        ask(agent, {"configurable": {"thread_id": "1"}, "callbacks": [listener]}, is_async=is_async)
    assert not raw_in([str(caught.value), saver.storage, saver.writes, saver.blobs])
    assert not raw_in([str(error) for _, (error, *_), _ in listener.named("on_llm_error", "on_chain_error")])
    assert isinstance(caught.value.__cause__.__cause__, ValueError)
    assert raw_in(caught.value.draft)


@both_colours
def test_an_upstream_that_breaks_off_says_so_without_its_own_words(is_async):
    upstream = Babbler([["It is quick. The QXZ", ValueError("in the middle of QXZJV")]])
    agent = create_agent(upstream, middleware=[StreamAlignerMiddleware(correct, upstream_retries=0)])
    with pytest.raises(UpstreamError, match="middle of its reply") as caught:
        ask(agent, is_async=is_async)
    assert caught.value.released == "It is quick."
    assert not raw_in(str(caught.value))


@both_colours
@either_order
def test_a_retry_tries_again(is_first, is_async):
    upstream = ScriptedChatModel([ConnectionError("away"), TEXT, " It rains."])
    agent = beside(upstream, ModelRetryMiddleware(max_retries=1, **AT_ONCE), is_first=is_first)
    assert last(agent, is_async=is_async) == ALIGNED


@both_colours
@either_order
def test_a_model_to_fall_back_on_is_aligned_too(is_first, is_async):
    upstream, spare = ScriptedChatModel([ConnectionError("away")]), ScriptedChatModel(TEXT)
    agent = beside(upstream, ModelFallbackMiddleware(spare), is_first=is_first)
    assert last(agent, is_async=is_async) == ALIGNED


@both_colours
@either_order
def test_a_summary_is_made_of_the_aligned_conversation_by_a_model_of_its_own(is_first, is_async):
    writer, upstream = ScriptedChatModel("A summary of green things."), ScriptedChatModel(TEXT)
    summary = SummarizationMiddleware(writer, trigger=("messages", 3), keep=("messages", 1))
    agent = beside(upstream, summary, is_first=is_first, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    assert last(agent, config, is_async=is_async) == ALIGNED
    state = ask(agent, config, is_async=is_async)
    assert [message.text for message in state["messages"][1:]] == [ASKED["messages"][0][1], ALIGNED]
    assert "A summary of green things." in state["messages"][0].text
    assert "sky is blue" in writer.prompts[0][-1].text


def test_a_middleware_further_out_reads_the_aligned_reply():
    read = []

    class Reading(AgentMiddleware):
        def wrap_model_call(self, request, handler):
            response = handler(request)
            read.append(response.result[0].text)
            return response

        def after_model(self, state, runtime):
            read.append(state["messages"][-1].text)

    agent = beside(ScriptedChatModel(TEXT), Reading(), is_first=True)
    assert last(agent) == ALIGNED
    assert read == [ALIGNED, ALIGNED]


def test_a_failure_inside_a_tool_that_is_an_agent_quotes_no_draft_in_the_tools_answer():
    inner = create_agent(Babbler(), middleware=[StreamAlignerMiddleware(quoting)])

    @tool
    def delegate(task: str) -> str:
        """Ask another agent."""
        return last(inner)

    made = {"name": "delegate", "args": {"task": "x"}, "id": "1", "type": "tool_call"}
    upstream = ScriptedChatModel([AIMessage("", tool_calls=[made]), TEXT, " It rains."])
    retry = ToolRetryMiddleware(max_retries=0)
    agent = create_agent(upstream, [delegate], middleware=[retry, StreamAlignerMiddleware(BLUE)])
    messages = ask(agent)["messages"]
    assert "AlignerError" in messages[-2].text
    assert messages[-1].text == ALIGNED
    assert not raw_in(messages)
