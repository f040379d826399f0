"""`doctor`: what it finds here, and how it sees whether an upstream goes on from a prefix."""

import json

import pytest
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

from stream_aligner_lc import StreamAlignerError, named
from stream_aligner_lc.cli import main
from stream_aligner_lc.probing.continuing import Finding, Probe, judged, probe
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ScriptedChatModel
from tests.continuation.loopback import LoopbackProvider

SPOKEN = ["The number is one. ", "The number is two. ", "The number is three."]
WHOLE, REST = "".join(SPOKEN), " The number is three."


def found(*outcomes, automatic="instruct"):
    return Probe([Finding(name, name != "instruct", outcome, "") for name, outcome in outcomes], automatic)


@pytest.mark.parametrize(
    ("said", "exact", "outcome"),
    [
        ([" The number is three."], True, "continues"),
        (["\n\nThe number is three."], True, "continues"),
        (["The number is three."], True, "new turn"),
        (["The number is three."], False, "continues"),
        (["The number is one."], True, "starts over"),
        (["Sure!"], True, "something else"),
        ([], True, "nothing"),
    ],
)
def test_what_comes_says_how_the_upstream_goes_on(said, exact, outcome):
    assert judged(said, SPOKEN, exact=exact) == outcome


@pytest.mark.parametrize(
    ("probed", "best"),
    [
        (found(("vllm", "continues"), ("prefill", "continues"), ("instruct", "continues")), "vllm"),
        (found(("vllm", "continues"), ("prefill", "continues"), automatic="prefill"), "prefill"),
        (found(("prefill", "new turn"), ("instruct", "continues")), "instruct"),
        (found(("prefill", "new turn"), ("instruct", "something else")), "prefill"),
        (found(("prefill", "refused"), ("instruct", "nothing")), None),
    ],
)
def test_the_best_way_hands_over_the_very_prefix(probed, best):
    assert probed.as_dict()["continuation"] == best


def test_the_rest_of_a_reply_is_left_unread():
    upstream = ScriptedChatModel(f"{WHOLE} The number is four. The number is five.")
    assert probe(upstream).best.continuation == "prefill"
    assert not any(call.is_finished for call in upstream.calls)
    assert all(call.is_closed for call in upstream.calls)
    assert upstream.prompts[1][-1] == AIMessage("The number is one. The number is two.")


def test_a_reply_of_one_sentence_cannot_be_broken_off():
    with pytest.raises(StreamAlignerError, match=r"answered with 1 sentence.*Give another question"):
        probe(ScriptedChatModel("No."))


def as_vllm(body):
    return [REST] if body.get("continue_final_message") else SPOKEN


def as_llama(body):
    return [REST] if body["messages"][-1]["role"] == "assistant" else SPOKEN


def as_openai(body):
    return ["The number ", "is three."] if "interrupted" in str(body["messages"][-1]["content"]) else SPOKEN


@pytest.mark.parametrize(
    ("server", "best", "outcomes"),
    [
        (as_vllm, "vllm", ["continues", "starts over", "starts over", "starts over"]),
        (as_openai, "instruct", ["starts over", "starts over", "starts over", "continues"]),
    ],
)
def test_the_way_that_a_server_understands_is_found(server, best, outcomes):
    with LoopbackProvider(server) as provider:
        probed = probe(ChatOpenAI(base_url=f"{provider.base_url}/v1", api_key="none", model="x"))
    assert [finding.outcome for finding in probed.findings] == outcomes
    assert probed.best.continuation == best
    assert probed.automatic == "instruct"


def test_a_server_that_needs_no_flag_goes_on_with_prefill():
    with LoopbackProvider(as_llama) as provider:
        probed = probe(ChatOpenAI(base_url=f"{provider.base_url}/v1", api_key="none", model="x"))
    outcomes = {finding.continuation: finding.outcome for finding in probed.findings}
    assert outcomes["prefill"] == "continues"
    assert outcomes["instruct"] == "starts over"


def test_a_server_that_is_not_there_is_one_line(monkeypatch, capsys):
    upstream = ChatOpenAI(base_url="http://127.0.0.1:9/v1", api_key="none", model="x", max_retries=0)
    monkeypatch.setattr(named, "model_named", lambda *_, **__: upstream)
    assert main(["doctor", "--upstream", "openai:x"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "'openai:x' failed: " in error
    assert "Connection error." in error


def test_an_upstream_that_goes_on_in_no_way_is_status_1_and_says_what_is_left(monkeypatch, capsys):
    class Deaf(ScriptedChatModel):
        def turn(self, messages, **kwargs):
            return WHOLE

    monkeypatch.setattr(named, "model_named", lambda *_, **__: Deaf(""))
    assert main(["doctor", "--upstream", "x:deaf"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("starts over") == 3
    assert "feedback=False" in shown


def test_the_bundled_upstream_goes_on_by_its_template(capsys):
    assert main(["doctor", "--upstream", "demo", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["probe"]["continuation"] == told["probe"]["automatic"] == "chat-template"
    assert told["packages"]["local"]["torch"]
    assert told["device"]["dtype"] in {"float32", "bfloat16", "float16"}
    assert told["aligner"]["model"] is None


def test_a_folder_goes_on_too_when_it_is_asked_what_it_knows(capsys):
    question = "There are 43 keys in a box. 2 are added. Noah puts in 10. How many keys are in the box?"
    assert main(["doctor", "--upstream", pair.UPSTREAM, "--question", question]) == 0
    assert 'Nothing to set: continuation="auto" takes "chat-template"' in capsys.readouterr().out


def test_the_aligner_that_serves_by_default_is_named_with_its_template(monkeypatch, capsys):
    monkeypatch.setenv("STREAM_ALIGNER_MODEL", pair.ALIGNER)
    assert main(["doctor", "--json"]) == 0
    aligner = json.loads(capsys.readouterr().out)["aligner"]
    assert aligner == {
        "model": pair.ALIGNER, "from": "STREAM_ALIGNER_MODEL", "template": "verdict", "problem": None,
    }  # fmt: skip


def test_an_aligner_that_cannot_serve_is_status_1(monkeypatch, capsys):
    monkeypatch.setenv("STREAM_ALIGNER_MODEL", "/nowhere/at/all")
    assert main(["doctor"]) == 1
    assert "There is no folder '/nowhere/at/all'" in " ".join(capsys.readouterr().out.split())
