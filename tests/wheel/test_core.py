"""The core without any extra: what it brings along, and that it works with nothing else in sight."""

import ast
import json
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import stream_aligner_lc
from tests.wheel.conftest import ROOT
from tests.wheel.installed import MAX_MEGABYTES, MAX_PACKAGES

PACKAGE = Path(stream_aligner_lc.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMMANDS = ("annotate", "convert", "demo", "evaluate", "export-preferences", "report", "train")

REPLY = """
import asyncio
from langchain_core.messages import HumanMessage
from stream_aligner_lc import StreamAlignedChat, build_graph
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel

made = lambda: (ScriptedChatModel("It is bad. I mean it."), ReplaceAligner({"bad": "good"}))
print("".join(chunk.text for chunk in StreamAlignedChat(*made()).stream("Is it?")))
print(asyncio.run(StreamAlignedChat(*made()).ainvoke("Is it?")).text)
print(build_graph(*made()).invoke({"messages": [HumanMessage("Is it?")]})["messages"][-1].text)
"""

EVERY_MODULE = """
import importlib, json, pkgutil, stream_aligner_lc
missing = {}
for each in pkgutil.walk_packages(stream_aligner_lc.__path__, "stream_aligner_lc.", onerror=lambda name: None):
    if each.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(each.name)
    except ImportError as error:
        # An error that names the extra has the plain one as its cause.
        missing[each.name] = (error.__cause__ or error).name.partition(".")[0]
print(json.dumps(missing))
"""


def _declared(requirements):
    return {canonicalize_name(Requirement(each).name) for each in requirements}


_distributions = cache(packages_distributions)


def _modules_of(names):
    return {module for module, dists in _distributions().items() if names & set(map(canonicalize_name, dists))}


def _imported():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (each.name.partition(".")[0] for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]


def test_whatever_the_package_imports_it_declares():
    extras = PROJECT["optional-dependencies"].values()
    declared = _modules_of(_declared([*PROJECT["dependencies"], *(each for extra in extras for each in extra)]))
    known = {*sys.stdlib_module_names, "stream_aligner_lc", *declared}
    assert set(_imported()) - known == set()


def test_the_core_brings_few_packages_and_little_weight(bare):
    said = bare.run("python", ROOT / "tests" / "wheel" / "installed.py")
    count, megabytes = int(said.split()[0]), float(said.split()[2])
    # Its own dependencies are there, so the measure measures.
    assert {"langchain-core", "langgraph", "stream-aligner-lc"} <= set(said.split())
    assert count <= MAX_PACKAGES
    assert 20 < megabytes < MAX_MEGABYTES


def test_a_reply_is_corrected_with_the_core_alone(bare):
    assert bare.run("python", "-c", REPLY).splitlines() == ["It is good. I mean it."] * 3


def test_modules_that_the_core_cannot_import_miss_what_an_extra_declares(bare):
    missing = json.loads(bare.run("python", "-c", EVERY_MODULE))
    assert set(missing.values()) <= _modules_of(
        _declared(each for extra in PROJECT["optional-dependencies"].values() for each in extra)
    )
    assert "stream_aligner_lc.chat_model" not in missing
    assert missing["stream_aligner_lc.middleware"] == "langchain"


@pytest.mark.parametrize("start", [["stream-aligner"], ["python", "-m", "stream_aligner_lc"]], ids=" ".join)
def test_the_command_says_what_it_can_do_with_the_core_alone(start, bare):
    assert all(command in bare.run(*start, "--help") for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_takes_with_the_core_alone(command, bare):
    assert f"stream-aligner {command}" in bare.run("stream-aligner", command, "--help")
