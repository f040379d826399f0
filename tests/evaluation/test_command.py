"""The commands `evaluate` and `report`, as a user runs them."""

import json

import pytest

from stream_aligner_lc.cli import main
from tests.annotation.doubles import Upstream
from tests.evaluation.test_evaluate import prefers_good
from tests.evaluation.test_judging import Judging


@pytest.fixture
def named(monkeypatch):
    """Models by their names; a test fills it."""
    models = {"x:upstream": Upstream({}), "x:aligner": None, "x:judge": Judging(by=prefers_good, asked=[])}
    monkeypatch.setattr("stream_aligner_lc.named.model_named", lambda name, **_: models[name])
    return models


class Correcting(Upstream):
    """An aligner by prompt."""

    def turn(self, messages, **kwargs):
        from stream_aligner_lc.testing import ScriptedChatModel

        text = messages[-1].text.rpartition("LAST SENTENCE: [[")[2].removesuffix("]]")
        return ScriptedChatModel(f"CORRECTION: [[{text.replace('bad', 'good')}]]\nEOS: [[FALSE]]").turn([])


def test_the_command_prints_tables_and_writes_replies_figures_and_a_page(named, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    named["x:aligner"] = Correcting({})
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"question": "What?", "reference": "4", "kind": "ordinary"}\n')
    out = tmp_path / "out"
    models = ["--upstream", "x:upstream", "--aligner", "x:aligner", "--judge", "x:judge"]
    assert main(["evaluate", str(prompts), *models, "--policy", "Be good.", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    for words in ("right answers", "passes the rubric: ordinary", "helpfulness", "at equal length", "2 won", "100.0%"):
        assert words in said
    assert {"replies.jsonl", "results.json", "report.html"} <= {each.name for each in out.iterdir()}
    assert main(["evaluate", str(prompts), *models, "--policy", "Be good.", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["preferences"]["honesty"]["wins"] == 2


def test_what_is_missing_is_told_without_a_traceback(named, tmp_path, capsys):
    models = ["--upstream", "x:upstream", "--aligner", "x:judge"]
    assert main(["evaluate", *models, "--out", str(tmp_path / "out")]) == 1
    assert "give files of prompts, or --suite safety" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "nothing")]) == 1
    assert "There is nothing at" in capsys.readouterr().err
    assert main(["report", str(tmp_path)]) == 1
    assert "no finished evaluation" in capsys.readouterr().err


def test_a_log_of_sentences_becomes_a_page_beside_it(tmp_path, capsys):
    from stream_aligner_lc import JsonlRecorder, StreamAlignedChat
    from stream_aligner_lc.testing import ReplaceAligner

    log = tmp_path / "sentences.jsonl"
    llm = StreamAlignedChat(Upstream({}), ReplaceAligner(bad="good"), on_record=JsonlRecorder(log))
    llm.invoke("What?")
    assert main(["report", str(log)]) == 0
    page = tmp_path / "sentences.jsonl.html"
    assert capsys.readouterr().out.strip() == str(page)
    assert "Sentences by verdict" in page.read_text()
