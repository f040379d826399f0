"""What Prometheus and a load balancer are told."""

import threading

import openai
import pytest
from fastapi import FastAPI
from langchain_core.outputs import ChatGenerationChunk
from prometheus_client.parser import text_string_to_metric_families

from stream_aligner_lc import AcceptAligner, Correction, StreamAlignedChat
from stream_aligner_lc.serving import create_app
from stream_aligner_lc.testing import ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.serving.conftest import ASK


def test_the_figures_count_requests_sentences_restarts_and_tokens(serve):
    served = serve("This is bad. And so on.", ReplaceAligner({"bad": "good"}))
    client = served.client()
    client.chat.completions.create(**ASK)
    list(client.chat.completions.create(**ASK, stream=True))
    served.http.post("/v1/chat/completions", json={})
    served.wait_for('stream_aligner_requests_total{status="200"}', 2)
    served.wait_for('stream_aligner_requests_total{status="400"}', 1)
    figures = served.figures()
    assert figures['stream_aligner_sentences_total{verdict="replaced"}'] == 2
    assert figures['stream_aligner_sentences_total{verdict="accepted"}'] == 2
    assert figures["stream_aligner_restarts_total"] == 2
    assert figures["stream_aligner_first_sentence_seconds_count"] == 2
    assert figures['stream_aligner_tokens_total{direction="output",model="upstream"}'] >= 8
    assert figures['stream_aligner_replies_total{finish_reason="stop"}'] == 2
    assert figures["stream_aligner_aligner_seconds_total"] >= 0
    assert figures["stream_aligner_replies_in_flight"] == 0


def test_faults_count_by_whose_they_are_also_those_that_a_reply_outlived(serve):
    served = serve("One here. Two here.", ScriptedAligner([OSError("x")]), on_aligner_error="keep")
    served.client().chat.completions.create(**ASK)
    assert served.figures()['stream_aligner_faults_total{whose="aligner"}'] == 1
    broken = serve(ScriptedChatModel([ConnectionError("x")]))
    broken.http.post("/v1/chat/completions", json=ASK)
    broken.wait_for('stream_aligner_faults_total{whose="upstream"}', 1)
    broken.wait_for('stream_aligner_requests_total{status="502"}', 1)


@pytest.mark.parametrize("code", ["invalid_value", "internal_error", "aligner_error"])
def test_a_fault_of_the_upstream_is_the_upstreams_whatever_its_provider_calls_it(serve, code):
    fault = ConnectionError("x")
    fault.code = code
    served = serve(ScriptedChatModel([fault]))
    assert served.http.post("/v1/chat/completions", json=ASK).json()["error"]["code"] == code
    served.wait_for('stream_aligner_faults_total{whose="upstream"}', 1)


class Refunding(ScriptedChatModel):
    """Report fewer tokens than none."""

    def _last(self, call, reason):
        generation = super()._last(call, reason)
        usage = {"input_tokens": -5, "output_tokens": -3, "total_tokens": -8}
        return ChatGenerationChunk(message=generation.message.model_copy(update={"usage_metadata": usage}))


def test_a_reply_whose_tokens_are_reported_as_less_than_none_is_a_reply(serve):
    served = serve(Refunding("One here. Two here."), lambda draft: Correction(draft.text, tokens=-4))
    assert served.client().chat.completions.create(**ASK).choices[0].message.content == "One here. Two here."
    served.wait_for('stream_aligner_requests_total{status="200"}', 1)
    assert served.figures()['stream_aligner_tokens_total{direction="output",model="upstream"}'] == 0


def test_no_figure_says_what_was_asked_or_answered(serve):
    served = serve("Secret answer.")
    asked = {"model": "m", "messages": [{"role": "user", "content": "Secret question?"}], "user": "secret-user"}
    served.http.post("/v1/chat/completions", json=asked)
    served.http.post("/v1/chat/completions", json={**asked, "model": "secret-model", "secret_option": 1})
    page = served.http.get("/metrics").text
    assert "secret" not in page.lower()
    assert {family.name for family in text_string_to_metric_families(page)} >= {"stream_aligner_requests"}


def test_what_is_too_large_is_a_request_for_a_reply_only_where_replies_are(serve):
    served = serve("Yes.", app={"max_bytes": 1000})
    for path in ("/metrics", "/v1/models", "/nowhere", "/v1/chat/completions"):
        assert served.http.put(path, content=b"x" * 2000).status_code == 413
    assert served.figures()['stream_aligner_requests_total{status="413"}'] == 1


def test_a_server_is_ready_only_when_its_aligner_is_loaded(serve):
    may_load = threading.Event()

    class Slow(AcceptAligner):
        def load(self):
            may_load.wait(30)

    served = serve("Yes.", Slow())
    assert served.http.get("/healthz").json() == {"status": "loading"}
    assert served.http.get("/healthz").status_code == 503
    with pytest.raises(openai.APITimeoutError):
        served.client(timeout=0.3).chat.completions.create(**ASK)
    may_load.set()
    assert served.client().chat.completions.create(**ASK).choices[0].message.content == "Yes."
    while (answer := served.http.get("/healthz")).status_code != 200:
        assert answer.json() == {"status": "loading"}
    assert answer.json() == {"status": "ready"}


def test_a_server_whose_aligner_cannot_be_loaded_ends_and_says_why(serve):
    class Broken(AcceptAligner):
        def load(self):
            raise OSError("no such folder")

    served = serve("Yes.", Broken())
    served.thread.join(30)
    assert not served.thread.is_alive()
    assert str(served.server.fault) == "no such folder"


def test_it_can_be_mounted_in_an_application_of_ones_own(serve):
    from starlette.testclient import TestClient

    outer = FastAPI()
    llm = StreamAlignedChat(ScriptedChatModel("This is bad."), ReplaceAligner({"bad": "good"}))
    outer.mount("/aligned", create_app(llm, name="m"))
    # Without lifespan, as a mounted application is run.
    client = TestClient(outer)
    said = client.post("/aligned/v1/chat/completions", json=ASK).json()
    assert said["choices"][0]["message"]["content"] == "This is good."
    assert client.get("/aligned/v1/models").json()["data"][0]["id"] == "m"


def test_where_it_is_mounted_models_that_cannot_be_loaded_are_a_fault_of_the_servers():
    from starlette.testclient import TestClient

    class Broken(AcceptAligner):
        def load(self):
            raise OSError("no such folder")

    client = TestClient(create_app(StreamAlignedChat(ScriptedChatModel("Yes."), Broken()), name="m"))
    answer = client.post("/v1/chat/completions", json=ASK)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "not_loaded"
    assert "no such folder" not in answer.text
