"""What models say steers no terminal, and comes to a file or a pipe as it is."""

import sys

import pytest

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.cli import main
from stream_aligner_lc.commands import pairs
from stream_aligner_lc.terminals import harmless
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedChatModel
from tests.cli.running import run

# Sets the clipboard, turns red, hides what stands before, and begins a sequence in one byte.
STEERING = "It \x1b]52;c;AAAA\x07is \x1b[31mbad\rgood\x9b0m.\tIt is\r\nso."


@pytest.fixture
def chat(monkeypatch):
    """Run the command with doubles in place of models, at what says that it is a terminal or not."""

    def chat(*arguments, upstream=None, aligner=None, is_terminal=False):
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
        doubles = upstream or ScriptedChatModel(STEERING), aligner or AcceptAligner()
        monkeypatch.setattr(pairs, "chat_of", lambda *_, **__: StreamAlignedChat(*doubles))
        return main(["chat", "What?", "--upstream", "x:upstream", "--aligner", "x:aligner", *arguments])

    return chat


def steers(text):
    """Say whether a terminal would do anything but show a text and break its lines."""
    return any((ord(each) < 0x20 and each not in "\n\t") or 0x7F <= ord(each) < 0xA0 for each in text)


def test_control_characters_are_seen_and_all_else_stays():
    assert harmless(STEERING) == "It ␛]52;c;AAAA␇is ␛[31mbad␍good\\x9b0m.\tIt is\nso."
    assert harmless("Zwölf Äpfel, 十二。👍🏽 \x7f") == "Zwölf Äpfel, 十二。👍🏽 ␡"
    assert steers(STEERING)
    assert not steers(harmless("".join(map(chr, range(0x200)))))


def test_a_reply_steers_no_terminal(chat, capsys):
    assert chat("--plain", is_terminal=True) == 0
    assert capsys.readouterr().out == harmless(STEERING) + "\n"


def test_a_reply_comes_to_a_pipe_as_it_is(chat, capsys):
    assert chat("--plain") == 0
    assert capsys.readouterr().out == STEERING + "\n"


def test_a_draft_and_its_correction_steer_no_terminal(chat, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    drafts = ScriptedChatModel("It is \x1b]0;bad\x07. It is so.")
    assert chat(upstream=drafts, aligner=ReplaceAligner({"bad": "good\x9b31m"}), is_terminal=True) == 0
    shown = capsys.readouterr().out
    assert "␛]0;bad␇" in shown
    assert "␛]0;good\\x9b31m␇" in shown
    assert not steers(shown)


def test_the_words_of_a_fault_steer_no_terminal(chat, capsys):
    broken = ScriptedChatModel([ConnectionError("no \x1b]52;c;AAAA\x07such host")])
    assert chat("--plain", upstream=broken, is_terminal=True) == 1
    # Before it stands the program's own progress.
    said = capsys.readouterr().err.rpartition("stream-aligner:")[2]
    assert "␛]52;c;AAAA␇such host" in said
    assert not steers(said)


@pytest.mark.parametrize("command", ["annotate", "convert", "evaluate", "export-preferences", "report", "train"])
def test_an_empty_place_for_an_output_is_refused(command):
    done = run(command, "here.jsonl", "--out", "")
    assert done.returncode == 2
    assert "'--out': must not be empty" in done.stderr
