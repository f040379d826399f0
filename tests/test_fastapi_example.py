"""The endpoint of examples/fastapi_app.py behind a real server: sentences as they come, readers who leave, faults."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.threaded import Threaded, wait_until

ROOT = Path(__file__).parent.parent
QUESTION = {"question": "How are things?"}


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("fastapi_app", ROOT / "examples" / "fastapi_app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def served(app):
    """Run the application, and yield the address of its endpoint."""
    with Threaded(uvicorn.Server(uvicorn.Config(app, log_level="warning"))) as server:
        yield f"{server.url}/chat"


def events_of(lines):
    """Read events as pairs of name and data, as they come."""
    name = None
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def asked(address, body=QUESTION):
    with httpx.stream("POST", address, json=body, timeout=60) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(events_of(response.iter_lines()))


def test_sentences_are_events_and_the_last_one_says_how_it_ended(example):
    llm = StreamAlignedChat(ScriptedChatModel("This is bad.\n\nIt is fine."), ReplaceAligner(bad="good"))
    with served(example.make_app(llm)) as address:
        assert asked(address) == [("sentence", "This is good."), ("sentence", "\n\nIt is fine."), ("end", "stop")]


def test_a_sentence_is_there_before_the_reply_is_over(example):
    upstream = ScriptedChatModel("One. " + "And on. " * 2000, delay=0.005)
    llm = StreamAlignedChat(upstream, ReplaceAligner(bad="good"))
    with served(example.make_app(llm)) as address, httpx.stream("POST", address, json=QUESTION) as response:
        assert next(events_of(response.iter_lines())) == ("sentence", "One.")
        assert not upstream.calls[0].is_closed


def test_a_client_that_leaves_closes_the_upstream(example):
    upstream = ScriptedChatModel("And on. " * 2000, delay=0.005)
    llm = StreamAlignedChat(upstream, ReplaceAligner(bad="good"))
    with served(example.make_app(llm)) as address:
        with httpx.stream("POST", address, json=QUESTION) as response:
            next(events_of(response.iter_lines()))
        wait_until(lambda: upstream.calls[0].is_closed)
        assert not upstream.calls[0].is_finished


@pytest.mark.parametrize(
    ("upstream", "answers", "said"),
    [
        (
            "One. Two is secret. Three.",
            {1: ValueError("Two is secret.")},
            [("sentence", "One."), ("error", "AlignerError")],
        ),
        (ConnectionError("the key 12345 is wrong"), {}, [("error", "ConnectionError")]),
    ],
    ids=["aligner", "upstream"],
)
def test_a_fault_is_said_and_nothing_that_it_quotes(example, upstream, answers, said, caplog):
    model = ScriptedChatModel(upstream if isinstance(upstream, str) else [upstream])
    with served(example.make_app(StreamAlignedChat(model, ScriptedAligner(answers)))) as address:
        assert asked(address) == said
    assert "A reply could not be finished." in caplog.text


def test_a_question_that_is_too_long_is_refused(example):
    upstream = ScriptedChatModel("One.")
    with served(example.make_app(StreamAlignedChat(upstream, ReplaceAligner()))) as address:
        assert httpx.post(address, json={"question": "x" * 10_001}).status_code == 422
    assert upstream.calls == []


def test_as_a_program_it_serves_the_bundled_pair():
    arguments = [sys.executable, "examples/fastapi_app.py"]
    environment = {**os.environ, "PORT": "0", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as program:
        try:
            lines = iter(program.stderr.readline, "")
            address = next(found[1] for line in lines if (found := re.search(r"running on (\S+)", line)))
            told = asked(f"{address}/chat", {"question": "Start with 43. Add 2. Take away 17. What is the result?"})
        finally:
            program.send_signal(signal.SIGINT)
            program.stderr.read()
    assert [text.strip() for name, text in told if name == "sentence"][-1] == "The answer is 28."
