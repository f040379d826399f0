"""Whole replies through LangChain's integrations, against a server on this machine that plays the provider."""

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_deepseek import ChatDeepSeek
from langchain_mistralai import ChatMistralAI
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

from stream_aligner_lc import StreamAlignedChat, UpstreamError
from stream_aligner_lc.testing import ReplaceAligner
from tests.continuation.loopback import LoopbackProvider

RELEASED = "The sky is blue."
UPSTREAMS = {
    "OpenAI, instructed": (lambda url: ChatOpenAI(model="m", api_key="k", base_url=f"{url}/v1"), "instruct"),
    "vLLM": (lambda url: ChatOpenAI(model="m", api_key="k", base_url=f"{url}/v1"), "vllm"),
    "llama.cpp": (lambda url: ChatOpenAI(model="m", api_key="k", base_url=f"{url}/v1"), "prefill"),
    "Claude 4.1": (lambda url: ChatAnthropic(model="claude-opus-4-1", api_key="k", base_url=url), "auto"),
    "Claude 4.6": (lambda url: ChatAnthropic(model="claude-opus-4-6", api_key="k", base_url=url), "auto"),
    "Mistral": (lambda url: ChatMistralAI(model="m", api_key="k", base_url=f"{url}/v1"), "auto"),
    "DeepSeek": (lambda url: ChatDeepSeek(model="m", api_key="k", api_base=f"{url}/beta"), "auto"),
    "Ollama": (lambda url: ChatOllama(model="m", base_url=url), "auto"),
}


def answer(body):
    """Start over on the first question, go on where the body holds what was released."""
    has_prefix = any(RELEASED in str(message["content"]) for message in body["messages"])
    return [" It", " rains."] if has_prefix else ["The", " sky", " is", " green", ".", " So", " it", " is."]


@pytest.mark.parametrize("name", UPSTREAMS)
def test_a_corrected_reply_goes_on_from_the_released_text(collect, name):
    make, continuation = UPSTREAMS[name]
    with LoopbackProvider(answer) as provider:
        aligner = ReplaceAligner({"green": "blue"})
        chat = StreamAlignedChat(make(provider.base_url), aligner, continuation=continuation)
        text = "".join(chunk.text for chunk in collect(chat, "Why is the sky blue?"))
        assert text == "The sky is blue. It rains."
        first, second = provider.requests
    assert len(first.messages) == 1
    turns = [(turn["role"], str(turn["content"])) for turn in second.messages]
    assert turns[0] == (first.messages[0]["role"], str(first.messages[0]["content"]))
    assert turns[1][0] == "assistant"
    assert RELEASED in turns[1][1]
    is_instructed = name in ("OpenAI, instructed", "Claude 4.6")
    assert len(turns) == (3 if is_instructed else 2)
    assert (turns[-1][0] == "user") == is_instructed


def test_a_provider_that_refuses_a_trailing_assistant_turn_is_an_error_that_names_the_option(collect):
    with LoopbackProvider(answer) as provider:
        upstream = ChatOpenAI(model="m", api_key="k", base_url=f"{provider.base_url}/v1", max_retries=0)
        seen = []

        def refuse_later(draft):
            seen.append(draft)
            provider.refusal = "the last message must be from the user"
            return draft.text.replace("green", "blue")

        chat = StreamAlignedChat(upstream, refuse_later, continuation="prefill")
        with pytest.raises(UpstreamError, match=r"(?s)last message must be.*set `continuation`") as caught:
            collect(chat, "Why is the sky blue?")
    assert caught.value.released == RELEASED
    assert caught.value.__cause__ is not None
