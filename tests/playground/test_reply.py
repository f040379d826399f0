"""What the page is told of a reply: which events, in which order, and whose."""

import asyncio
import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from stream_aligner_lc import PromptedAligner, StreamAlignedChat
from stream_aligner_lc.playground.routes import router
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.threaded import wait_until

SKY = "The sky is green. It rains. So be it."


@contextmanager
def asking(url, *questions, **headers):
    messages = [
        {"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(questions)
    ]
    body = json.dumps({"messages": messages})
    headers = {"content-type": "application/json", **headers}
    with httpx.stream("POST", f"{url}/playground/reply", content=body, headers=headers, timeout=20) as response:
        yield response


def told(url, *questions):
    with asking(url, *questions) as response:
        assert response.status_code == 200
        return [json.loads(line) for line in response.iter_lines()]


def of(events, kind):
    return [event for event in events if event["type"] == kind]


def test_events_come_in_the_order_in_which_things_happen(served):
    events = told(served(ScriptedChatModel(SKY), ReplaceAligner(green="blue")), "How is the weather?")
    assert events[0]["type"] == "opened"
    assert events[-1]["type"] == "end"
    sentences, restart = of(events, "sentence"), events.index(*of(events, "restart"))
    assert [events.index(sentence) < restart for sentence in sentences] == [True, False, False]
    assert not of(events[:restart], "draft")[-1]["call"] > 1
    for call, sentence in zip((1, 2, 2), sentences, strict=True):
        place = events.index(sentence)
        drafts = [event["text"] for event in of(events[:place], "draft") if event["call"] == call]
        assert sentence["draft"] in "".join(drafts)
        assert of(events[place:], "released")[0]["text"] == sentence["lead"] + sentence["text"]


def test_a_replaced_sentence_comes_with_its_differences_and_times(served):
    events = told(served(ScriptedChatModel(SKY), ReplaceAligner(green="blue")), "How is the weather?")
    first, *others = of(events, "sentence")
    assert (first["verdict"], first["draft"], first["text"]) == ("replaced", "The sky is green.", "The sky is blue.")
    assert first["parts"] == [[0, "The sky is "], [1, "green"], [2, "blue"], [0, "."]]
    assert [each["verdict"] for each in others] == ["accepted", "accepted"]
    assert not any("parts" in each for each in others)
    for each in (first, *others):
        (began, written), (asked, answered) = each["drafting"], each["aligning"]
        assert 0 <= began <= written <= asked <= answered
    assert "".join(event["text"] for event in of(events, "released")) == SKY.replace("green", "blue")


def test_every_call_is_opened_and_closed_and_its_drafts_are_its_own(served):
    upstream = ScriptedChatModel(SKY)
    events = told(served(upstream, ReplaceAligner(green="blue")), "How is the weather?")
    assert [event["call"] for event in of(events, "opened") + of(events, "restart")] == [1, 2]
    assert sorted(event["call"] for event in of(events, "closed")) == [1, 2]
    for number, call in enumerate(upstream.calls, start=1):
        drafts = "".join(event["text"] for event in of(events, "draft") if event["call"] == number)
        assert "".join(call.sent).startswith(drafts)
    assert drafts.strip() == "It rains. So be it."


def test_the_end_says_what_the_reply_cost(served):
    (end,) = of(told(served(ScriptedChatModel(SKY), ReplaceAligner(green="blue")), "And now?"), "end")
    assert end["finish"] == "stop"
    assert end["totals"]["sentences"] == {"replaced": 1, "accepted": 2}
    assert (end["totals"]["upstream_calls"], end["totals"]["restarts"]) == (2, 1)
    assert 0 < end["first_sentence_seconds"] <= end["seconds"]
    assert end["waste"] == pytest.approx(end["totals"]["upstream_characters"] / len(SKY.replace("green", "blue")))


def test_removed_kept_and_skipped_sentences_are_told_as_what_they_are(served):
    script = "First. Second. Third.\n\n```\ncode\n```\n"
    aligner = ScriptedAligner({0: "", 1: RuntimeError("no")})
    events = told(served(ScriptedChatModel(script), aligner, on_aligner_error="keep"), "Well?")
    verdicts = [event["verdict"] for event in of(events, "sentence")]
    assert verdicts[:3] == ["removed", "kept", "accepted"]
    assert set(verdicts[3:]) == {"skipped"}
    assert "RuntimeError" in of(events, "sentence")[1]["error"]


def test_a_reply_that_is_all_removed_has_no_first_sentence_and_no_waste_to_speak_of(served):
    (end,) = of(told(served(ScriptedChatModel("No."), ScriptedAligner({0: ""})), "Well?"), "end")
    assert end["first_sentence_seconds"] is None
    assert end["waste"] is None


def test_the_conversation_reaches_the_upstream(served):
    upstream = ScriptedChatModel(["Fine."])
    told(served(upstream, AcceptAligner()), "One?", "It was one.", "Two?")
    assert [(message.type, message.text) for message in upstream.prompts[0]] == [
        ("human", "One?"),
        ("ai", "It was one."),
        ("human", "Two?"),
    ]


def test_what_a_model_that_does_not_stream_says_is_told_as_a_whole(served):
    class Whole(BaseChatModel):
        stream_aligner_continuation: str = "prefill"

        @property
        def _llm_type(self):
            return "whole"

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            return ChatResult(generations=[ChatGeneration(message=AIMessage("All at once. Indeed."))])

    events = told(served(Whole(), AcceptAligner()), "Well?")
    assert [event["text"] for event in of(events, "draft")] == ["All at once. Indeed."]
    assert len(of(events, "sentence")) == 2


def test_what_the_model_of_an_aligner_says_is_no_draft(served):
    teacher = ScriptedChatModel(["CORRECTION: [[It is so.]]\nEOS: [[FALSE]]"])
    upstream = ScriptedChatModel(["It is not.", ""])
    events = told(served(upstream, PromptedAligner(teacher)), "Well?")
    assert len(teacher.calls) == 1
    assert "".join(event["text"] for event in of(events, "draft")) == "It is not."
    assert len(of(events, "opened")) == 1


def test_the_models_own_recorder_and_observers_go_on_seeing(served):
    class Observer(BaseCallbackHandler):
        tokens = 0

        def on_llm_new_token(self, token, **kwargs):
            self.tokens += 1

    records, observer = [], Observer()
    url = served(ScriptedChatModel("One. Two."), AcceptAligner(), on_record=records.append, observers=(observer,))
    assert len(of(told(url, "Well?"), "sentence")) == len(records) == 2
    assert observer.tokens > 0


def test_two_replies_at_once_never_cross(served):
    class Parrot(ScriptedChatModel):
        def turn(self, messages, **kwargs):
            question = next(message.text for message in reversed(messages) if message.type == "human")
            prefix = messages[-1].text if messages[-1].type == "ai" else ""
            said = len(prefix.split(".")) - 1 if prefix else 0
            rest = " ".join(f"{question} says bad {number}." for number in range(said, 12))
            return f" {rest}" if prefix and rest else rest

    url = served(Parrot("", delay=0.002), ReplaceAligner({"bad 3": "good 3", "bad 7": "good 7"}))
    found = {}
    names = ["Ana", "Ben", "Cleo"]
    threads = [threading.Thread(target=lambda name=name: found.update({name: told(url, name)})) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        events = found[name]
        assert len(of(events, "sentence")) == 12
        assert len(of(events, "end")) == 1
        assert [event["call"] for event in of(events, "restart")] == [2, 3]
        whole = json.dumps(events)
        assert not [other for other in names if other != name and other in whole]


def test_a_reader_who_leaves_closes_the_upstream(served):
    upstream = ScriptedChatModel("Word after word. " * 2000, delay=0.005)
    with asking(served(upstream, AcceptAligner()), "Well?") as response:
        for line in response.iter_lines():
            if '"sentence"' in line:
                break
    wait_until(lambda: upstream.calls[0].is_closed)
    assert not upstream.calls[0].is_finished


class Silent(ScriptedChatModel):
    """Say one sentence, then nothing for ever."""

    _is_closed: bool = PrivateAttr(default=False)

    async def _astream(self, *args, **kwargs):
        try:
            async for chunk in super()._astream(*args, **kwargs):
                yield chunk
                if chunk.text.endswith("two."):
                    await asyncio.Event().wait()
        finally:
            self._is_closed = True


def test_a_reader_who_leaves_a_silent_upstream_closes_it_too(served):
    upstream = Silent("Sentence one. Sentence two. Sentence three.")
    with asking(served(upstream, AcceptAligner()), "Well?") as response:
        for line in response.iter_lines():
            if '"released"' in line:
                break
    wait_until(lambda: upstream._is_closed)


@pytest.mark.parametrize("version", ["2.0", "2.3", "2.4"])
@pytest.mark.parametrize("is_stuck", [False, True], ids=["silent", "sending"])
async def test_the_upstream_is_closed_whatever_the_server_says_of_itself(version, is_stuck):
    upstream = Silent("Sentence one. Sentence two. Sentence three.")
    routes = router(StreamAlignedChat(upstream, AcceptAligner()))
    body = json.dumps({"messages": [{"role": "user", "content": "Well?"}]}).encode()
    has_released = asyncio.Event()
    incoming = [{"type": "http.request", "body": body}]

    async def receive():
        if incoming:
            return incoming.pop()
        await has_released.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if b'"released"' in message.get("body", b""):
            has_released.set()
            if is_stuck:
                await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/playground/reply",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "asgi": {"version": "3.0", "spec_version": version},
    }
    async with asyncio.timeout(10):
        await served_by(routes)(scope, receive, send)
    assert upstream._is_closed
    assert not [task for task in asyncio.all_tasks() if task.get_name() in ("playground", "upstream", "aligner")]


def served_by(routes):
    app = FastAPI()
    app.include_router(routes)
    return app


@pytest.mark.parametrize(
    ("script", "options", "said"),
    [
        ([RuntimeError("key sk-123 at 10.0.0.1")], {}, "RuntimeError. Its words are not passed on"),
        (
            [["One fine sentence. And", RuntimeError("key sk-123")]],
            {"upstream_retries": 0},
            "UpstreamError from RuntimeError. Its words are not passed on",
        ),
        (["Fine."], {"max_input": 3}, "ConfigurationError: "),
    ],
    ids=["first call", "mid reply", "ours"],
)
def test_an_error_is_the_last_event_and_tells_no_secret(served, caplog, script, options, said):
    events = told(served(ScriptedChatModel(script), AcceptAligner(), **options), "Well?")
    assert events[-1]["type"] == "error"
    assert events[-1]["message"].startswith(said)
    assert not of(events, "end")
    for word in ("sk-123", "10.0.0.1", "Traceback"):
        assert word not in json.dumps(events)
    assert f"broke off: {type_of(events[-1])}" in caplog.text
    assert "sk-123" not in caplog.text


def type_of(error):
    return error["message"].split(".")[0].split(":")[0]


def test_hostile_text_is_plain_data_on_one_line(served):
    hostile = '</script><script>alert(1)</script>\u2028"half \ud800 of a pair".'
    with asking(served(ScriptedChatModel([[hostile]]), AcceptAligner()), "Well?") as response:
        body = response.read()
    assert body.isascii()
    events = [json.loads(line) for line in body.decode().splitlines()]
    assert "".join(event["text"] for event in of(events, "draft")) == hostile
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "SELF", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "SELF"}, 200),
        ({"origin": "https://name-at-a-proxy.example", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[half-an-address"}, 403),
        ({"origin": "SELF", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_only_the_pages_own_origin_may_ask(served, headers, status):
    upstream = ScriptedChatModel("Fine.")
    url = served(upstream, AcceptAligner())
    headers = {name: url if value == "SELF" else value for name, value in headers.items()}
    with asking(url, "Well?", **headers) as response:
        response.read()
    assert response.status_code == status
    assert len(upstream.calls) == (status == 200)


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "no json",
        '{"messages": []}',
        '{"messages": [{"role": "system", "content": "x"}]}',
        '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}',
    ],
)
def test_what_is_no_conversation_is_refused(served, body):
    upstream = ScriptedChatModel("Fine.")
    url = served(upstream, AcceptAligner())
    answer = httpx.post(f"{url}/playground/reply", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert upstream.calls == []


def test_who_has_no_key_gets_no_answer_but_the_page(served):
    def keyed(authorization: str = Header("")):
        if authorization != "Bearer right":
            raise HTTPException(401, "Send a key.")

    upstream = ScriptedChatModel("Fine.")
    url = served(upstream, AcceptAligner(), of_router={"dependencies": [Depends(keyed)]})
    assert httpx.get(url).status_code == 200
    with asking(url, "Well?") as response:
        assert response.status_code == 401
    assert upstream.calls == []
    with asking(url, "Well?", authorization="Bearer right") as response:
        assert response.status_code == 200
        response.read()
    assert len(upstream.calls) == 1


def test_a_server_that_is_full_answers_so_and_asks_nobody(served):
    async def attend(work, receive):
        work.close()
        raise HTTPException(429, "Too many.")

    upstream = ScriptedChatModel("Fine.")
    with asking(served(upstream, AcceptAligner(), of_router={"attend": attend}), "Well?") as response:
        assert response.status_code == 429
        assert response.read() == b'{"detail":"Too many."}'
    assert upstream.calls == []


def test_a_server_that_breaks_an_answer_off_says_so_in_its_last_event(served):
    async def attend(work, receive):
        task = asyncio.create_task(work)
        while not upstream.calls:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        raise HTTPException(503, "Going down.")

    upstream = ScriptedChatModel("Word after word. " * 2000, delay=0.01)
    events = told(served(upstream, AcceptAligner(), of_router={"attend": attend}), "Well?")
    assert events[-1] == {"type": "error", "message": "The server broke this reply off: ask again a little later."}
    assert upstream.calls[0].is_closed


def test_the_page_needs_no_model_library():
    code = "import sys, stream_aligner_lc.playground; print([name for name in HEAVY if name in sys.modules])"
    code = code.replace("HEAVY", "('torch', 'transformers', 'numpy', 'openai')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
