"""The playground on the server: there if asked for, behind the same key, counted and ended with the other replies."""

import json
import threading

import pytest

from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.threaded import wait_until

ASK = {"messages": [{"role": "user", "content": "How are things?"}]}
ENDLESS = "Word after word. " * 2000


def told(served, **headers):
    with served.http.stream("POST", "/playground/reply", json=ASK, headers=headers) as answer:
        return [json.loads(line) for line in answer.iter_lines()]


def test_there_is_none_unless_it_is_asked_for(serve):
    served = serve("Fine.")
    assert served.http.get("/").status_code == 404
    assert served.http.post("/playground/reply", json=ASK).status_code == 404


def test_the_page_is_there_for_all_and_its_answers_for_those_with_the_key(serve):
    served = serve("Fine.", app={"playground": True, "key": "secret"})
    assert "Raw text is shown here" in served.http.get("/").text
    refused = served.http.post("/playground/reply", json=ASK)
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"
    assert told(served, authorization="Bearer secret")[-1]["type"] == "end"


def test_its_replies_are_counted_among_those_that_run(serve):
    upstream = ScriptedChatModel(ENDLESS, delay=0.01)
    served = serve(upstream, AcceptAligner(), app={"playground": True, "max_replies": 1})
    with served.http.stream("POST", "/playground/reply", json=ASK) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines))["type"] == "opened"
        refused = served.http.post("/playground/reply", json=ASK)
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "too_many_replies"
    wait_until(lambda: not served.app.state.gate.running)
    assert upstream.calls[0].is_closed


def test_a_server_that_is_shut_down_ends_them(serve):
    upstream = ScriptedChatModel(ENDLESS, delay=0.01)
    served = serve(upstream, AcceptAligner(), app={"playground": True}, shutdown_timeout=0.0)
    found = []
    reader = threading.Thread(target=lambda: found.extend(told(served)))
    reader.start()
    wait_until(lambda: upstream.calls)
    served.server.handle_exit(15, None)
    reader.join()
    assert found[-1]["type"] == "error"
    assert "broke this reply off" in found[-1]["message"]
    assert upstream.calls[0].is_closed


def test_a_page_of_another_origin_cannot_ask_even_where_it_may_ask_the_interface(serve):
    upstream = ScriptedChatModel("Fine.")
    served = serve(upstream, AcceptAligner(), app={"playground": True, "cors_origins": ["https://other.example"]})
    answer = served.http.post("/playground/reply", json=ASK, headers={"origin": "https://other.example"})
    assert answer.status_code == 403
    assert upstream.calls == []


def test_its_replies_count_as_those_of_the_interface_do(serve):
    served = serve("This is bad. And so on.", ReplaceAligner({"bad": "good"}), app={"playground": True})
    assert told(served)[-1]["type"] == "end"
    served.wait_for('stream_aligner_requests_total{status="200"}', 1)
    figures = served.figures()
    assert figures['stream_aligner_sentences_total{verdict="replaced"}'] == 1
    assert figures['stream_aligner_sentences_total{verdict="accepted"}'] == 1
    assert figures["stream_aligner_restarts_total"] == 1
    assert figures['stream_aligner_replies_total{finish_reason="stop"}'] == 1
    assert figures["stream_aligner_first_sentence_seconds_count"] == 1
    assert figures["stream_aligner_reply_seconds_count"] == 1
    assert figures['stream_aligner_tokens_total{direction="output",model="upstream"}'] >= 4


@pytest.mark.parametrize(
    ("upstream", "aligner", "whose"),
    [
        (ScriptedChatModel([ConnectionError("x")]), AcceptAligner(), "upstream"),
        (ScriptedChatModel("One. Two."), ScriptedAligner({1: RuntimeError("x")}), "aligner"),
    ],
    ids=["upstream", "aligner"],
)
def test_a_reply_that_breaks_off_counts_by_whose_fault_it_is(serve, upstream, aligner, whose):
    served = serve(upstream, aligner, app={"playground": True})
    assert told(served)[-1]["type"] == "error"
    served.wait_for('stream_aligner_requests_total{status="502"}', 1)
    figures = served.figures()
    assert figures[f'stream_aligner_faults_total{{whose="{whose}"}}'] == 1
    assert 'stream_aligner_requests_total{status="200"}' not in figures
    assert 'stream_aligner_replies_total{finish_reason="stop"}' not in figures


def test_a_reader_who_leaves_it_counts_once_and_as_no_fault(serve):
    served = serve(ScriptedChatModel(ENDLESS, delay=0.01), AcceptAligner(), app={"playground": True})
    with served.http.stream("POST", "/playground/reply", json=ASK) as answer:
        next(answer.iter_lines())
    served.wait_for('stream_aligner_requests_total{status="499"}', 1)
    figures = served.figures()
    assert [value for name, value in figures.items() if name.startswith("stream_aligner_requests_total")] == [1]
    assert not [name for name in figures if name.startswith("stream_aligner_faults_total")]


def test_who_has_no_key_or_finds_it_full_counts_by_that_answer(serve):
    app = {"playground": True, "key": "secret", "max_replies": 1}
    served = serve(ScriptedChatModel(ENDLESS, delay=0.01), AcceptAligner(), app=app)
    known = {"authorization": "Bearer secret"}
    served.http.post("/playground/reply", json=ASK)
    with served.http.stream("POST", "/playground/reply", json=ASK, headers=known) as answer:
        lines = answer.iter_lines()  # dropped, it would leave
        next(lines)
        served.http.post("/playground/reply", json=ASK, headers=known)
    for status in (401, 429, 499):
        served.wait_for(f'stream_aligner_requests_total{{status="{status}"}}', 1)
    assert served.figures()['stream_aligner_faults_total{whose="server"}'] == 1
