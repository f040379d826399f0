"""An upstream that has a reply to every question in mind, and teachers that keep to the protocol or do not."""

import asyncio
import errno
import json
import os
import re
from contextlib import aclosing
from pathlib import Path

from pydantic import PrivateAttr

from stream_aligner_lc.annotation import annotation_graph
from stream_aligner_lc.prompts import escape, unescape
from stream_aligner_lc.testing import ScriptedChatModel

_LAST = re.compile(r"LAST SENTENCE: \[\[(.*)\]\]\Z", re.DOTALL)
BAD, GOOD = "bad", "good"
QUESTIONS = [f"Question {number}?" for number in range(12)]
REPLIES = {question: f"About {question} It is bad. Fine." for question in QUESTIONS}


class Upstream(ScriptedChatModel):
    """Say the reply that belongs to the last question, and go on with it after a correction.

    `script` maps a question to a reply, or to an exception, or to a list of those for one call after the other; other
    questions get `default`. `open` counts the replies that are being written.
    """

    default: str = "It is bad. It is fine."
    model_name: str = "upstream"
    _open: int = PrivateAttr(default=0)
    _most_open: int = PrivateAttr(default=0)
    _asked: dict = PrivateAttr(default_factory=dict)

    @property
    def most_open(self):
        """How many replies were written at once."""
        return self._most_open

    def turn(self, messages, **kwargs):
        question = [message.text for message in messages if message.type == "human"][-1]
        reply = self.script.get(question, self.default)
        if isinstance(reply, list):
            self._asked[question] = number = self._asked.get(question, -1) + 1
            reply = reply[min(number, len(reply) - 1)]
        return reply if isinstance(reply, BaseException) else ScriptedChatModel(reply).turn(messages)

    async def _astream(self, *args, **kwargs):
        self._open += 1
        self._most_open = max(self._open, self._most_open)
        try:
            async with aclosing(super()._astream(*args, **kwargs)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._open -= 1


class Noting(Upstream):
    """Note each question that is asked in the file ASKED, for whoever started the process.

    While the file HOLD is there, no more questions are answered than it says, and none where it is empty: so a process
    cannot come to its end before the one that started it wants that.
    """

    _answered: int = PrivateAttr(default=0)

    def turn(self, messages, **kwargs):
        if messages[-1].type == "human":
            with Path(os.environ["ASKED"]).open("a") as file:
                file.write(f"{messages[-1].text}\n")
        return super().turn(messages, **kwargs)

    async def _astream(self, messages, *args, **kwargs):
        if messages[-1].type == "human":
            while (most := _most()) is not None and self._answered >= most:
                await asyncio.sleep(0.01)
            self._answered += 1
        async with aclosing(super()._astream(messages, *args, **kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk


def _most():
    try:
        return int(Path(os.environ["HOLD"]).read_text() or 0)
    except FileNotFoundError:
        return None


class Editor(ScriptedChatModel):
    """A teacher that edits the last sentence.

    `script` maps a sentence to its correction, a whole answer as `{"raw": ...}`, an exception to raise, or a list of
    those for one call after the other; "bad" becomes "good" in the others. `ends` are those said to be the end.
    """

    model_name: str = "teacher"
    ends: tuple = ()
    seconds: float = 0.0
    _asked: dict = PrivateAttr(default_factory=dict)

    def turn(self, messages, **kwargs):
        last = unescape(_LAST.search(messages[-1].text)[1])
        said = self.script.get(last, last.replace(BAD, GOOD))
        if isinstance(said, list):
            self._asked[last] = number = self._asked.get(last, -1) + 1
            said = said[min(number, len(said) - 1)]
        if isinstance(said, BaseException):
            return said
        if isinstance(said, dict):
            return said["raw"]
        return f"CORRECTION: [[{escape(said)}]]\nEOS: [[{str(last in self.ends).upper()}]]"

    async def _astream(self, *args, **kwargs):
        await asyncio.sleep(self.seconds)
        async with aclosing(super()._astream(*args, **kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk


class StatusError(Exception):
    """What a provider's client raises."""

    def __init__(self, status_code, text="of the server"):
        super().__init__(text)
        self.status_code = status_code


def write_prompts(path, questions, **fields):
    """Write questions as JSON lines, with ids that are their numbers."""
    lines = [{"id": number, "question": question, **fields} for number, question in enumerate(questions)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def asked(upstream):
    """Return the questions that an upstream was asked."""
    return {message.text for prompt in upstream.prompts for message in prompt if message.type == "human"}


def rows_in(path):
    """Return the rows of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def finished_in(journal):
    """Return the ids in a journal's whole lines."""
    lines = journal.read_bytes().splitlines(keepends=True)[1:] if journal.exists() else []
    return {json.loads(line)["id"] for line in lines if line.endswith(b"\n") and b'"id"' in line[:5]}


def fill_disk(monkeypatch, *, room):
    """Let a journal take so many bytes of finished prompts, and no more."""
    real = os.write

    def write(handle, data):
        nonlocal room
        if not bytes(data).startswith(b'{"id"'):
            return real(handle, data)
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(handle, data[:room])
        room -= written
        return written

    monkeypatch.setattr("stream_aligner_lc.resumable.journal.os.write", write)


graph = annotation_graph(Upstream({}), Editor({}), policy="Nothing bad.")
