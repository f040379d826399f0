"""What the package is from outside: its names, its layers, its weight, and documents that cannot drift."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import stream_aligner_lc
from stream_aligner_lc import AcceptAligner, build_graph
from stream_aligner_lc.testing import ScriptedChatModel

ROOT = Path(__file__).parent.parent
PACKAGE = Path(stream_aligner_lc.__file__).parent
README = (ROOT / "README.md").read_text()

# Low imports nothing high. A module may import from its own layer and from those above it in this list.
LAYERS = [
    {"errors", "extras", "fingerprints", "leaving", "limits", "segmentation", "answers", "civility"},
    {"corrections", "prompts", "options", "rows"},
    {"content", "continuation", "counting", "faults", "local", "retries"},
    {"conversion", "named", "remote"},
    {"pages", "state", "outlet", "spacing", "waiting", "echo", "events", "isolation", "recorders", "routing"},
    {"intake", "breaker", "accounts", "aligners", "training"},
    {"ledger"},
    {"pacing"},
    {"readers", "testing"},
    {"upstream"},
    {"models"},
    {"nodes"},
    {"recipe", "reviews"},
    {"graph"},
    {"reply", "resumable"},
    {"annotation"},
    {"preferences"},
    {"chat_model"},
    {"middleware"},
    {"evaluation"},
    {"showing", "terminals"},
    {"report"},
    {"sums"},
    {"demo", "conversation", "probing", "timing"},
    {"playground"},
    {"serving"},
    {"commands"},
    {"cli"},
    {"__main__"},
    {"__init__"},
]


def modules():
    return {path: path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.rglob("*.py")}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stream_aligner_lc."):
            yield node.module.split(".")[1]


def test_every_module_has_a_layer():
    assert {parts[0] for parts in modules().values()} == set().union(*LAYERS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_low_imports_nothing_high(path):
    rank = {name: number for number, names in enumerate(LAYERS) for name in names}
    own = modules()[path][0]
    assert [name for name in imported(path) if rank[name] > rank[own]] == []


def test_there_is_no_junk_drawer():
    names = {part for parts in modules().values() for part in parts}
    assert not names & {"utils", "common", "helpers", "types", "misc", "config"}


def test_the_exported_names_are_the_documented_ones():
    for name in stream_aligner_lc.__all__:
        thing = getattr(stream_aligner_lc, name)
        assert name == "Verdict" or thing.__doc__, name
    assert stream_aligner_lc.__all__ == sorted(stream_aligner_lc.__all__)
    assert set(stream_aligner_lc.__all__) <= set(dir(stream_aligner_lc))


def test_importing_loads_nothing_heavy():
    heavy = "('torch', 'transformers', 'openai', 'tiktoken', 'langchain', 'numpy', 'yaml')"
    loaded = f"[name for name in {heavy} if name in sys.modules]"
    code = f"import sys; from stream_aligner_lc import StreamAlignedChat; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_cutting_sentences_needs_no_langchain():
    code = "import sys; from stream_aligner_lc import Segmenter; print('langchain_core' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'StreamAlignedChatt'"):
        stream_aligner_lc.StreamAlignedChatt  # noqa: B018


def test_importing_brings_few_modules_beside_those_of_langchain_and_langgraph():
    code = (
        "import sys, langchain_core.language_models.chat_models, langgraph.graph; before = set(sys.modules);"
        "from stream_aligner_lc import StreamAlignedChat; new = {name for name in set(sys.modules) - before};"
        "print([name for name in new if not name.startswith('stream_aligner_lc')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(ast.literal_eval(done.stdout)) <= 5, done.stdout


def test_the_readme_draws_the_graph_that_is_built():
    edges = re.search(r"```mermaid\n(.*?)```", README, flags=re.DOTALL)[1]
    drawn = build_graph(ScriptedChatModel("x"), AcceptAligner()).get_graph().draw_mermaid(with_styles=False)
    assert edges.strip() == drawn.strip()


def test_the_documents_are_there_and_speak_of_the_project_alone():
    for name in (
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "LICENSE",
        "constraints.txt",
        ".ci/run",
        "Makefile",
    ):
        assert (ROOT / name).stat().st_size > 0, name


def test_the_extras_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"local", "openai", "agents", "train", "remote", "serve", "studio", "all"} <= set(
        project["optional-dependencies"]
    )
    assert (PACKAGE / "py.typed").exists()
