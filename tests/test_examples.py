"""The examples, run as a user would: from a checkout, without a key and without a network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(*arguments):
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}
    # Nothing listens there, so whatever asks for a page or a model fails.
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**kept, **nowhere, "HF_HUB_OFFLINE": "1", "LANGSMITH_TRACING": "false"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_chain_is_wrapped():
    bare, aligned = run("examples/wrap_a_chain.py")
    assert bare == "bare:    14 + 27 = 41. 41 - 8 = 43. The answer is 43."
    assert aligned == "aligned: 14 + 27 = 41. 41 - 8 = 33. The answer is 33."


def test_an_agent_calls_its_tool_between_aligned_sentences():
    assert run("examples/agent_with_a_tool.py") == [
        "Let me look up the price.",
        '[call price_of({"article": "kettle"})]',
        "[price_of answers 34]",
        "The kettle costs 34 euros. It is in stock.",
    ]


def test_a_node_of_a_graph_answers_and_the_next_one_reads_the_corrected_text():
    assert run("examples/node_of_a_graph.py") == [
        "Everest is in Nepal. It is 8,849 metres high. Few have climbed it.",
        "[8849 metres; 2 messages]",
        "K2 is in Pakistan. It is 8,611 metres high.",
        "[8611 metres; 4 messages]",
        "['accepted', 'replaced', 'accepted', 'accepted', 'accepted']",
    ]


def test_the_tests_with_fakes_pass():
    *_, last = run("-m", "pytest", "examples/test_with_fakes.py", "-p", "no:cacheprovider")
    assert last.startswith("4 passed")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_says_how_it_is_run(path):
    text = path.read_text()
    assert 25 <= len(text.splitlines()) <= 60
    assert f"examples/{path.name}`." in text.splitlines()[0]
    assert f"[{path.name}]({path.name})" in (ROOT / "examples" / "README.md").read_text()
