"""Every Python snippet of README and docs runs as printed, offline, and prints what the page says that it prints."""

import ast
import importlib
import importlib.util
import re
import shlex
import tomllib
from contextlib import suppress

import pytest

from stream_aligner_lc import StreamAlignedChat, StreamAlignerMiddleware, build_graph, cli
from stream_aligner_lc.options import FORWARDED, LoopOptions
from tests.continuation.loopback import LoopbackProvider
from tests.docs.snippets import PAGES, ROOT, blocks_of, name_of, python_of

# Integrations that the tests do not install: what needs one of these is compiled and looked through instead.
ABSENT = {"langchain_google_genai", "langchain_groq", "langchain_aws"}
OPTIONS = {*LoopOptions.names(), *FORWARDED, "continuation", "observers"}
# Whoever takes the loop's options, and what each takes beside them.
TAKES_OPTIONS = {
    StreamAlignedChat.__name__: {"aligner", "streaming"},
    StreamAlignerMiddleware.__name__: {"streaming"},
    build_graph.__name__: {"checkpointer", "interrupt_on", "name"},
}
# What a page promises in its text.
SHOWS = {"README.md": ("The sky is blue. Sunlight is scattered by the air.", "It does not.")}
WITH_PYTHON = [page for page in PAGES if python_of(page)]
PAGE = pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)


def imports_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)


def is_absent(block):
    modules = {module.partition(".")[0] for module, _ in imports_of(ast.parse(block.text))}
    return any(importlib.util.find_spec(module) is None for module in modules)


def answer(body):
    prompted = any("CORRECTION" in str(message["content"]) for message in body["messages"])
    return ["CORRECTION: [[It does ", "not.]]\nEOS: [[FALSE]]"] if prompted else ["It does."]


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """An empty folder to work in, keys that open nothing, and for OpenAI's client a provider on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("STREAM_ALIGNER_MODEL", raising=False)
    for provider in ("OPENAI", "ANTHROPIC", "MISTRAL", "DEEPSEEK"):
        monkeypatch.setenv(f"{provider}_API_KEY", "none")
    with LoopbackProvider(answer) as provider:
        yield lambda: monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.base_url}/v1")


@PAGE
@pytest.mark.filterwarnings("ignore:.*it is not known whether:UserWarning", "ignore:.*cannot be known whether")
def test_a_page_runs_from_top_to_bottom_as_printed(page, offline, capsys):
    # The pages on providers say what is chosen for OpenAI's own address, and call nobody.
    if "providers" not in page.parts:
        offline()
    namespace, told = {"__name__": "snippets"}, ""
    for number, block in enumerate(python_of(page), start=1):
        if is_absent(block):
            continue
        exec(compile(block.text, f"{name_of(page)}, snippet {number}", "exec"), namespace)
        for name in [name for name in namespace if name.startswith("test_")]:
            namespace.pop(name)()
        shown = capsys.readouterr().out
        told += shown
        if block.printed is not None:
            assert shown.rstrip() == block.printed.rstrip()
    for text in SHOWS.get(name_of(page), ()):
        assert text in told


@PAGE
def test_what_a_page_imports_is_there_and_its_options_are_known(page):
    for block in python_of(page):
        tree = ast.parse(block.text)
        for module, name in imports_of(tree):
            if module.partition(".")[0] in ABSENT:
                continue
            thing = importlib.import_module(module)
            assert name is None or hasattr(thing, name), f"{module} has no {name}"
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = getattr(call.func, "id", None)
            if called in TAKES_OPTIONS:
                given = {keyword.arg for keyword in call.keywords if keyword.arg}
                assert given <= OPTIONS | TAKES_OPTIONS[called]


_CALLS = re.compile(r"(?:\w+=\S+ )*stream-aligner ")


def commands():
    found = []
    for page in PAGES:
        for block in blocks_of(page):
            if block.language == "bash":
                lines = block.text.replace("\\\n", " ").splitlines()
                found.extend(line[line.index("stream-aligner ") :] for line in lines if _CALLS.match(line))
    return sorted(set(found))


@pytest.mark.parametrize("line", commands())
def test_a_command_of_a_page_is_one_that_the_program_knows(line, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    command, *words = shlex.split(line, comments=True)[1:]
    with suppress(SystemExit):
        cli.main([command, "--help"])
    told = capsys.readouterr().out
    assert f"{command} " in told
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", told))


def bash_blocks():
    for page in PAGES:
        told = ""
        for block in blocks_of(page):
            if block.language == "bash":
                told = block.text if "pip install" in block.text else told + block.text
                yield page, block.text, told


def wanted(line):
    """Name the extras without which a command of a page could not do what it says."""
    command = line.split()[1]
    own = {"train": {"train"}, "evaluate": {"evaluate"}, "serve": {"serve"}}.get(command, {"cli"})
    found = {"local"} if "--upstream" not in line or "my-aligner" in line else set()
    return own | found | ({"openai"} if "openai:" in line else set()) if command not in ("report", "convert") else own


def brought(told):
    """Name the extras that a page has had installed, and those that they bring."""
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    extras = re.compile(r"stream-aligner-lc\[([\w,]+)\]")
    found, waiting = set(), [name for each in extras.findall(told) for name in each.split(",")]
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += [each for line in stated[name] for each in ",".join(extras.findall(line)).split(",") if each]
    return found


@pytest.mark.parametrize(
    ("page", "line", "told"),
    [
        pytest.param(page, line, told, id=f"{name_of(page)}: {line}")
        for page, text, told in bash_blocks()
        for line in text.splitlines()
        if _CALLS.match(line) and "pip install" in told
    ],
)
def test_what_a_page_has_installed_is_enough_for_its_commands(page, line, told):
    line = line[line.index("stream-aligner ") :].partition("    #")[0]
    assert wanted(line) <= brought(told)


def test_the_packages_that_may_be_missing_are_named_by_some_page():
    blocks = [block for page in WITH_PYTHON for block in python_of(page)]
    assert {module for block in blocks for module, _ in imports_of(ast.parse(block.text))} >= ABSENT
