"""The loop as a graph, run in every way that a graph is run."""

import asyncio
import operator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from stream_aligner_lc import ConfigurationError, JsonlRecorder, StreamAlignedChat, build_graph
from stream_aligner_lc.graph import AlignedGraph
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel

TEXT = "One is bad. Two is fine.\n\nThree is bad too. Four."
SHOWN = "One is good. Two is fine.\n\nThree is good too. Four."
ASK = {"messages": [HumanMessage("Go on.")]}
ALIGNER = ReplaceAligner({"bad": "good"})


def reply_of(state):
    return state["messages"][-1]


def outer_graph(node):
    graph = StateGraph(MessagesState)
    graph.add_node("answer", node)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph


def test_the_reply_is_appended_to_the_conversation(run):
    state = run(build_graph(ScriptedChatModel(TEXT), ALIGNER), ASK)
    assert [message.text for message in state["messages"]] == ["Go on.", SHOWN]
    assert set(state) == {"messages"}
    message = reply_of(state)
    assert isinstance(message, AIMessage)
    assert message.response_metadata["stream_aligner"]["upstream_calls"] == 3


def test_the_copies_that_servers_make_keep_working(run):
    graph = build_graph(ScriptedChatModel(TEXT), ALIGNER)
    for copy in (graph.with_config(tags=["x"]), graph.copy(), graph.copy({"checkpointer": InMemorySaver()})):
        assert isinstance(copy, AlignedGraph)
        config = {"configurable": {"thread_id": "1"}}
        assert reply_of(run(copy, ASK, config)).text == SHOWN


def test_messages_mode_streams_the_aligned_sentences_under_one_id(stream):
    graph = build_graph(ScriptedChatModel(TEXT), ALIGNER)
    messages = [message for message, _ in stream(graph, ASK, stream_mode="messages")]
    assert [message.text for message in messages if message.text] == [
        "One is good.",
        " Two is fine.",
        "\n\nThree is good too.",
        " Four.",
    ]
    assert len({message.id for message in messages}) == 1


def test_a_subgraph_answers_within_an_outer_graph(run, stream):
    graph = outer_graph(build_graph(ScriptedChatModel(TEXT), ALIGNER)).compile()
    assert reply_of(run(graph, ASK)).text == SHOWN
    pieces = stream(graph, ASK, stream_mode="messages", subgraphs=True)
    assert "".join(message.text for _, (message, _) in pieces) == SHOWN


def test_a_subgraph_works_under_an_outer_checkpointer_for_several_turns(run):
    graph = outer_graph(build_graph(ScriptedChatModel(TEXT), ALIGNER)).compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    run(graph, ASK, config)
    state = run(graph, {"messages": [HumanMessage("Again.")]}, config)
    assert [message.text for message in state["messages"]] == ["Go on.", SHOWN, "Again.", SHOWN]


def test_a_thread_holds_several_replies(run):
    graph = build_graph(ScriptedChatModel(TEXT), ALIGNER, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    run(graph, ASK, config)
    state = run(graph, {"messages": [HumanMessage("Again.")]}, config)
    assert [message.text for message in state["messages"]] == ["Go on.", SHOWN, "Again.", SHOWN]
    first, second = state["messages"][1], state["messages"][3]
    assert first.id != second.id
    assert first.response_metadata["stream_aligner"]["upstream_calls"] == 3
    assert second.response_metadata["stream_aligner"]["upstream_calls"] == 3


def test_a_killed_run_goes_on_from_the_last_released_sentence(run, stream):
    saver = InMemorySaver()
    config = {"configurable": {"thread_id": "1"}}
    upstream = ScriptedChatModel("One. Two. Three. Four.")
    aligner = ScriptedAligner({2: RuntimeError("killed")})
    broken = build_graph(upstream, aligner, checkpointer=saver)
    with pytest.raises(Exception, match="failed on sentence 2 with RuntimeError"):
        run(broken, ASK, config)
    aligner.answers.clear()
    resumed = build_graph(ScriptedChatModel("One. Two. Three. Four."), aligner, checkpointer=saver)
    assert reply_of(run(resumed, None, config)).text == "One. Two. Three. Four."
    assert [draft.text for draft in aligner.drafts] == ["One.", "Two.", "Three.", "Three.", "Four."]


def test_checkpoints_hold_plain_state_and_grow_linearly(run, caplog):
    def size(sentences):
        saver = InMemorySaver()
        graph = build_graph(
            ScriptedChatModel("Some sentence of fixed length. " * sentences),
            AcceptAligner(),
            checkpointer=saver,
        )
        config = {"configurable": {"thread_id": "1"}}
        run(graph, ASK, config)
        assert graph.get_state(config).values["progress"]["index"] == sentences
        writes = sum(len(write[2][1]) for writes in saver.writes.values() for write in writes.values())
        return sum(len(blob[1]) for blob in saver.blobs.values()) + writes

    small, large = size(50), size(200)
    assert large < 6 * small
    assert "unregistered type" not in caplog.text


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_thousand_sentences_pass_inside_a_chain_and_an_outer_graph(colour):
    text = "".join(f"Sentence number {n} is here. " for n in range(1000))
    chat = StreamAlignedChat(ScriptedChatModel(text), AcceptAligner())
    chain = ChatPromptTemplate.from_messages([("human", "{question}")]) | chat | StrOutputParser()
    graph = outer_graph(lambda state: {"messages": [chat.invoke(state["messages"])]}).compile()
    nested = outer_graph(build_graph(ScriptedChatModel(text), AcceptAligner())).compile()
    config = {"recursion_limit": 25}
    if colour == "sync":
        assert chain.invoke({"question": "Go on."}, config) == text
        assert reply_of(graph.invoke(ASK, config)).text == text
        assert reply_of(nested.invoke(ASK, config)).text == text
        return

    async def run_all():
        assert await chain.ainvoke({"question": "Go on."}, config) == text
        assert reply_of(await graph.ainvoke(ASK, config)).text == text
        assert reply_of(await nested.ainvoke(ASK, config)).text == text

    asyncio.run(run_all())


def test_walking_away_closes_the_upstream():
    upstream = ScriptedChatModel("Sentence after sentence. " * 500, delay=0.001)
    steps = build_graph(upstream, AcceptAligner()).stream(ASK)
    next(steps)
    steps.close()
    assert upstream.calls[0].is_closed
    assert not upstream.calls[0].is_finished


async def test_walking_away_closes_the_upstream_in_async_code():
    upstream = ScriptedChatModel("Sentence after sentence. " * 500, delay=0.001)
    steps = build_graph(upstream, AcceptAligner()).astream(ASK)
    await anext(steps)
    await steps.aclose()
    assert upstream.calls[0].is_closed
    assert not upstream.calls[0].is_finished
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() in ("upstream", "aligner")] == []


async def test_cancelling_a_run_closes_the_upstream():
    upstream = ScriptedChatModel("Sentence after sentence. " * 5000, delay=0.001)
    task = asyncio.create_task(build_graph(upstream, AcceptAligner()).ainvoke(ASK))
    while not (upstream.calls and upstream.calls[0].sent):
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upstream.calls[0].is_closed
    assert not upstream.calls[0].is_finished


@pytest.mark.parametrize("lookahead", [0, 1, 3])
def test_the_upstream_is_not_read_further_than_the_lookahead(collect, lookahead):
    upstream = ScriptedChatModel("Five words make a sentence. " * 50)
    seen = []

    def watch(draft):
        import time

        time.sleep(0.02)
        seen.append(len(upstream.calls[0].sent) // 5 - draft.index)
        return draft.text

    list(StreamAlignedChat(upstream, watch, lookahead=lookahead, max_sentences=8).stream("Go on."))
    # The sentence in work, those ahead of it, and the word that showed where the last one ends.
    assert max(seen) <= 1 + lookahead + 1


def test_a_reader_that_stops_reading_stops_the_upstream():
    import time

    upstream = ScriptedChatModel("Five words make a sentence. " * 500)
    chunks = StreamAlignedChat(upstream, AcceptAligner(), lookahead=2).stream("Go on.")
    next(chunks)
    time.sleep(0.2)  # more than enough to read all of it, if nothing held it up
    assert len(upstream.calls[0].sent) < 50
    chunks.close()


@pytest.mark.parametrize(
    ("granularity", "drafts"),
    [
        ("sentence", ["One. ", "Two.\n\n", "Three. ", "Four."]),
        ("paragraph", ["One. Two.\n\n", "Three. Four."]),
        ("response", ["One. Two.\n\nThree. Four."]),
    ],
)
def test_granularity_says_what_is_corrected_at_once(collect, granularity, drafts):
    aligner = ReplaceAligner({"Four": "Five"})
    chat = StreamAlignedChat(ScriptedChatModel(["One. Two.\n\nThree. Four.", ""]), aligner, granularity=granularity)
    assert "".join(chunk.text for chunk in collect(chat, "Go on.")) == "One. Two.\n\nThree. Five."
    assert [draft.text for draft in aligner.drafts] == [text.strip() for text in drafts]
    assert len(chat.llm.calls) == (1 if granularity == "response" else 2)


def test_only_the_first_sentences_are_aligned_where_asked(collect):
    aligner = ReplaceAligner({"bad": "good"})
    chat = StreamAlignedChat(ScriptedChatModel(TEXT), aligner, align_first=2)
    chunks = collect(chat, "Go on.")
    assert "".join(chunk.text for chunk in chunks) == "One is good. Two is fine.\n\nThree is bad too. Four."
    assert len(aligner.drafts) == 2
    assert chunks[-1].response_metadata["stream_aligner"]["sentences"] == {
        "replaced": 1,
        "accepted": 1,
        "skipped": 2,
    }


def test_a_long_rest_runs_free_to_its_end(collect):
    text = "Some sentence. " * 200
    chat = StreamAlignedChat(ScriptedChatModel(text), AcceptAligner(), align_first=2, lookahead=0)
    assert "".join(chunk.text for chunk in collect(chat, "Go on.")) == text


def test_text_that_follows_a_replaced_sentence_gives_way_to_a_tool_call(collect):
    call = AIMessage("", tool_calls=[{"name": "look", "args": {"at": "it"}, "id": "1"}])
    upstream = ScriptedChatModel([["Bad idea. " + "Stale sentence. " * 30, call]])
    chat = StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"}), granularity="paragraph", lookahead=0)
    message = sum_of(collect(chat, "Go on."))
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [("look", {"at": "it"})]


def sum_of(chunks):
    message = chunks[0]
    for chunk in chunks[1:]:
        message += chunk
    return message


@pytest.mark.parametrize("stop", [["!"], ["END"], ["good"], [" Two"]])
def test_stop_sequences_hold_for_the_released_text(collect, stop):
    chat = StreamAlignedChat(ScriptedChatModel("One is bad. Two! Three END four."), ReplaceAligner({"bad": "good"}))
    chunks = collect(chat, "Go on.", stop=stop)
    whole = "One is good. Two! Three END four."
    assert "".join(chunk.text for chunk in chunks).rstrip() == whole[: whole.index(stop[0])].rstrip()
    assert chunks[-1].response_metadata["finish_reason"] == "stop"


def test_code_passes_line_by_line_without_the_aligner(collect):
    text = "Look:\n\n```python\nx = 'bad'\ny = 2\n```\n\nThat was bad."
    aligner = ReplaceAligner({"bad": "good"})
    chunks = collect(StreamAlignedChat(ScriptedChatModel([text, ""]), aligner), "Go on.")
    assert "".join(chunk.text for chunk in chunks) == text.replace("was bad", "was good")
    assert [draft.text for draft in aligner.drafts] == ["Look:", "That was bad."]
    assert any(chunk.text.strip() == "y = 2" for chunk in chunks)


def test_sentences_are_bounded(collect):
    chat = StreamAlignedChat(ScriptedChatModel("Again and again. " * 1000), AcceptAligner(), max_sentences=3)
    chunks = collect(chat, "Go on.")
    assert "".join(chunk.text for chunk in chunks) == "Again and again. Again and again. Again and again."
    assert chunks[-1].response_metadata["finish_reason"] == "length"


def test_a_reply_as_long_as_the_bound_ends_by_itself(collect):
    chat = StreamAlignedChat(ScriptedChatModel("One. Two."), AcceptAligner(), max_sentences=2)
    assert collect(chat, "Go on.")[-1].response_metadata["finish_reason"] == "stop"


def test_every_sentence_leaves_a_record(collect, tmp_path):
    import json

    path = tmp_path / "records.jsonl"
    chat = StreamAlignedChat(ScriptedChatModel(TEXT), ALIGNER, on_record=JsonlRecorder(path))
    collect(chat, "Go on.")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(record["index"], record["verdict"], record["draft"], record["text"]) for record in records] == [
        (0, "replaced", "One is bad.", "One is good."),
        (1, "accepted", "Two is fine.", "Two is fine."),
        (2, "replaced", "Three is bad too.", "Three is good too."),
        (3, "accepted", "Four.", "Four."),
    ]
    assert all(record["aligner_seconds"] >= 0 and record["draft_tokens"] > 0 for record in records)


def test_unknown_options_are_refused():
    with pytest.raises(ConfigurationError, match=r"lookahed.*lookahead"):
        build_graph(ScriptedChatModel("x"), ALIGNER, lookahed=3)


def test_an_outer_context_does_not_disturb_the_run(run):
    class Outer(TypedDict):
        log: Annotated[list, operator.add]

    graph = StateGraph(MessagesState, context_schema=dict)
    graph.add_node("answer", build_graph(ScriptedChatModel(TEXT), ALIGNER))
    graph.add_edge(START, "answer")
    compiled = graph.compile()
    assert reply_of(run(compiled, ASK, context={"user": "me"})).text == SHOWN


def test_several_runs_of_one_graph_do_not_meet():
    graph = build_graph(ScriptedChatModel(TEXT), ALIGNER)
    replies = graph.batch([ASK] * 8)
    assert {reply_of(state).text for state in replies} == {SHOWN}

    async def together():
        return await asyncio.gather(*(graph.ainvoke(ASK) for _ in range(8)))

    assert {reply_of(state).text for state in asyncio.run(together())} == {SHOWN}


def test_a_graph_in_a_chain_answers(run):
    chain = RunnableLambda(lambda text: {"messages": [HumanMessage(text)]}) | build_graph(
        ScriptedChatModel(TEXT), ALIGNER
    )
    assert reply_of(run(chain, "Go on.")).text == SHOWN


class Counting(ThreadPoolExecutor):
    """Count what it is given to do."""

    handed = 0

    def submit(self, *args, **kwargs):
        self.handed += 1
        return super().submit(*args, **kwargs)


async def test_the_loop_does_not_wait_behind_those_who_work_in_the_executor_of_the_event_loop():
    executor = Counting()
    asyncio.get_running_loop().set_default_executor(executor)
    text = " ".join(f"Sentence {number} is here." for number in range(20))
    state = await build_graph(ScriptedChatModel(text), AcceptAligner()).ainvoke(ASK)
    assert reply_of(state).text == text
    assert executor.handed < 5, "what LangChain and LangGraph do once for a run is all"
