"""The graph that the command runs, as a person runs it: alone, on a thread, from its file, on the real server."""

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph_sdk import get_client

from stream_aligner_lc import ChatTransformers, ConfigurationError
from stream_aligner_lc.annotation import annotation_graph
from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.sums import pair
from tests.annotation.doubles import Editor, StatusError, Upstream
from tests.studio.server import langgraph_dev

ROOT = Path(__file__).parents[2]
UPSTREAM, TEACHER, POLICY = "STREAM_ALIGNER_UPSTREAM", "STREAM_ALIGNER_TEACHER", "STREAM_ALIGNER_POLICY"
ASKED = {"messages": [{"role": "user", "content": "What?"}]}


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch):
    for name in (UPSTREAM, TEACHER, POLICY):
        monkeypatch.delenv(name, raising=False)


def graph_of(upstream=None, teacher=None, **options):
    given = {"policy": "Nothing bad.", "tries": 1, **options}
    return annotation_graph(upstream or Upstream({}), teacher or Editor({}), **given)


def load():
    """Return the graph of the file that the server loads, from a module of its own."""
    spec = importlib.util.spec_from_file_location("graph_annotate", ROOT / "graphs" / "annotate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.graph


def test_it_is_the_loop_with_a_node_that_makes_rows():
    drawn = graph_of().get_graph()
    assert set(drawn.nodes) == {"__start__", "upstream", "aligner", "rows", "__end__"}
    assert ("rows", "__end__") in {(edge.source, edge.target) for edge in drawn.edges}


async def test_it_answers_with_the_aligned_reply_and_the_rows_in_both_colours():
    graph = graph_of()
    sync, later = graph.invoke(ASKED), await graph.ainvoke(ASKED)
    for answer in (sync, later):
        assert set(answer) == {"messages", "rows"}
        assert answer["messages"][-1].text == "It is good. It is fine."
    assert sync["rows"] == later["rows"]
    assert [(row["last"], row["verdict"], row["source"]) for row in sync["rows"]] == [
        ("It is bad.", "replaced", ""),
        ("It is fine.", "accepted", ""),
    ]


def test_what_is_said_of_the_prompt_stands_in_its_rows():
    rows = graph_of().invoke({**ASKED, "id": "a-1", "source": "a.jsonl, line 1"})["rows"]
    assert {(row["id"], row["source"]) for row in rows} == {("a-1", "a.jsonl, line 1")}


def test_a_second_question_on_a_thread_gets_rows_of_its_own():
    graph = graph_of(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    graph.invoke(ASKED, config)
    rows = graph.invoke({"messages": [HumanMessage("And?")]}, config)["rows"]
    assert [row["last"] for row in rows] == ["It is bad.", "It is fine."]
    assert all(row["question"].endswith("User: And?") for row in rows)


def test_a_run_that_failed_goes_on_from_its_last_sentence():
    teacher = Editor({"It is fine.": [StatusError(500), "It is fine."]})
    graph = graph_of(teacher=teacher, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    with pytest.raises(AlignerError, match="sentence 1"):
        graph.invoke(ASKED, config)
    assert [row["correction"] for row in graph.invoke(None, config)["rows"]] == ["It is good.", "It is fine."]


async def test_a_teacher_that_fails_closes_the_upstream():
    upstream = Upstream({"What?": "It is bad. " * 1000})
    with pytest.raises(AlignerError, match=r"teacher failed on sentence 0.*of the server"):
        await graph_of(upstream, Editor({"It is bad.": StatusError(500)})).ainvoke(ASKED)
    # LangChain leaves the stream inside a binding to the event loop to close.
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)
    assert [call.is_closed for call in upstream.calls] == [True]


@pytest.mark.parametrize("colour", ["sync", "async"])
async def test_faults_of_a_moment_are_tried_again_in_both_colours(colour):
    teacher = Editor({"It is bad.": [ConnectionError("gone"), "It is good."]})
    graph = graph_of(Upstream({"What?": [ConnectionError("gone"), "It is bad."]}), teacher, tries=2)
    answer = graph.invoke(ASKED) if colour == "sync" else await graph.ainvoke(ASKED)
    assert [row["correction"] for row in answer["rows"]] == ["It is good."]


def test_options_of_the_loop_are_checked_when_it_is_built():
    with pytest.raises(ConfigurationError, match="granularity"):
        graph_of(granularity="word")
    with pytest.raises(ConfigurationError, match="policy"):
        graph_of(policy=" ")


def test_without_models_the_file_loads_and_a_run_says_what_to_set():
    graph = load()
    assert graph.name == "annotate"
    with pytest.raises(ConfigurationError, match=f"{UPSTREAM}.*openai:"):
        graph.invoke(ASKED)


def test_without_a_teacher_a_run_says_what_to_set(monkeypatch):
    monkeypatch.setenv(UPSTREAM, pair.UPSTREAM)
    graph = load()
    assert isinstance(graph.recipe.llm.bound, ChatTransformers)
    with pytest.raises(ConfigurationError, match=TEACHER):
        graph.invoke({"messages": [HumanMessage("Start with 12. Add 30.")]})


def test_the_environment_names_models_and_policy(monkeypatch):
    monkeypatch.setenv(UPSTREAM, pair.UPSTREAM)
    monkeypatch.setenv(TEACHER, "openai:gpt-4.1-mini")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv(POLICY, "Nothing rude.")
    aligner = load().recipe.aligner
    assert aligner.name == "prompted:gpt-4.1-mini"
    assert aligner.identity["policy"] == "Nothing rude."


def test_loading_the_file_loads_nothing_heavy():
    code = "import sys; from tests.annotation.test_graph import load; load(); "
    code += "sys.exit(bool({'torch', 'transformers', 'datasets', 'pandas'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_graph_on_the_real_server_makes_the_same_rows(tmp_path):
    doubles = {"annotating": f"{ROOT / 'tests' / 'annotation' / 'doubles.py'}:graph"}

    async def ask(url):
        async with get_client(url=url) as client:
            nodes = {node["id"] for node in (await client.assistants.get_graph("annotate"))["nodes"]}
            thread = await client.threads.create()
            events = client.runs.stream(thread["thread_id"], "annotating", input=ASKED, stream_mode="updates")
            steps = [name async for event in events if event.event == "updates" for name in event.data]
            values = await client.runs.wait(None, "annotating", input=ASKED)
            state = await client.threads.get_state(thread["thread_id"])
            return nodes, steps, values, state["values"]

    with langgraph_dev(tmp_path, doubles) as server:
        nodes, steps, values, state = asyncio.run(ask(server.url))
        assert "Blocking" not in server.log
    assert nodes >= {"upstream", "aligner", "rows"}
    assert steps[0] == "upstream"
    assert steps[-1] == "rows"
    assert steps.count("aligner") == 2
    assert values["rows"] == state["rows"] == graph_of().invoke(ASKED)["rows"]
    assert values["messages"][-1]["content"] == "It is good. It is fine."
