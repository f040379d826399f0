"""What OpenAI's own client makes of a served reply, whole and in events."""

import asyncio
import json

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI

from stream_aligner_lc import AcceptAligner
from stream_aligner_lc.testing import ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.serving.conftest import ASK

TEXT = "The sky is blue. It rains!\n\n* Tea – 茶 🍵.\n* Cake.\n\n```python\nprint('a')\n```\n"


def whole(served, **asked):
    return served.client().chat.completions.create(**ASK, **asked).choices[0].message.content


def streamed(served, **asked):
    with served.client().chat.completions.create(**ASK, stream=True, **asked) as chunks:
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def awhole(served, **asked):
    async def ask():
        async with served.aclient() as client:
            return (await client.chat.completions.create(**ASK, **asked)).choices[0].message.content

    return asyncio.run(ask())


def astreamed(served, **asked):
    async def ask():
        async with (
            served.aclient() as client,
            await client.chat.completions.create(**ASK, stream=True, **asked) as chunks,
        ):
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    return asyncio.run(ask())


@pytest.fixture(params=[whole, streamed, awhole, astreamed])
def text_of(request):
    """Ask in each way that the client has."""
    return request.param


@pytest.mark.parametrize("chunking", ["words", 1, 7])
def test_an_accepted_reply_is_that_of_the_bare_model(serve, text_of, chunking):
    upstream = ScriptedChatModel(TEXT, chunking=chunking)
    assert text_of(serve(upstream)) == ScriptedChatModel(TEXT).invoke("How are things?").text
    assert len(upstream.calls) == 1


def test_a_replaced_sentence_is_never_seen_and_the_upstream_goes_on_from_its_correction(serve, text_of):
    upstream = ScriptedChatModel("This is bad. And so on.")
    assert text_of(serve(upstream, ReplaceAligner({"bad": "good"}))) == "This is good. And so on."
    assert upstream.prompts[1][-1].text == "This is good."


def test_a_raw_stream_holds_no_word_of_a_draft(serve):
    served = serve("This is horrid. And so on.", ReplaceAligner({"horrid": "good"}))
    assert "horrid" not in served.http.post("/v1/chat/completions", json={**ASK, "stream": True}).text


def test_every_sentence_is_an_event_of_its_own_and_the_first_says_whose_turn_it_is(serve):
    chunks = list(serve("One here. Two here. Three.").client().chat.completions.create(**ASK, stream=True))
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["One here.", " Two here.", " Three.", None]
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant", None, None, None]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, None, "stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {"m"}


def test_halves_of_a_character_that_come_one_by_one_are_one_for_the_client(serve, text_of):
    # So a provider's JSON spells an emoji, and its stream may part the two.
    upstream = ScriptedChatModel([[AIMessageChunk("Tea \ud83c"), AIMessageChunk("\udf75 for two. Cake.")]])
    assert text_of(serve(upstream)) == "Tea 🍵 for two. Cake."


def test_a_stream_ends_with_its_usage_where_that_is_asked_for(serve):
    served = serve("One two. Three.")
    asked = {**ASK, "stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = served.client().chat.completions.create(**asked)
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (3, 3, 6)
    without = list(served.client().chat.completions.create(**ASK, stream=True))
    assert [chunk.usage for chunk in without] == [None] * len(without)
    assert served.http.post("/v1/chat/completions", json=asked).text.endswith("data: [DONE]\n\n")


def test_a_whole_reply_says_what_it_cost_estimated_where_the_upstream_does_not_say(serve):
    assert serve("One two. Three.").client().chat.completions.create(**ASK).usage.total_tokens == 6
    silent = serve(ScriptedChatModel("One two. Three.", usage=False)).client().chat.completions.create(**ASK)
    assert silent.usage.completion_tokens > 0
    assert silent.stream_aligner["upstream_tokens"]["estimated"]


def test_the_totals_of_the_loop_come_in_a_field_of_their_own(serve):
    served = serve("This is bad. And so on.", ReplaceAligner({"bad": "good"}))
    totals = served.client().chat.completions.create(**ASK).stream_aligner
    assert totals["sentences"] == {"replaced": 1, "accepted": 1}
    assert (totals["restarts"], totals["upstream_calls"], totals["finish_reason"]) == (1, 2, "stop")
    *_, last = served.client().chat.completions.create(**ASK, stream=True)
    assert last.stream_aligner["sentences"] == {"replaced": 1, "accepted": 1}


def test_what_is_asked_of_the_reply_reaches_the_upstream(serve):
    upstream = ScriptedChatModel("One two three. Four.")
    asked = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "max_completion_tokens": 2, "user": "u", "n": 1}
    format_ = {"response_format": {"type": "text"}, "frequency_penalty": 0, "logprobs": False}
    reply = serve(upstream).client().chat.completions.create(**ASK, **asked, **format_, stop=["Four"])
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("One two", "length")
    assert upstream.calls[0].kwargs == {"temperature": 0.5, "top_p": 0.9, "seed": 7, "max_tokens": 2, "user": "u"}
    assert upstream.calls[0].stop == ["Four"]


def test_a_json_mode_is_passed_on_and_its_reply_is_not_cut_into_sentences(serve, text_of):
    said = '{"a": "This is bad. Yes."}'
    upstream = ScriptedChatModel(said)
    served = serve(upstream, ReplaceAligner({"bad": "good"}))
    assert text_of(served, response_format={"type": "json_object"}) == said
    assert upstream.calls[0].kwargs["response_format"] == {"type": "json_object"}


def test_a_parameter_that_is_forwarded_reaches_the_upstream(serve):
    upstream = ScriptedChatModel("Yes.")
    served = serve(upstream, app={"forward": ["top_k"]})
    served.client().chat.completions.create(**ASK, extra_body={"top_k": 5})
    assert upstream.calls[0].kwargs == {"top_k": 5}


def test_messages_of_every_role_and_parts_of_every_kind_reach_the_upstream(serve):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    upstream = ScriptedChatModel("A cat.")
    messages = [
        {"role": "developer", "content": "Be short."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": parts, "name": "ann"},
    ]
    serve(upstream).client().chat.completions.create(model="m", messages=messages)
    developer, system, user = upstream.prompts[0]
    assert (developer.text, developer.additional_kwargs) == ("Be short.", {"__openai_role__": "developer"})
    assert (system.type, system.text) == ("system", "Be kind.")
    assert (user.content, user.name) == (parts, "ann")


@pytest.mark.parametrize(
    ("options", "aligner", "reason", "own"),
    [
        ({"max_sentences": 1}, None, "length", "length"),
        ({"on_aligner_error": "stop"}, ScriptedAligner([None, OSError("x")]), "content_filter", "aligner_error"),
        ({"max_restarts": 0}, ReplaceAligner({"One": "Eins"}), "length", "max_restarts"),
        ({}, None, "stop", "stop"),
    ],
)
def test_an_end_has_one_of_openais_reasons_and_the_loops_own_beside_it(serve, options, aligner, reason, own):
    served = serve("One here. Two here. Three here.", aligner, **options)
    reply = served.client().chat.completions.create(**ASK)
    assert (reply.choices[0].finish_reason, reply.stream_aligner["finish_reason"]) == (reason, own)
    *_, last = served.client().chat.completions.create(**ASK, stream=True)
    assert (last.choices[0].finish_reason, last.stream_aligner["finish_reason"]) == (reason, own)


def test_reasoning_and_a_refusal_come_in_fields_of_their_own(serve):
    thought = AIMessageChunk("", additional_kwargs={"reasoning_content": "Hm."})
    refused = AIMessageChunk("", additional_kwargs={"refusal": "I will not."})
    upstream = ScriptedChatModel([[thought, "No.", refused]] * 2)
    served = serve(upstream)
    message = served.client().chat.completions.create(**ASK).choices[0].message
    assert (message.reasoning_content, message.content, message.refusal) == ("Hm.", "No.", "I will not.")
    deltas = [chunk.choices[0].delta for chunk in served.client().chat.completions.create(**ASK, stream=True)]
    assert "".join(delta.reasoning_content for delta in deltas if hasattr(delta, "reasoning_content")) == "Hm."
    assert "".join(delta.refusal or "" for delta in deltas) == "I will not."


def test_an_empty_reply_is_one_too(serve):
    served = serve(ScriptedChatModel(["A", ""] * 2), ReplaceAligner({"A": ""}))
    assert served.client().chat.completions.create(**ASK).choices[0].message.content == ""
    first, *_ = served.client().chat.completions.create(**ASK, stream=True)
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")


def test_the_models_are_listed(serve):
    client = serve("Yes.").client()
    assert [model.id for model in client.models.list()] == ["m"]
    assert client.models.retrieve("m").id == "m"


def test_a_chat_model_of_langchain_has_aligned_replies_by_its_base_url_alone(serve):
    served = serve("This is bad. And so on.", ReplaceAligner({"bad": "good"}))
    llm = ChatOpenAI(model="m", base_url=f"{served.url}/v1", api_key="none")
    assert llm.invoke("How are things?").text == "This is good. And so on."
    assert "".join(chunk.text for chunk in llm.stream("How are things?")) == "This is good. And so on."


async def test_sixty_four_replies_at_once_never_cross(serve):
    class Marked(ScriptedChatModel):
        def turn(self, messages, **kwargs):
            said = messages[-1].text.count(".") if messages[-1].type == "ai" else 0
            return (" " if 0 < said < 8 else "") + " ".join(
                f"Sentence {n} of {messages[0].text} is bad." for n in range(said, 8)
            )

    served = serve(Marked("", delay=0.001), ReplaceAligner({"bad": "good"}))

    async def ask(client, number):
        await asyncio.sleep(number / 500)
        messages = [{"role": "user", "content": f"reply<{number}>"}]
        async with await client.chat.completions.create(model="m", messages=messages, stream=True) as chunks:
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

    async with served.aclient() as client:
        replies = await asyncio.gather(*(ask(client, number) for number in range(64)))
    for number, reply in enumerate(replies):
        assert reply == " ".join(f"Sentence {n} of reply<{number}> is good." for n in range(8))


def test_events_are_json_in_ascii(serve):
    raw = serve("Tee – 茶. Ja.").http.post("/v1/chat/completions", json={**ASK, "stream": True})
    assert raw.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in raw.content.decode("ascii").split("\n\n") if line]
    assert events.pop() == "[DONE]"
    assert json.loads(events[0])["choices"][0]["delta"] == {"role": "assistant", "content": "Tee – 茶."}


def test_an_aligner_that_accepts_all_is_named_in_the_totals(serve):
    reply = serve("Yes.", AcceptAligner()).client().chat.completions.create(**ASK)
    assert reply.stream_aligner["aligner"] == "accept"
