"""Which way of continuing suits which model: a table by class and model name, with the evidence. No I/O.

Rule: a provider that is not known to continue a prefix is asked with an instruction, and a warning says so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from stream_aligner_lc.continuation.leaves import Leaf, warn_once
from stream_aligner_lc.continuation.strategies import (
    ChatTemplate,
    Continuation,
    Instruct,
    Prefill,
    PrefixFlag,
    PrefixFlagInBody,
    Vllm,
)
from stream_aligner_lc.errors import ConfigurationError

_LAST_CLAUDE_WITH_PREFILL = (4, 5)
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?v?(\d+)(?:[-.](\d{1,2})(?!\d))?")


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the table: which classes, what suits them, and how that is known."""

    classes: tuple[str, ...]
    """Names of classes in a module whose name starts with "langchain"; subclasses count."""
    choose: Callable[[Leaf], Continuation]
    evidence: str


def prefill(_leaf: Leaf) -> Continuation:
    """Choose a trailing assistant message, whatever the model."""
    return Prefill()


def instruct(_leaf: Leaf) -> Continuation:
    """Choose an instruction, whatever the model."""
    return Instruct()


def instruct_and_warn(leaf: Leaf) -> Continuation:
    """Choose an instruction, and say that this is a guess."""
    warn_once(
        leaf.model_class,
        f"it is not known whether {leaf.model_class.__name__} continues a prefix, so after a correction it "
        'is asked to with an instruction. Say `continuation="instruct"` if that is right, or '
        '`continuation="prefill"` if it continues a trailing assistant message (exact, and cheaper).',
    )
    return Instruct()


def vllm(leaf: Leaf) -> Continuation:
    """Choose the flags of vLLM and SGLang."""
    return Vllm(extra_body=leaf.extra_body)


def chat_template(_leaf: Leaf) -> Continuation:
    """Choose the chat template that is left open."""
    return ChatTemplate()


def openai(leaf: Leaf) -> Continuation:
    """Choose by the server: OpenAI's own do not continue, others cannot be known by their address."""
    host = urlsplit(leaf.base_url).hostname or ""
    if not host or host == "openai.com" or host.endswith((".openai.com", ".azure.com")):
        return Instruct()
    warn_once(
        leaf.model_class,
        f"{leaf.model_class.__name__} talks to {leaf.base_url!r}, and it cannot be known whether that server "
        "continues a prefix, so after a correction it is asked to with an instruction. Say "
        '`continuation="vllm"` for vLLM and SGLang, `continuation="prefill"` for llama.cpp, LM Studio and '
        'Ollama, or `continuation="instruct"` if the instruction is right.',
    )
    return Instruct()


def claude(leaf: Leaf) -> Continuation:
    """Choose by version: Claude up to 4.5 continues a prefix unless it thinks first, newer ones refuse."""
    version = claude_version(leaf.model_name)
    if version is None or version > _LAST_CLAUDE_WITH_PREFILL or leaf.thinks:
        return Instruct()
    return Prefill()


def bedrock(leaf: Leaf) -> Continuation:
    """Choose as for Claude where it is one; the other models there differ."""
    return claude(leaf) if "claude" in leaf.model_name else instruct_and_warn(leaf)


def deepseek(leaf: Leaf) -> Continuation:
    """Choose the prefix flag on the beta endpoint, which is the only one that knows it."""
    if is_beta(leaf):
        return prefix_flag(leaf)
    warn_once(
        leaf.model_class,
        f"{leaf.model_class.__name__} continues a prefix only at DeepSeek's beta endpoint, and `api_base` is "
        f"{leaf.base_url!r}, so after a correction it is asked to with an instruction. Set `api_base="
        '"https://api.deepseek.com/beta"`, or say `continuation="instruct"` if that is right.',
    )
    return Instruct()


def huggingface(leaf: Leaf) -> Continuation:
    """Choose an instruction, and name what continues a local model exactly."""
    # Told by its class's name, so that nothing of an integration has to be imported.
    if "Pipeline" not in type(getattr(leaf.model, "llm", None)).__name__:
        return instruct_and_warn(leaf)
    warn_once(
        leaf.model_class,
        f"{leaf.model_class.__name__} over a pipeline refuses a trailing assistant message, so after a correction it "
        "is asked to go on with an instruction. `stream_aligner_lc.ChatTransformers(model)` runs the same model, goes "
        'on from the very prefix and reuses what it has read; say `continuation="instruct"` to keep this one.',
    )
    return Instruct()


def prefix_flag(leaf: Leaf) -> Continuation:
    """Choose `prefix: true`, in the message or, where the integration drops it, in the body."""
    if not leaf.is_a("BaseChatOpenAI"):
        return PrefixFlag()
    if leaf.is_a("ChatDeepSeek") and not is_beta(leaf):
        raise ConfigurationError(
            '`continuation="prefix-flag"` needs DeepSeek\'s beta endpoint, but `api_base` is '
            f'{leaf.base_url!r}. Set `api_base="https://api.deepseek.com/beta"`, '
            'or use `continuation="instruct"`.'
        )
    return PrefixFlagInBody(leaf.model, leaf.model_class, leaf.extra_body)


def is_beta(leaf: Leaf) -> bool:
    """Tell whether the model talks to an endpoint that knows the prefix flag."""
    return leaf.base_url.rstrip("/").endswith("/beta")


def claude_version(model_name: str) -> tuple[int, int] | None:
    """Read the version from a model name of Anthropic, Bedrock, Vertex or a gateway.

    >>> claude_version("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), claude_version("claude-3-opus")
    ((4, 5), (3, 0))
    """
    match = _CLAUDE.search(model_name)
    return (int(match[1]), int(match[2] or 0)) if match else None


NAMED: dict[str, Callable[[Leaf], Continuation]] = {
    "prefill": prefill,
    "vllm": vllm,
    "prefix-flag": prefix_flag,
    "chat-template": chat_template,
    "instruct": instruct,
}
"""What can be named as `continuation`."""

PROVIDERS = (
    Provider(
        ("ChatAnthropic", "ChatAnthropicVertex", "ChatAnthropicBedrock"),
        claude,
        'Claude 4.6 and newer answer 400 "does not support assistant message prefill" at every effort, '
        "haiku-4-5 accepts it (router-for-me/CLIProxyAPI#5319, agno-agi/agno#7304); extended thinking "
        "excludes prefill (Anthropic's documentation).",
    ),
    Provider(("ChatBedrock", "ChatBedrockConverse", "BedrockChat"), bedrock, "As the model that is served."),
    Provider(("ChatDeepSeek",), deepseek, "DeepSeek's guide, chat prefix completion: `prefix: true` and `/beta`."),
    Provider(
        ("ChatMistralAI",),
        prefix_flag,
        "Mistral's API schema, AssistantMessage.prefix; the integration sends it.",
    ),
    Provider(
        ("ChatOllama",),
        prefill,
        "A trailing assistant message is continued (maintainers, ollama/ollama#6778).",
    ),
    Provider(("ChatGroq",), prefill, "console.groq.com/docs/prefilling: a trailing assistant message is continued."),
    Provider(
        ("ChatGoogleGenerativeAI", "ChatVertexAI"),
        instruct,
        "The integration refuses a trailing model turn for the newest Gemini; others promise nothing.",
    ),
    Provider(("AzureChatOpenAI",), instruct, "OpenAI's models open a new turn after an assistant message."),
    Provider(
        ("ChatTogether", "ChatFireworks", "ChatOpenRouter"),
        instruct_and_warn,
        "They serve many models; no statement found.",
    ),
    Provider(("BaseChatOpenAI", "ChatOpenAI"), openai, "As AzureChatOpenAI at OpenAI; else as the server decides."),
    Provider(
        ("ChatHuggingFace",),
        huggingface,
        'Over a pipeline the integration raises "Last message must be a HumanMessage!"; over an endpoint the '
        "server decides.",
    ),
)
"""The first row that names one of the model's classes, from the class itself upwards, holds."""


def for_class(leaf: Leaf) -> Continuation:
    """Choose for one model: what its class declares, a test double, a vLLM client, the table, or a guess."""
    declared = getattr(leaf.model, "stream_aligner_continuation", None)
    if isinstance(declared, str):
        return named(declared, leaf, option=f"{leaf.model_class.__name__}.stream_aligner_continuation")
    if leaf.is_double:
        return Prefill()
    if leaf.is_a("BaseChatOpenAI") and re.search(r"vllm|sglang", leaf.model_class.__name__, re.IGNORECASE):
        return vllm(leaf)
    for name in leaf.langchain_classes:
        for provider in PROVIDERS:
            if name in provider.classes:
                return provider.choose(leaf)
    return instruct_and_warn(leaf)


def named(name: str, leaf: Leaf, *, option: str = "continuation") -> Continuation:
    """Return the strategy of that name for one model."""
    if name not in NAMED:
        allowed = ", ".join(f'"{known}"' for known in NAMED)
        raise ConfigurationError(f'`{option}` must be "auto" or one of {allowed}, or a function, got {name!r}.')
    return NAMED[name](leaf)
