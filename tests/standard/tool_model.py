"""An upstream that calls tools and answers in schemas, for LangChain's standard tests without a network."""

import json
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessageChunk, BaseMessage, SystemMessage, ToolMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from stream_aligner_lc.testing import ScriptedCall, ScriptedChatModel

PROSE = "The sky is green. You see it best at noon, from 你好 to こんにちは!"
_CALL_CHARACTERS = 7


class ToolModel(ScriptedChatModel):
    """Answer as a provider with tools would, from nothing but the request.

    A tool is called if `tool_choice` asks for it, or if tools are bound and no result has come in yet. Its
    arguments are built from its JSON schema and from what the conversation quotes. With `response_format` the reply
    is JSON. Everything else is answered in prose, which sends the images, files and sounds of the request nowhere.
    """

    temperature: float | None = None

    def __init__(self, script: str = PROSE, **options: Any) -> None:
        super().__init__(script, **options)

    def turn(self, messages: Sequence[BaseMessage], **kwargs: Any) -> Any:
        """Call a tool, answer in a schema, or speak."""
        if called := _called_tool(messages, **kwargs):
            return list(_call_chunks(called, _arguments(called["parameters"], messages), len(self.calls)))
        if response_format := kwargs.get("response_format"):
            schema = response_format.get("json_schema", {}).get("schema") or _schema_in(messages)
            return json.dumps(_arguments(schema, messages), ensure_ascii=False)
        return super().turn(messages, **kwargs)

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Bind tools in OpenAI's format; a choice is a name, "any" or "required"."""
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
        return self.bind(tools=formatted, **kwargs)

    def with_structured_output(
        self,
        schema: Any,
        *,
        include_raw: bool = False,
        method: str = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Do what `ChatOpenAI` does: bind a response format and parse what comes."""
        if method == "function_calling":
            return super().with_structured_output(schema, include_raw=include_raw, **kwargs)
        json_schema = convert_to_json_schema(schema)
        response_format: dict[str, Any] = {"type": "json_object"}
        if method == "json_schema":
            named = {"name": json_schema.get("title", "answer"), "schema": json_schema, "strict": strict}
            response_format = {"type": "json_schema", "json_schema": named}
        llm = self.bind(
            response_format=response_format,
            ls_structured_output_format={"kwargs": {"method": method}, "schema": json_schema},
        )
        is_model = isinstance(schema, type) and is_basemodel_subclass(schema)
        parser: Any = PydanticOutputParser(pydantic_object=schema) if is_model else JsonOutputParser()
        if not include_raw:
            return llm | parser
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=llm) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "tool-model"
        params["ls_model_name"] = kwargs.get("model", self.model_name)
        return params

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in super()._stream(messages, stop, run_manager, **kwargs):
            yield _token(chunk)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Any:
        async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
            yield _token(chunk)

    def _last(self, call: ScriptedCall, reason: str) -> ChatGenerationChunk:
        chunk = super()._last(call, reason)
        message = chunk.message
        assert isinstance(message, AIMessageChunk), "the script's last chunk is one"
        usage = message.usage_metadata
        assert usage is not None, "this model always reports usage"
        read, wrote = usage["input_tokens"] + 20, usage["output_tokens"] + 20
        message.usage_metadata = UsageMetadata(
            input_tokens=read,
            output_tokens=wrote,
            total_tokens=read + wrote,
            input_token_details=InputTokenDetails(audio=2, cache_read=3, cache_creation=4),
            output_token_details=OutputTokenDetails(audio=5, reasoning=6),
        )
        message.response_metadata["model_name"] = call.kwargs.get("model", self.model_name)
        return chunk


def _token(chunk: ChatGenerationChunk) -> ChatGenerationChunk:
    # Providers send an id and their name with every chunk.
    return ChatGenerationChunk(message=chunk.message.model_copy(update={"id": "provider-1"}))


def _called_tool(
    messages: Sequence[BaseMessage], tools: Sequence[Any] = (), tool_choice: Any = None, **_: Any
) -> dict[str, Any] | None:
    functions = [tool["function"] for tool in tools if "function" in tool]
    if not functions or tool_choice == "none":
        return None
    named = [function for function in functions if function["name"] == tool_choice]
    since = next((at for at, message in enumerate(reversed(messages)) if message.type == "human"), 0)
    answered = any(isinstance(message, ToolMessage) for message in messages[len(messages) - since :])
    if not named and tool_choice not in ("any", "required") and answered:
        return None
    return {"parameters": {}, **(named or functions)[0]}


def _call_chunks(called: dict[str, Any], arguments: dict[str, Any], number: int) -> Iterator[AIMessageChunk]:
    written = json.dumps(arguments, ensure_ascii=False)
    parts = [written[at : at + _CALL_CHARACTERS] for at in range(0, len(written), _CALL_CHARACTERS)]
    first = {
        "name": called["name"],
        "args": "",
        "id": f"call_{number}",
        "index": 0,
        "type": "tool_call_chunk",
    }
    yield AIMessageChunk(content="", tool_call_chunks=[first])
    for part in parts:
        delta = {"name": None, "args": part, "id": None, "index": 0, "type": "tool_call_chunk"}
        yield AIMessageChunk(content="", tool_call_chunks=[delta])


def _schema_in(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    text = " ".join(message.text for message in messages if not isinstance(message, SystemMessage))
    keys = re.findall(r"'(\w+)'", text) or ["answer"]
    return {"properties": {key: {"type": "string"} for key in keys}}


def _arguments(schema: dict[str, Any], messages: Sequence[BaseMessage]) -> dict[str, Any]:
    asked = messages[-1].text
    return {name: _value(each, asked) for name, each in schema.get("properties", {}).items()}


def _value(schema: dict[str, Any], asked: str) -> Any:
    kind = schema.get("type") or next(
        (one.get("type") for one in schema.get("anyOf", ()) if one.get("type") != "null"), "string"
    )
    if kind in ("integer", "number"):
        number = re.search(r"\d+", asked)
        return int(number[0]) if number else 3
    if kind == "boolean":
        return True
    if kind == "array":
        return [_value(schema.get("items", {}), asked)]
    if kind == "object":
        return {name: _value(each, asked) for name, each in schema.get("properties", {}).items()}
    quoted = re.search(r"'([^']+)'", asked)
    return quoted[1] if quoted else "The sky is green. It is. Truly."
