"""Which way of continuing is chosen for which model, and how loud a guess is."""

import warnings
from typing import Any, ClassVar

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel, FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import ConfigurableField
from langchain_deepseek import ChatDeepSeek
from langchain_mistralai import ChatMistralAI
from langchain_ollama import ChatOllama
from langchain_openai import AzureChatOpenAI, ChatOpenAI

from stream_aligner_lc.continuation import choose_continuation, leaves
from stream_aligner_lc.continuation.providers import PROVIDERS, claude_version
from stream_aligner_lc.errors import ConfigurationError


class UnknownChat(BaseChatModel):
    """A chat model that no table knows."""

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("Yes."))])

    @property
    def _llm_type(self) -> str:
        return "unknown"


class DeclaringChat(UnknownChat):
    stream_aligner_continuation: ClassVar[str] = "chat-template"


class WrongChat(UnknownChat):
    stream_aligner_continuation: ClassVar[str] = "prefil"


class ChatVLLM(ChatOpenAI):
    """As vLLM clients are named."""


class MyClaude(ChatAnthropic):
    """A subclass, which is continued as its parent."""


def integration(name: str, module: str, **fields: Any) -> UnknownChat:
    """Make a model of an integration that is not installed here."""
    annotations = dict.fromkeys(fields, Any)
    model_class = type(name, (UnknownChat,), {"__module__": module, "__annotations__": annotations, **fields})
    return model_class()


@pytest.fixture(autouse=True)
def _no_class_has_warned_yet(monkeypatch):
    monkeypatch.setattr(leaves, "_warned", set())


def openai(**options: Any) -> ChatOpenAI:
    return ChatOpenAI(model="gpt-5", api_key="k", **options)


def claude(model: str, **options: Any) -> ChatAnthropic:
    return ChatAnthropic(model=model, api_key="k", **options)


def deepseek(base: str = "https://api.deepseek.com/beta") -> ChatDeepSeek:
    return ChatDeepSeek(model="deepseek-chat", api_key="k", api_base=base)


THINKING = {"type": "enabled", "budget_tokens": 2000}
AZURE = {
    "azure_endpoint": "https://a.openai.azure.com",
    "api_version": "1",
    "azure_deployment": "d",
    "api_key": "k",
}

KNOWN = {
    "OpenAI": (openai, "instruct"),
    "OpenAI in Europe": (lambda: openai(base_url="https://eu.api.openai.com/v1"), "instruct"),
    "Azure": (lambda: AzureChatOpenAI(**AZURE), "instruct"),
    "Azure's OpenAI endpoint": (lambda: openai(base_url="https://a.openai.azure.com/openai/v1"), "instruct"),
    "a vLLM client": (lambda: ChatVLLM(model="m", api_key="k", base_url="http://gpu:8000/v1"), "vllm"),
    "Ollama": (lambda: ChatOllama(model="m"), "prefill"),
    "Groq": (lambda: integration("ChatGroq", "langchain_groq.chat_models"), "prefill"),
    "Mistral": (lambda: ChatMistralAI(model="m", api_key="k"), "prefix-flag"),
    "DeepSeek beta": (deepseek, "prefix-flag"),
    "DeepSeek beta, slash": (lambda: deepseek("https://api.deepseek.com/beta/"), "prefix-flag"),
    "Gemini": (lambda: integration("ChatGoogleGenerativeAI", "langchain_google_genai"), "instruct"),
    "Vertex": (lambda: integration("ChatVertexAI", "langchain_google_vertexai.chat_models"), "instruct"),
    "Claude 4.5": (lambda: claude("claude-sonnet-4-5-20250929"), "prefill"),
    "Claude 4.5, subclass": (lambda: MyClaude(model="claude-haiku-4-5", api_key="k"), "prefill"),
    "Claude 4.6": (lambda: claude("claude-sonnet-4-6"), "instruct"),
    "Claude of the future": (lambda: claude("claude-mythos"), "instruct"),
    "Claude thinking": (lambda: claude("claude-opus-4-1", thinking=THINKING), "instruct"),
    "Claude thinking when bound": (lambda: claude("claude-opus-4-1").bind(thinking=THINKING), "instruct"),
    "Claude not thinking": (lambda: claude("claude-opus-4-1", thinking={"type": "disabled"}), "prefill"),
    "Claude rebound": (lambda: claude("claude-opus-4-1").bind(model="claude-opus-4-7"), "instruct"),
    "Claude 4.5 on Bedrock": (
        lambda: integration(
            "ChatBedrockConverse", "langchain_aws", model_id="eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
        ),
        "prefill",
    ),
    "Claude 4.6 on Bedrock": (
        lambda: integration("ChatBedrockConverse", "langchain_aws", model_id="anthropic.claude-opus-4-6-v1"),
        "instruct",
    ),
    "Claude behind a profile": (
        lambda: integration(
            "ChatBedrock",
            "langchain_aws",
            model_id="arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc",
            base_model_id="anthropic.claude-3-5-haiku-20241022-v1:0",
        ),
        "prefill",
    ),
    "Claude thinking on Bedrock": (
        lambda: integration(
            "ChatBedrockConverse",
            "langchain_aws",
            model_id="anthropic.claude-opus-4-1",
            additional_model_request_fields={"thinking": THINKING},
        ),
        "instruct",
    ),
    "LangChain's list": (lambda: FakeListChatModel(responses=["Yes."]), "prefill"),
    "LangChain's generic fake": (lambda: GenericFakeChatModel(messages=iter([])), "prefill"),
    "our doubles": (lambda: integration("ScriptedChatModel", "stream_aligner_lc.testing"), "prefill"),
    "a class that says so": (DeclaringChat, "chat-template"),
    "retry": (lambda: ChatOllama(model="m").with_retry(), "prefill"),
    "binding in retry": (lambda: ChatOllama(model="m").bind(stop=["x"]).with_retry(), "prefill"),
    "config": (lambda: ChatOllama(model="m").with_config(tags=["a"]), "prefill"),
    "fields": (
        lambda: ChatOllama(model="m").configurable_fields(temperature=ConfigurableField("t")),
        "prefill",
    ),
    "fallbacks alike": (lambda: ChatOllama(model="a").with_fallbacks([ChatOllama(model="b")]), "prefill"),
    "fallbacks of two sorts": (
        lambda: ChatOllama(model="a").with_fallbacks([ChatMistralAI(model="m", api_key="k")]),
        "instruct",
    ),
    "two flags, two ways": (
        lambda: ChatMistralAI(model="m", api_key="k").with_fallbacks([deepseek()]),
        "instruct",
    ),
    "alternatives alike": (
        lambda: ChatOllama(model="a").configurable_alternatives(ConfigurableField("m"), b=ChatOllama(model="b")),
        "prefill",
    ),
    "alternatives of two sorts": (
        lambda: ChatOllama(model="a").configurable_alternatives(ConfigurableField("m"), b=openai()),
        "instruct",
    ),
}


@pytest.mark.parametrize("who", KNOWN)
def test_a_known_model_is_chosen_for_without_a_word(who):
    make, expected = KNOWN[who]
    llm = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        continuation = choose_continuation(llm)
    assert continuation.name == expected
    assert continuation.exact == (expected != "instruct")


GUESSED = {
    "another server": (lambda: openai(base_url="http://127.0.0.1:8000/v1"), ["8000", '"vllm"', '"prefill"']),
    "DeepSeek without beta": (
        lambda: deepseek("https://api.deepseek.com"),
        ['api_base="https://api.deepseek.com/beta"'],
    ),
    "Together": (
        lambda: integration("ChatTogether", "langchain_together"),
        ["ChatTogether", "`continuation="],
    ),
    "Fireworks": (
        lambda: integration("ChatFireworks", "langchain_fireworks"),
        ["ChatFireworks", "`continuation="],
    ),
    "OpenRouter": (
        lambda: integration("ChatOpenRouter", "langchain_openrouter"),
        ["ChatOpenRouter", "`continuation="],
    ),
    "a pipeline": (lambda: integration("ChatHuggingFace", "langchain_huggingface"), ["ChatHuggingFace"]),
    "Nova on Bedrock": (
        lambda: integration("ChatBedrockConverse", "langchain_aws", model_id="amazon.nova-pro-v1:0"),
        ["ChatBedrockConverse"],
    ),
    "anything else": (UnknownChat, ["UnknownChat", "`continuation="]),
}


@pytest.mark.parametrize("who", GUESSED)
def test_a_guess_is_an_instruction_and_one_warning_that_names_the_option(who):
    make, words = GUESSED[who]
    llm = make()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first, second = choose_continuation(llm), choose_continuation(llm)
    assert (first.name, second.name) == ("instruct", "instruct")
    (warning,) = caught
    assert all(word in str(warning.message) for word in [*words, 'continuation="instruct"'])
    assert warning.filename == __file__, "the warning points at the caller"


def test_the_environment_can_name_another_openai_server(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with pytest.warns(UserWarning, match="127.0.0.1:1"):
        choose_continuation(openai())


@pytest.mark.parametrize("name", ["prefill", "vllm", "prefix-flag", "chat-template", "instruct"])
def test_every_way_can_be_named_for_an_unknown_model_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose_continuation(UnknownChat(), name).name == name


@pytest.mark.parametrize("wrong", ["trailing", "", "Prefill", None, 3])
def test_an_unknown_name_lists_the_known_ones_and_shows_the_value(wrong):
    with pytest.raises(ConfigurationError) as error:
        choose_continuation(UnknownChat(), wrong)
    names = ["prefill", "vllm", "prefix-flag", "chat-template", "instruct", "auto", repr(wrong)]
    assert all(name in str(error.value) for name in names)


def test_a_wrong_declaration_names_the_class_that_made_it():
    with pytest.raises(ConfigurationError, match=r"WrongChat\.stream_aligner_continuation.*'prefil'"):
        choose_continuation(WrongChat())


def test_a_named_prefix_flag_needs_deepseeks_beta_endpoint():
    with pytest.raises(ConfigurationError, match=r"beta endpoint.*'https://api\.deepseek\.com/v1/'.*instruct"):
        choose_continuation(deepseek("https://api.deepseek.com/v1"), "prefix-flag")


def test_a_named_way_that_needs_two_requests_for_two_models_is_refused():
    one, other = openai(extra_body={"top_k": 1}), openai(extra_body={"top_k": 2})
    assert choose_continuation(one.with_fallbacks([one]), "vllm").name == "vllm"
    with pytest.raises(ConfigurationError, match=r"ChatOpenAI.*extra_body.*instruct"):
        choose_continuation(one.with_fallbacks([other]), "vllm")


def test_a_function_returns_messages_or_messages_and_keyword_arguments():
    def plain(messages, prefix):
        return [*messages, AIMessage(prefix, name="open")]

    def with_kwargs(messages, prefix):
        return plain(messages, prefix), {"resume": True}

    with_kwargs.exact = False
    asked = [HumanMessage("Why?")]
    first = choose_continuation(UnknownChat(), plain)
    second = choose_continuation(UnknownChat(), with_kwargs)
    assert (first.name, first.exact, second.exact) == ("custom", True, False)
    assert first.request(asked, "So.", {"stop": ["x"]}).messages == [*asked, AIMessage("So.", name="open")]
    assert second.request(asked, "So.", {"stop": ["x"]}).kwargs == {"stop": ["x"], "resume": True}
    assert second.request(asked, "", {}).messages == asked


@pytest.mark.parametrize("answer", [None, "So.", ["So."], ([], 3)])
def test_a_function_that_returns_something_else_is_named(answer):
    with pytest.raises(ConfigurationError, match="must return a list of messages"):
        choose_continuation(UnknownChat(), lambda *_: answer).request([], "So.", {})


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("claude-2.1", (2, 1)),
        ("claude-instant-1.2", (1, 2)),
        ("anthropic.claude-v2:1", (2, 0)),
        ("claude-3-opus-20240229", (3, 0)),
        ("claude-3-7-sonnet-latest", (3, 7)),
        ("claude-opus-4-20250514", (4, 0)),
        ("claude-opus-4-1", (4, 1)),
        ("claude-sonnet-4-5@20250929", (4, 5)),
        ("anthropic/claude-sonnet-4.6", (4, 6)),
        ("claude-opus-4-10", (4, 10)),
        ("claude-opus-5", (5, 0)),
        ("claude-mythos", None),
        ("gpt-5", None),
        ("", None),
    ],
)
def test_a_claude_version_is_read_from_its_name(name, version):
    assert claude_version(name) == version


def test_every_row_of_the_table_gives_its_evidence():
    assert all(provider.evidence.endswith(".") for provider in PROVIDERS)
