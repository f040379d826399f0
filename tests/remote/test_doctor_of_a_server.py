"""What `doctor` finds at a real server, which takes a trailing assistant message for the end of a turn."""

import json

from stream_aligner_lc.cli import main
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import problems


def test_doctor_sees_that_the_server_starts_over_and_that_it_refuses_flags(serving, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_BASE_URL", f"{serving.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    question = problems(1, seed=0)[0].question
    assert main(["doctor", "--upstream", f"openai:{pair.UPSTREAM}", "--question", question, "--json"]) == 1
    probe = json.loads(capsys.readouterr().out)["probe"]
    outcomes = {finding["continuation"]: finding["outcome"] for finding in probe["findings"]}
    assert outcomes == {
        "vllm": "refused", "prefill": "starts over", "prefix-flag": "starts over", "instruct": "something else",
    }  # fmt: skip
    assert probe["continuation"] is None
