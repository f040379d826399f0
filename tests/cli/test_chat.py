"""`chat`: one question, a pipe, or a prompt; what is shown of corrections, and how it ends."""

import errno
import io
import json
import sys

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from stream_aligner_lc import StreamAlignedChat, named
from stream_aligner_lc.cli import main
from stream_aligner_lc.conversation.sentences import Sentences, Shown
from stream_aligner_lc.conversation.talking import Conversation
from stream_aligner_lc.sums.problems import problems
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
from tests.annotation.doubles import Editor, StatusError, Upstream
from tests.cli.running import AtTerminal, run

QUESTION = problems(1, seed=0)[0].question


@pytest.fixture
def chat(monkeypatch):
    """Run the command with doubles in place of models, and return its status."""

    def chat(*arguments, upstream=None, typed=None):
        models = {"x:upstream": upstream or Upstream({}), "x:aligner": Editor({})}
        monkeypatch.setattr(named, "model_named", lambda name, **_: models[name])
        if typed is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return main(["chat", "--upstream", "x:upstream", "--aligner", "x:aligner", *arguments])

    return chat


def test_what_was_corrected_is_struck_out_beside_what_was_released(chat, capsys):
    assert chat("What?") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("~~It is bad.~~ It is good. It is fine.\n")
    assert "1 replaced, 1 accepted; 2 upstream calls" in shown


def test_plain_shows_the_released_text_alone(chat, capsys):
    assert chat("What?", "--plain") == 0
    assert capsys.readouterr().out == "It is good. It is fine.\n"


def test_json_is_a_line_for_each_sentence_and_one_for_the_reply(chat, capsys):
    assert chat("--json", typed="What?\n") == 0
    *records, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [(each["verdict"], each["text"]) for each in records] == [
        ("replaced", "It is good."),
        ("accepted", "It is fine."),
    ]
    assert last["reply"] == "It is good. It is fine."
    assert last["totals"]["upstream_calls"] == 2


@pytest.mark.parametrize("typed", ["", " \n"])
def test_an_empty_question_is_asked_wrongly(chat, typed, capsys):
    with pytest.raises(SystemExit) as ended:
        chat(typed=typed)
    assert ended.value.code == 2
    assert "There is nothing to ask" in capsys.readouterr().err


def test_a_piped_question_in_another_encoding_is_asked_wrongly():
    done = run("chat", input="Gr\udcf6\udcdfe?", PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == 2
    assert done.stderr.endswith("Error: The question on the standard input is not UTF-8.\n")


def test_a_question_in_another_encoding_is_asked_wrongly(chat, capsys):
    with pytest.raises(SystemExit) as ended:
        chat("Gr\udcf6\udcdfe?")
    assert ended.value.code == 2
    assert "The question is not UTF-8." in capsys.readouterr().err


def test_a_policy_in_another_encoding_is_asked_wrongly(chat, capsys):
    with pytest.raises(SystemExit) as ended:
        chat("What?", "--policy", "Gr\udcf6\udcdfe")
    assert ended.value.code == 2
    assert "is not UTF-8" in capsys.readouterr().err


def test_a_full_disk_is_not_told_as_a_fault_of_the_upstream(chat, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("stream_aligner_lc.conversation.screen.PlainScreen.show", full)
    assert chat("What?", "--plain") == 1
    assert capsys.readouterr().err == "stream-aligner: [Errno 28] No space left on device\n"


def test_plain_and_json_exclude_each_other(chat, capsys):
    with pytest.raises(SystemExit) as ended:
        chat("What?", "--plain", "--json")
    assert ended.value.code == 2
    assert "exclude each other" in capsys.readouterr().err


def test_a_fault_of_the_provider_is_one_line_that_names_the_upstream(chat, capsys):
    assert chat("What?", upstream=Upstream({"What?": StatusError(401, "No key.")})) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "'x:upstream' failed" in error
    assert "No key." in error


def test_a_mistake_of_the_program_keeps_its_traceback(chat):
    with pytest.raises(TypeError):
        chat("What?", upstream=Upstream({"What?": TypeError("a bug")}))


def record(verdict, draft, text):
    return {"verdict": verdict, "draft": draft, "text": text}


def test_removed_sentences_are_shown_where_they_stood():
    sentences = Sentences()
    for each in [record("accepted", "A.", "A."), record("removed", "B.", ""), record("replaced", "C.", "D.")]:
        sentences.judged(each)
    assert [*sentences.released("A.")] == [Shown("A.")]
    assert [*sentences.released("\n\nD.")] == [
        Shown("", struck="B."), Shown("\n\n"), Shown("D.", is_correction=True, struck="C."),
    ]  # fmt: skip
    sentences.judged(record("removed", "E.", ""))
    assert [*sentences.rest()] == [Shown("", struck="E.")]


def test_what_passes_without_a_verdict_is_shown_as_it_is():
    sentences = Sentences()
    sentences.judged(record("skipped", "```\nx\n```", "```\nx\n```"))
    assert [piece for text in ("```\n", "x\n", "```") for piece in sentences.released(text)] == [
        Shown("```\n"), Shown("x\n"), Shown("```"),
    ]  # fmt: skip


def test_the_conversation_is_told_to_the_model():
    upstream = ScriptedChatModel(["It is bad.", "", "It is."])
    conversation = Conversation(StreamAlignedChat(upstream, ReplaceAligner(bad="good")))
    conversation.ask("How?")
    conversation.ask("Sure?")
    assert upstream.prompts[-1] == [HumanMessage("How?"), AIMessage("It is good."), HumanMessage("Sure?")]


def test_a_reply_that_was_stopped_stays_as_far_as_it_was_released():
    upstream = ScriptedChatModel(["It is fine. So it is. It goes on."])

    def show(piece):
        if "So" in piece.text:
            raise KeyboardInterrupt

    conversation = Conversation(StreamAlignedChat(upstream, ReplaceAligner(), lookahead=0), show=show)
    with pytest.raises(KeyboardInterrupt):
        conversation.ask("How?")
    assert [message.text for message in conversation.messages] == ["How?", "It is fine. So it is."]
    assert upstream.calls[0].is_closed
    with pytest.raises(IndexError):
        conversation.ask("And?")
    assert [message.text for message in conversation.messages] == ["How?", "It is fine. So it is."]


class Terminal(io.StringIO):
    """Somebody who types lines, None for Ctrl-C at the prompt, and leaves with Ctrl-D."""

    def __init__(self, *lines):
        self.lines = [*lines]

    def isatty(self):
        return True

    def type(self, _prompt):
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)


def test_ctrl_c_stops_the_reply_and_not_the_program(chat, capsys, monkeypatch):
    terminal = Terminal("What?", "", "Gr\udcf6\udcdfe?", "Stop?", "Broken?", "Why?")
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("builtins.input", terminal.type)
    upstream = Upstream({"Stop?": KeyboardInterrupt(), "Broken?": StatusError(401, "No key.")})
    assert chat("--plain", upstream=upstream) == 0
    shown = capsys.readouterr()
    assert shown.out == "It is good. It is fine.\nIt is good. It is fine.\n\n"
    assert "stream-aligner: stopped." in shown.err
    assert "The question is not UTF-8." in shown.err
    assert "No key." in shown.err
    asked = [message.text for message in upstream.prompts[-1] if message.type == "human"]
    assert asked == ["What?", "Why?"]


def test_a_question_is_piped_in_and_the_reply_out():
    done = run("chat", "--plain", input=QUESTION)
    assert done.returncode == 0, done.stderr
    assert "The answer is" in done.stdout
    assert done.stderr == ""


def test_a_terminal_has_a_prompt_that_ctrl_d_ends():
    with AtTerminal("chat") as chat:
        chat.wait_for("> ")
        assert "The bundled pair knows sums" in chat.shown
        chat.say(f"{QUESTION}\n")
        chat.wait_for("upstream call")
        chat.wait_for("> ", times=2)
        chat.say("\x04")
        assert chat.end() == 0


def test_ctrl_c_at_the_prompt_leaves_without_a_traceback():
    with AtTerminal("chat") as chat:
        chat.wait_for("> ")
        chat.say("\x03")
        assert chat.end() == 130
        assert "Traceback" not in chat.shown
