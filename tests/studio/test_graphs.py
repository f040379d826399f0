"""The graphs of `langgraph.json`: loaded as the server loads them, drawn, and told what they lack."""

import importlib.util
import subprocess
import sys

import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from langgraph_cli.config import get_unknown_keys, validate_config

from stream_aligner_lc import ChatTransformers, ConfigurationError
from stream_aligner_lc.sums import pair
from tests.studio.server import CONFIG, ROOT, graphs

UPSTREAM, ALIGNER = "STREAM_ALIGNER_UPSTREAM", "STREAM_ALIGNER_MODEL"
NAMES = list(graphs())
LOOP = {"__start__", "upstream", "aligner", "__end__"}
OTHERS = {"annotate": LOOP | {"rows"}, "review": LOOP | {"review"}, "agent": {"__start__", "model", "tools", "__end__"}}


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch):
    monkeypatch.delenv(UPSTREAM, raising=False)
    monkeypatch.delenv(ALIGNER, raising=False)


def load(name):
    """Return a graph of `langgraph.json` from a module of its own."""
    path, variable = graphs()[name]["path"].rsplit(":", 1)
    spec = importlib.util.spec_from_file_location(f"graph_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, variable)


def test_the_configuration_is_one_that_the_server_knows():
    assert validate_config(CONFIG)
    assert not get_unknown_keys(CONFIG)


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_is_drawn_under_its_own_name(name):
    graph = load(name)
    assert graph.name == name
    assert set(graph.get_graph().nodes) == OTHERS.get(name, LOOP)


def test_loading_the_graphs_loads_no_weights_and_not_what_reads_them():
    code = f"import sys; from tests.studio.test_graphs import load; [load(name) for name in {NAMES}]; "
    code += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_graph_without_a_model_says_which_variable_to_set():
    with pytest.raises(ConfigurationError, match=f"{UPSTREAM}.*openai:"):
        load("model").invoke({"messages": [HumanMessage("Hello")]})


def test_the_upstream_of_a_provider_is_named_by_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv(UPSTREAM, "openai:gpt-4.1-mini")
    with pytest.warns(UserWarning, match=ALIGNER):
        graph = load("model")
    assert isinstance(graph.recipe.llm, ChatOpenAI)
    assert graph.recipe.aligner.name == "prompted:gpt-4.1-mini"


def test_local_models_are_named_by_their_folders(monkeypatch):
    monkeypatch.setenv(UPSTREAM, pair.UPSTREAM)
    monkeypatch.setenv(ALIGNER, pair.ALIGNER)
    graph = load("model")
    assert isinstance(graph.recipe.llm, ChatTransformers)
    assert graph.recipe.aligner.identity == pair.aligner(device="auto").identity


@pytest.mark.parametrize(
    ("named", "number"),
    [("07", 7), ("\u0667", 7), ("no. 0", 0), ("9" * 5000, 999_999_999)],
    ids=["leading zero", "Arabic", "zero", "endless"],
)
def test_the_agent_calls_for_an_exercise_however_its_number_is_written(named, number):
    messages = load("agent").invoke({"messages": [("user", f"Solve exercise {named}")]})["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert messages[1].tool_calls[0]["args"] == {"number": number}


@pytest.mark.parametrize("messages", [[], [("system", "Be brief.")]], ids=["empty", "a system message alone"])
def test_the_agent_is_asked_by_somebody_or_says_that_nobody_did(messages):
    with pytest.raises(ConfigurationError, match="There is nothing to answer"):
        load("agent").invoke({"messages": messages})
