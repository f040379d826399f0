"""What the real integrations send when a reply is continued, recorded by a server on 127.0.0.1."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_deepseek import ChatDeepSeek
from langchain_mistralai import ChatMistralAI
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

from stream_aligner_lc.continuation import Request, choose_continuation
from stream_aligner_lc.continuation.strategies import INSTRUCTION
from stream_aligner_lc.errors import ConfigurationError
from tests.continuation.loopback import LoopbackProvider

QUESTION = "Why is the sky blue?"
PREFIX = "Air scatters light.\n\nBlue most of all."
TOKENS = (" And", " so", " the sky\n", "is blue.")
SAID = {"role": "assistant", "content": PREFIX}
ASKED = {"role": "user", "content": INSTRUCTION}

Collect = Callable[[Any, Request], Any]


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    with LoopbackProvider(TOKENS) as provider:
        yield provider


async def collect_sync(llm: Any, request: Request) -> str:
    return "".join(chunk.text for chunk in llm.stream(request.messages, **request.kwargs))


async def collect_async(llm: Any, request: Request) -> str:
    return "".join([chunk.text async for chunk in llm.astream(request.messages, **request.kwargs)])


@pytest.fixture(params=[collect_sync, collect_async], ids=["sync", "async"])
def collect(request: pytest.FixtureRequest) -> Collect:
    return request.param


def openai(provider: LoopbackProvider, **options: Any) -> ChatOpenAI:
    return ChatOpenAI(model="m", api_key="k", base_url=f"{provider.base_url}/v1", max_retries=0, **options)


def anthropic(provider: LoopbackProvider, model: str, **options: Any) -> ChatAnthropic:
    return ChatAnthropic(model=model, api_key="k", base_url=provider.base_url, max_retries=0, **options)


def mistral(provider: LoopbackProvider) -> ChatMistralAI:
    return ChatMistralAI(model="m", api_key="k", base_url=f"{provider.base_url}/v1")


def deepseek(provider: LoopbackProvider, **options: Any) -> ChatDeepSeek:
    return ChatDeepSeek(model="deepseek-chat", api_key="k", api_base=f"{provider.base_url}/beta", **options)


def ollama(provider: LoopbackProvider) -> ChatOllama:
    return ChatOllama(model="m", base_url=provider.base_url)


def request_for(
    llm: BaseChatModel,
    continuation: str = "auto",
    *,
    messages: list[BaseMessage] | None = None,
    prefix: str = PREFIX,
    **kwargs: Any,
) -> Request:
    return choose_continuation(llm, continuation).request(messages or [HumanMessage(QUESTION)], prefix, kwargs)


@pytest.mark.filterwarnings("ignore:ChatOpenAI talks to")
async def test_openai_is_asked_with_an_instruction(provider, collect):
    llm = openai(provider)
    assert await collect(llm, request_for(llm)) == "".join(TOKENS)
    assert provider.last.messages == [{"role": "user", "content": QUESTION}, SAID, ASKED]


async def test_vllm_leaves_the_assistant_turn_open_and_keeps_the_models_own_extra_body(provider, collect):
    llm = openai(provider, extra_body={"top_k": 5, "min_p": 0.1})
    request = request_for(llm, "vllm", extra_body={"min_p": 0.2}, temperature=0.5)
    assert await collect(llm, request) == "".join(TOKENS)
    body = provider.last.body
    assert body["messages"] == [{"role": "user", "content": QUESTION}, SAID]
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert (body["top_k"], body["min_p"], body["temperature"]) == (5, 0.2, 0.5)


async def test_vllm_keeps_the_extra_body_of_a_binding(provider, collect):
    llm = openai(provider, extra_body={"top_k": 5}).bind(extra_body={"min_p": 0.1}).with_retry()
    await collect(llm, request_for(llm, "vllm"))
    body = provider.last.body
    assert (body["top_k"], body["min_p"], body["continue_final_message"]) == (5, 0.1, True)


async def test_llama_cpp_gets_a_trailing_assistant_message_and_nothing_else(provider, collect):
    llm = openai(provider)
    assert await collect(llm, request_for(llm, "prefill")) == "".join(TOKENS)
    body = provider.last.body
    assert body["messages"] == [{"role": "user", "content": QUESTION}, SAID]
    assert "continue_final_message" not in body


async def test_claude_with_prefill_gets_a_trailing_assistant_message(provider, collect):
    llm = anthropic(provider, "claude-opus-4-5")
    assert await collect(llm, request_for(llm)) == "".join(TOKENS)
    assert provider.last.messages == [{"role": "user", "content": QUESTION}, SAID]


async def test_newer_claude_ends_with_a_user_turn(provider, collect):
    llm = anthropic(provider, "claude-sonnet-4-6")
    assert await collect(llm, request_for(llm)) == "".join(TOKENS)
    assert provider.last.messages == [{"role": "user", "content": QUESTION}, SAID, ASKED]


async def test_mistral_gets_the_prefix_flag(provider, collect):
    llm = mistral(provider)
    assert await collect(llm, request_for(llm)) == "".join(TOKENS)
    assert provider.last.messages == [{"role": "user", "content": QUESTION}, {**SAID, "prefix": True}]


async def test_deepseek_gets_the_prefix_flag_that_its_integration_would_drop(provider, collect):
    llm = deepseek(provider, extra_body={"top_k": 5})
    assert await collect(llm, request_for(llm)) == "".join(TOKENS)
    assert provider.last.path == "/beta/chat/completions"
    assert provider.last.messages == [{"role": "user", "content": QUESTION}, {**SAID, "prefix": True}]
    assert provider.last.body["top_k"] == 5


async def test_the_prefix_flag_reaches_other_openai_compatible_servers_when_named(provider, collect):
    llm = openai(provider)
    assert await collect(llm, request_for(llm, "prefix-flag")) == "".join(TOKENS)
    assert provider.last.messages == [{"role": "user", "content": QUESTION}, {**SAID, "prefix": True}]


def test_the_prefix_flag_is_refused_for_the_responses_api(provider):
    with pytest.raises(ConfigurationError, match="use_responses_api=False"):
        request_for(openai(provider, use_responses_api=True), "prefix-flag")


def test_the_responses_api_ends_with_the_instruction(provider):
    llm = openai(provider, use_responses_api=True)
    sent = llm._get_request_payload(request_for(llm, "instruct").messages)["input"]
    assert [item["role"] for item in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"][0]["text"] == PREFIX


async def test_deepseek_drops_the_flag_of_a_message_on_its_own(provider, collect):
    # The reason for sending the messages in the body: when this fails, the detour can go.
    flagged = AIMessage(PREFIX, additional_kwargs={"prefix": True})
    await collect(deepseek(provider), Request([HumanMessage(QUESTION), flagged], {}))
    assert provider.last.messages[-1] == SAID


async def test_deepseek_keeps_tool_messages_in_the_body(provider, collect):
    llm = deepseek(provider)
    request = request_for(llm, messages=TOOL_HISTORY, tools=[TOOL])
    await collect(llm, request)
    assert [message["role"] for message in provider.last.messages] == TOOL_ROLES
    assert provider.last.messages[2]["tool_calls"][0]["function"]["name"] == "look_up"
    assert provider.last.body["tools"] == [TOOL]


async def test_ollama_gets_a_trailing_assistant_message(provider, collect):
    llm = ollama(provider)
    assert await collect(llm, request_for(llm)) == "".join(TOKENS)
    assert [(m["role"], m["content"]) for m in provider.last.messages] == [
        ("user", QUESTION),
        ("assistant", PREFIX),
    ]


TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look it up.",
        "parameters": {"type": "object", "properties": {}},
    },
}
TOOL_HISTORY = [
    SystemMessage("Be brief."),
    HumanMessage(QUESTION),
    AIMessage("", tool_calls=[{"name": "look_up", "args": {"q": "sky"}, "id": "call_1234"}]),
    ToolMessage("Rayleigh", tool_call_id="call_1234", name="look_up"),
]
TOOL_ROLES = ["system", "user", "assistant", "tool", "assistant"]
MODELS = {
    "vllm": lambda provider: (openai(provider), "vllm"),
    "prefill": lambda provider: (openai(provider), "prefill"),
    "instruct": lambda provider: (openai(provider), "instruct"),
    "mistral": lambda provider: (mistral(provider), "auto"),
    "deepseek": lambda provider: (deepseek(provider), "auto"),
    "ollama": lambda provider: (ollama(provider), "auto"),
}


@pytest.mark.parametrize("name", MODELS)
async def test_after_a_tool_result_the_prefix_is_an_assistant_turn(provider, collect, name):
    llm, continuation = MODELS[name](provider)
    await collect(llm, request_for(llm, continuation, messages=TOOL_HISTORY))
    roles = [message["role"] for message in provider.last.messages]
    assert roles == TOOL_ROLES + ["user"] * (continuation == "instruct")


@pytest.mark.parametrize(("model", "roles"), [("claude-haiku-4-5", "uaua"), ("claude-opus-5", "uauau")])
async def test_anthropic_roles_alternate_after_a_tool_result(provider, collect, model, roles):
    llm = anthropic(provider, model)
    await collect(llm, request_for(llm, messages=TOOL_HISTORY))
    assert "".join(message["role"][0] for message in provider.last.messages) == roles
    assert provider.last.body["system"] == "Be brief."


@pytest.mark.parametrize("name", MODELS)
async def test_a_prefilled_turn_and_the_prefix_are_one_assistant_turn(provider, collect, name):
    llm, continuation = MODELS[name](provider)
    begun = [HumanMessage(QUESTION), AIMessage("Well,")]
    await collect(llm, request_for(llm, continuation, messages=begun, prefix=" air scatters light."))
    assistant = [m["content"] for m in provider.last.messages if m["role"] == "assistant"]
    assert assistant == ["Well, air scatters light."]


@pytest.mark.parametrize("name", MODELS)
async def test_without_a_prefix_the_request_is_the_bare_models(provider, collect, name):
    llm, continuation = MODELS[name](provider)
    messages = [HumanMessage(QUESTION)]
    await collect(llm, request_for(llm, continuation, messages=messages, prefix="", stop=["END"]))
    await collect(llm, Request(messages, {"stop": ["END"]}))
    continued, bare = provider.requests
    assert continued == bare


async def test_a_whole_answer_is_served_as_well_as_a_streamed_one(provider):
    for llm in (
        openai(provider),
        anthropic(provider, "claude-haiku-4-5"),
        mistral(provider),
        ollama(provider),
    ):
        assert (await llm.ainvoke("Why?")).text == "".join(TOKENS)


def test_a_refusal_reaches_the_caller_as_the_integrations_error():
    with LoopbackProvider(refusal="This model does not support assistant message prefill.") as provider:
        llm = anthropic(provider, "claude-opus-4-5")
        with pytest.raises(Exception, match="does not support assistant message prefill") as error:
            llm.invoke("Why?")
    assert error.value.status_code == 400


def test_a_closed_stream_is_noticed_by_the_server():
    with LoopbackProvider([" more"] * 20_000, delay=0.005) as provider:
        stream = openai(provider).stream("Why?")
        next(stream)
        stream.close()
        assert provider.left.wait(60)
        assert provider.written < 20_000


async def test_a_fallback_that_refuses_extra_body_never_gets_one(provider, collect):
    llm = deepseek(provider).with_fallbacks([mistral(provider)])
    request = request_for(llm)
    assert request.kwargs == {}
    assert await collect(llm, request) == "".join(TOKENS)
    assert provider.last.messages[-1] == ASKED
