"""What every standard test of `StreamAlignedChat` declares: nothing is switched off."""

from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.aligners import Aligner
from tests.standard.tool_model import ToolModel

PNG = b"\x89PNG\r\n\x1a\n"
DETAILS = ["audio_input", "audio_output", "reasoning_output", "cache_read_input", "cache_creation_input"]


class Offline:
    """Properties of the model under test, and the media that the suite would otherwise download."""

    aligner: Aligner

    @pytest.fixture(autouse=True)
    def media(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer the suite's downloads from memory."""

        def get(url: str, **options: Any) -> httpx.Response:
            return httpx.Response(200, content=PNG, request=httpx.Request("GET", url))

        monkeypatch.setattr(httpx, "get", get)

    @property
    def chat_model_class(self) -> type[StreamAlignedChat]:
        return StreamAlignedChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"llm": ToolModel(), "aligner": self.aligner}

    has_tool_calling = True
    has_tool_choice = True
    has_structured_output = True
    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_audio_inputs = True
    supports_video_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    returns_usage_metadata = True
    enable_vcr_tests = True
    supports_model_override = True
    model_override_value = "another-model"

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        return {"invoke": DETAILS, "stream": DETAILS}

    def _reported(self, *, stream: bool = False) -> AIMessage:
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke("Say something.")
        chunks = list(model.stream("Say something."))
        return sum(chunks[1:], start=chunks[0])

    invoke_with_audio_input = _reported
    invoke_with_audio_output = _reported
    invoke_with_reasoning_output = _reported
    invoke_with_cache_read_input = _reported
    invoke_with_cache_creation_input = _reported
