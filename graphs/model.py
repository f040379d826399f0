"""The loop on a model of yours, which the environment names.

STREAM_ALIGNER_UPSTREAM is the model to correct: `provider:model`, or the folder or hub id of a local one.
STREAM_ALIGNER_MODEL is the aligner, a folder or a hub id; without it the upstream corrects itself.
"""

import os
from pathlib import Path
from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel

from stream_aligner_lc import AcceptAligner, ChatTransformers, ConfigurationError, build_graph


class Unset(BaseChatModel):
    """Stands where no model is named yet: the graph can be looked at, and a run says what to set."""

    @property
    def _llm_type(self) -> str:
        return "unset"

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise ConfigurationError(
            "Set STREAM_ALIGNER_UPSTREAM to the model to correct, such as openai:gpt-4.1-mini or the folder of a local "
            "one, in the environment or in .env, and start the server again."
        )


def upstream(name: str) -> BaseChatModel:
    """Return the model of that name; raises what its provider says of a missing key or package."""
    if ":" in name and not Path(name).is_dir():
        return init_chat_model(name)
    return ChatTransformers(name)


if name := os.environ.get("STREAM_ALIGNER_UPSTREAM"):
    graph = build_graph(upstream(name), name="model")
else:
    graph = build_graph(Unset(), AcceptAligner(), continuation="instruct", name="model")
