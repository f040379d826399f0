"""Every message that the page on troubleshooting explains is one that the package says."""

import ast
import re
from pathlib import Path

import pytest

import stream_aligner_lc
from tests.docs.snippets import DOCS

HEADINGS = re.findall(r"^### (.+)$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
VALUE = "…"


def constant_of(node):
    """Return a string as it stands in the source, with a sign for each value in it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(constant_of(part) if isinstance(part, ast.Constant) else VALUE for part in node.values)


@pytest.fixture(scope="module")
def said():
    trees = [ast.parse(path.read_text()) for path in Path(stream_aligner_lc.__file__).parent.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    return "\n".join(map(constant_of, nodes))


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_message_is_one_that_the_package_says(heading, said):
    assert heading in said


def test_there_are_messages():
    assert len(HEADINGS) > 20
