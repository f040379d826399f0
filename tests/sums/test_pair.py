"""The bundled pair: small, safe to load, and worth having."""

from collections import Counter

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tracers.base import BaseTracer
from langgraph.graph import START, MessagesState, StateGraph

from stream_aligner_lc import Draft, StreamAlignedChat, build_graph
from stream_aligner_lc.demo.figures import Figures, solve
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import answer_of, problems, step

UNSEEN = (11, 222, 3333)


@pytest.fixture(scope="module")
def upstream():
    return pair.upstream().load()


@pytest.fixture(scope="module")
def aligner():
    return pair.aligner().load()


@pytest.fixture(scope="module")
def outcomes(upstream, aligner):
    return [solve(problem, upstream, aligner) for seed in UNSEEN for problem in problems(100, seed=seed)]


def test_the_checkpoints_are_small_and_hold_nothing_that_runs():
    files = [file for file in pair.CHECKPOINTS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 12_000_000
    assert {file.suffix for file in files} <= {".safetensors", ".json", ".jinja", ".md"}


def test_aligned_answers_are_right_at_least_twenty_points_more_often(outcomes):
    figures = Figures.of(outcomes)
    assert figures.problems == 300
    assert figures.aligned_accuracy >= figures.bare_accuracy + 0.20, figures


def test_the_upstream_makes_mistakes_and_carries_them_on(outcomes):
    wrong = [outcome for outcome in outcomes if not outcome.bare_is_right]
    assert 60 <= len(wrong) <= 220
    carried = [outcome for outcome in wrong if len(outcome.bare.split(". ")) > 2]
    assert len(carried) > len(wrong) / 2


def test_only_what_differs_is_replaced(outcomes):
    for outcome in outcomes:
        if outcome.bare_is_right and outcome.aligned == outcome.bare:
            assert set(outcome.verdicts) == {"accepted"}
            assert outcome.upstream_calls == 1


def test_the_aligner_leaves_right_steps_alone_and_mends_wrong_ones(aligner):
    left_alone = mended = total = 0
    for problem in problems(60, seed=77):
        prefix = ""
        for before, change, right in zip(problem.values, problem.changes, problem.solution, strict=False):
            messages = [HumanMessage(problem.question)]
            wrong = step(before, change, before + change + (10 if before + change < 50 else -10))
            left_alone += aligner.invoke(Draft(messages, prefix, right)).text == right
            mended += aligner.invoke(Draft(messages, prefix, wrong)).text == right
            total += 1
            prefix = f"{prefix} {right}".strip()
    assert left_alone / total > 0.9, left_alone / total
    assert mended / total > 0.6, mended / total


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
