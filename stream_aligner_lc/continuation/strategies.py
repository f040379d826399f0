"""The ways of asking a model to go on from a prefix, each one class that builds the request. No I/O."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from stream_aligner_lc.errors import ConfigurationError

Messages = list[BaseMessage]
CustomContinuation = Callable[[Sequence[BaseMessage], str], Any]
"""`(messages, prefix) -> messages`, or `-> (messages, kwargs)`; see `choose_continuation`."""

INSTRUCTION = (
    "Your last message was interrupted. Go on with it from exactly the point where it stops: your answer "
    "will be appended to it as it is.\n"
    "- Write only what comes next. Repeat nothing of what is already there, not even its last words.\n"
    "- No greeting, no apology, no comment on this request or on the interruption.\n"
    "- Keep the language, the tone, the formatting and the numbering. If it stops inside a list, a table or "
    "a code block, go on inside it and do not open it again.\n"
    "- If it is already complete, answer with nothing at all."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What to call the upstream with."""

    messages: Messages
    kwargs: dict[str, Any]
    """Call-time keyword arguments, the given ones included."""


@dataclass(frozen=True, slots=True)
class Continuation(ABC):
    """One way of asking for the rest of a reply.

    Two are equal if they build the same requests: that is how a model and its fallbacks are compared.
    """

    name: str
    exact: bool
    """True: the provider continues the very prefix. False: it was asked nicely and may repeat itself."""

    def request(self, messages: Sequence[BaseMessage], prefix: str, kwargs: Mapping[str, Any]) -> Request:
        """Build the call that goes on from `prefix`; the arguments are never changed.

        With an empty `prefix` (a first call, or everything so far was removed) they come back as given.
        """
        if not prefix:
            return Request(list(messages), dict(kwargs))
        return self.resume(list(messages), prefix, dict(kwargs))

    @abstractmethod
    def resume(self, messages: Messages, prefix: str, kwargs: dict[str, Any]) -> Request:
        """Build the call for a prefix that is not empty, from copies that may be changed."""


@dataclass(frozen=True, slots=True)
class Prefill(Continuation):
    """A trailing assistant message, which the provider itself takes for the start of its reply."""

    name: str = "prefill"
    exact: bool = True

    def resume(self, messages: Messages, prefix: str, kwargs: dict[str, Any]) -> Request:
        """End the conversation with the prefix as an assistant turn."""
        return Request(with_prefix(messages, prefix), kwargs)


@dataclass(frozen=True, slots=True)
class Vllm(Continuation):
    """vLLM and SGLang: the trailing assistant turn is left open instead of closed."""

    name: str = "vllm"
    exact: bool = True
    extra_body: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The model's own `extra_body`: the one of a call replaces it, so it has to be sent along."""

    def resume(self, messages: Messages, prefix: str, kwargs: dict[str, Any]) -> Request:
        """Prefill, and ask the server not to close the turn."""
        flags = {"continue_final_message": True, "add_generation_prompt": False}
        body = merged_body(self.extra_body, kwargs, flags)
        return Request(with_prefix(messages, prefix), {**kwargs, "extra_body": body})


@dataclass(frozen=True, slots=True)
class PrefixFlag(Continuation):
    """Mistral: `prefix: true` on the trailing assistant message, which its integration sends."""

    name: str = "prefix-flag"
    exact: bool = True

    def resume(self, messages: Messages, prefix: str, kwargs: dict[str, Any]) -> Request:
        """Prefill, and flag the message."""
        return Request(with_prefix(messages, prefix, {"prefix": True}), kwargs)


@dataclass(frozen=True, slots=True)
class PrefixFlagInBody(Continuation):
    """DeepSeek: its integration drops the flag, so the converted messages go through `extra_body`."""

    model: Any = field(compare=False)
    """Converts the messages; not compared, because models of one class convert alike."""
    model_class: type
    extra_body: Mapping[str, Any] = field(default_factory=dict, hash=False)
    name: str = field(default="prefix-flag", init=False)
    exact: bool = field(default=True, init=False)

    def resume(self, messages: Messages, prefix: str, kwargs: dict[str, Any]) -> Request:
        """Prefill, and send the same messages again in the body with the last one flagged."""
        filled = with_prefix(messages, prefix)
        # The integration's own conversion; there is no public name for it.
        payload = self.model._get_request_payload(filled)  # noqa: SLF001
        if "messages" not in payload:
            raise ConfigurationError(
                f'`continuation="prefix-flag"` needs chat completions, but {self.model_class.__name__} sends '
                f'{sorted(payload)!r}. Set `use_responses_api=False`, or use `continuation="instruct"`.'
            )
        converted = [dict(message) for message in payload["messages"]]
        converted[-1]["prefix"] = True
        body = merged_body(self.extra_body, kwargs, {"messages": converted})
        return Request(filled, {**kwargs, "extra_body": body})


@dataclass(frozen=True, slots=True)
class ChatTemplate(Continuation):
    """A local model that renders its chat template itself and leaves the last message open when told to."""

    name: str = "chat-template"
    exact: bool = True

    def resume(self, messages: Messages, prefix: str, kwargs: dict[str, Any]) -> Request:
        """Prefill, with `continue_final_message=True` among the keyword arguments."""
        return Request(with_prefix(messages, prefix), {**kwargs, "continue_final_message": True})


@dataclass(frozen=True, slots=True)
class Instruct(Continuation):
    """For providers without prefill: the prefix as a finished assistant turn, then a request to go on."""

    name: str = "instruct"
    exact: bool = False

    def resume(self, messages: Messages, prefix: str, kwargs: dict[str, Any]) -> Request:
        """Append the prefix and the instruction, so that user and assistant turns still alternate."""
        # Where the caller's own assistant message was not continued, the reply was a new paragraph.
        filled = with_prefix(messages, prefix, between="\n\n")
        return Request([*filled, HumanMessage(INSTRUCTION)], kwargs)


@dataclass(frozen=True, slots=True)
class Custom(Continuation):
    """The caller's own function; keyword arguments that it returns are laid over the given ones."""

    function: CustomContinuation
    name: str = field(default="custom", init=False)

    def resume(self, messages: Messages, prefix: str, kwargs: dict[str, Any]) -> Request:
        """Ask the function, and check what it returns."""
        answer = self.function(messages, prefix)
        own: Mapping[str, Any] = {}
        if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], Mapping):
            answer, own = answer
        if not isinstance(answer, list) or not all(isinstance(message, BaseMessage) for message in answer):
            raise ConfigurationError(
                f"the `continuation` function {self.function!r} must return a list of messages, "
                f"or that and a dict of keyword arguments, got {answer!r}"
            )
        return Request(answer, {**kwargs, **own})


def with_prefix(
    messages: Messages, prefix: str, flags: Mapping[str, Any] | None = None, *, between: str = ""
) -> Messages:
    """Return `messages` with `prefix` as the last assistant turn.

    If the caller prefilled, the prefix is appended to that turn, because two in a row are often refused.
    """
    last = messages[-1] if messages else None
    if not isinstance(last, AIMessage) or last.tool_calls or last.invalid_tool_calls:
        return [*messages, AIMessage(prefix, additional_kwargs=dict(flags or {}))]
    if last.text.rstrip() != last.text or prefix != prefix.lstrip() or not last.text:
        between = ""
    update = {
        "content": _extended(last.content, between + prefix),
        "additional_kwargs": {**last.additional_kwargs, **(flags or {})},
    }
    return [*messages[:-1], last.model_copy(update=update)]


def merged_body(own: Mapping[str, Any], kwargs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the `extra_body` of the model, of the call and of the strategy; the later ones win."""
    return {**own, **(kwargs.get("extra_body") or {}), **ours}


def _extended(content: str | list[str | dict[Any, Any]], text: str) -> str | list[str | dict[Any, Any]]:
    if isinstance(content, str):
        return content + text
    last = content[-1] if content else None
    if isinstance(last, str):
        return [*content[:-1], last + text]
    if isinstance(last, dict) and last.get("type") == "text":
        return [*content[:-1], {**last, "text": last.get("text", "") + text}]
    return [*content, {"type": "text", "text": text}]
