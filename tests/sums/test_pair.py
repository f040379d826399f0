"""The bundled pair: small, safe to load, and worth having."""

from collections import Counter
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tracers.base import BaseTracer
from langgraph.graph import START, MessagesState, StateGraph

from stream_aligner_lc import StreamAlignedChat, build_graph
from stream_aligner_lc.sums import measuring, pair
from stream_aligner_lc.sums.problems import answer_of, problems

ORDINARY = Path(__file__).parents[2] / "examples" / "sums" / "ordinary.txt"


@pytest.fixture(scope="module")
def upstream():
    return pair.upstream().load()


@pytest.fixture(scope="module")
def aligner():
    return pair.aligner().load()


@pytest.fixture(scope="module")
def solved(aligner):
    return measuring.solve(problems(200, seed=11), pair.upstream(temperature=0.7, seed=4), aligner)


def test_the_checkpoints_are_small_and_hold_nothing_that_runs():
    files = [file for file in pair.CHECKPOINTS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 12_000_000
    assert {file.suffix for file in files} <= {".safetensors", ".json", ".jinja", ".md"}


def test_the_bare_upstream_is_wrong_about_every_other_time(solved):
    assert 0.3 <= solved.bare <= 0.6, solved


def test_aligned_answers_are_right(solved):
    assert solved.aligned >= 0.9, solved


def test_wrong_steps_are_repaired_and_right_ones_left_alone(solved):
    assert solved.wrong_steps > 100
    assert solved.right_steps > 700
    assert solved.repaired >= 0.9, solved
    assert solved.broken <= 0.01, solved


def test_a_restart_is_made_for_a_wrong_step_only(solved):
    assert (solved.calls - 1) * solved.problems <= solved.wrong_steps + solved.broken * solved.right_steps


def test_rude_sentences_of_words_that_it_never_saw_become_civil_and_say_the_same(aligner):
    rude = measuring.correct(aligner, measuring.rude_drafts(200, seed=1))
    assert rude.exact >= 0.9, rude.failures


def test_ordinary_sentences_are_left_alone(aligner):
    ordinary = measuring.correct(aligner, measuring.ordinary_drafts(ORDINARY.read_text().splitlines()))
    assert ordinary.sentences == 200
    assert ordinary.exact >= 0.98, ordinary.failures


def test_a_second_problem_of_a_conversation_is_answered_as_well(upstream, aligner):
    llm = StreamAlignedChat(upstream, aligner)
    right = 0
    for first, second in zip(problems(30, seed=9), problems(30, seed=10), strict=True):
        said = AIMessage(" ".join(first.solution))
        reply = llm.invoke([HumanMessage(first.question), said, HumanMessage(second.question)])
        right += answer_of(reply.text) == second.answer
    assert right >= 20


@pytest.mark.parametrize("seed", [5, 6])
def test_the_reply_is_the_same_however_the_loop_is_run(seed, upstream, aligner):
    llm, graph = StreamAlignedChat(upstream, aligner), build_graph(upstream, aligner)
    outer = StateGraph(MessagesState)
    outer.add_node("reply", graph)
    outer.add_edge(START, "reply")
    outer = outer.compile()
    for problem in problems(4, seed=seed):
        asked = {"messages": [HumanMessage(problem.question)]}
        said = llm.invoke(problem.question).text
        assert "".join(chunk.text for chunk in llm.stream(problem.question)) == said
        assert graph.invoke(asked)["messages"][-1].text == said
        assert outer.invoke(asked)["messages"][-1].text == said


async def test_the_reply_is_the_same_in_async_code(upstream, aligner):
    llm, graph = StreamAlignedChat(upstream, aligner), build_graph(upstream, aligner)
    for problem in problems(4, seed=8):
        said = llm.invoke(problem.question).text
        assert (await llm.ainvoke(problem.question)).text == said
        assert (await graph.ainvoke({"messages": [HumanMessage(problem.question)]}))["messages"][-1].text == said


class Names(BaseTracer):
    """Remember the names of all runs under one."""

    def __init__(self):
        super().__init__()
        self.names = Counter()

    def _persist_run(self, run):
        self._count(run)

    def _count(self, run):
        self.names[run.name] += 1
        for child in run.child_runs:
            self._count(child)


async def test_who_traces_sees_both_models_and_who_reads_events_sees_neither(upstream, aligner):
    traced, graph = Names(), build_graph(upstream, aligner)
    asked = {"messages": [HumanMessage(problems(1, seed=3)[0].question)]}
    graph.invoke(asked, {"callbacks": [traced]})
    assert traced.names["ChatTransformers"] >= 1
    assert traced.names["sums-aligner"] == traced.names["aligner"] >= 3
    seen = {event["name"] async for event in graph.astream_events(asked, version="v2")}
    assert "aligner" in seen
    assert not {"ChatTransformers", "sums-aligner"} & seen
