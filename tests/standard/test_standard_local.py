"""LangChain's standard unit and integration tests of a local model, bare and inside the loop: nothing is switched off
that a model without tools, images or a provider's protocol could do."""

from functools import cache
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.local.chat import ChatTransformers
from stream_aligner_lc.testing import AcceptAligner
from tests.local.small_models import SpeakingModel, save, saying

# The suite asks for ten tokens that say nothing in particular, in any conversation.
REPLY = "Hello there. I can add, and 3 and 4 are 7."


class Local:
    """A model in a folder for the tests of the constructor, one that speaks for those of its replies."""

    returns_usage_metadata = True
    # LangChain has no way of asking a model for fewer tools.
    has_tool_calling = False
    has_structured_output = False

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        """Return that what was reused is reported."""
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        """Return those of LangChain's standard options that mean something without a server."""
        return {"temperature": 0, "max_tokens": 100, "stop": []}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Save a model once."""
    return save(tmp_path_factory.mktemp("model"))


class TestLocalUnit(Local, ChatModelUnitTests):
    """Offline and without a call."""

    @pytest.fixture(autouse=True)
    def _folder(self, folder: str) -> None:
        self.__class__.chat_model_params = {"model": folder}

    @property
    def chat_model_class(self) -> type[ChatTransformers]:
        return ChatTransformers


@cache
def _answering() -> ChatTransformers:
    model = SpeakingModel(saying(REPLY, REPLY))
    return ChatTransformers.from_model(model, model.tokenizer)


class _Speaking(ChatTransformers):
    """Answers anything, as LangChain's suite makes its models by their class."""

    def __init__(self, **options: Any) -> None:
        super().__init__(_answering().model, _local=_answering()._local, **options)


class TestLocalIntegration(Local, ChatModelIntegrationTests):
    """Real passes, real streams."""

    @property
    def chat_model_class(self) -> type[ChatTransformers]:
        return _Speaking

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        """Ask twice: the second time the prompt is known."""
        model = self.chat_model_class(**self.chat_model_params)
        model.invoke("Say something.")
        if not stream:
            return model.invoke("Say something.")
        chunks = list(model.stream("Say something."))
        return sum(chunks[1:], start=chunks[0])


class TestAlignedLocalIntegration(TestLocalIntegration):
    """The same inside the loop."""

    @property
    def chat_model_class(self) -> type[StreamAlignedChat]:
        return StreamAlignedChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"llm": _Speaking(), "aligner": AcceptAligner()}
