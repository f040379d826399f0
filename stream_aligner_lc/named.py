"""Chat models by their names, as commands and servers are given them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.chat import ChatTransformers


def model_named(name: str, **options: Any) -> BaseChatModel:
    """Return the chat model of that name: `provider:model`, or the folder or hub id of a local one.

    `options` are the model's own, such as `temperature`. A model of a provider needs the extra `agents` and the
    provider's package and key. Raises `ConfigurationError` that says what is missing, in the provider's words.
    """
    if not name.strip():
        raise ConfigurationError(
            f"A model needs a name, got {name!r}. Give `provider:model`, such as openai:gpt-4.1-mini, or the folder or "
            "hub id of a local one."
        )
    return _of_provider(name, options) if is_of_provider(name) else ChatTransformers(name, **options)


def is_of_provider(name: str) -> bool:
    """Say whether a name is `provider:model`, and not that of a local model."""
    return ":" in name and not Path(name).expanduser().is_dir()


class UnsetModel(BaseChatModel):
    """Stands where no model is named yet: its graph can be looked at, and a run says what to set."""

    variable: str

    @property
    def _llm_type(self) -> str:
        return "unset"

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise ConfigurationError(
            f"Set {self.variable}, such as openai:gpt-4.1-mini or the folder of a local one, in the environment or in "
            ".env, and start the server again."
        )


def _of_provider(name: str, options: dict[str, Any]) -> BaseChatModel:
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415  # an extra
    except ImportError as fault:
        raise ConfigurationError(
            f"{name!r} names a provider's model, which needs the package 'langchain': "
            "pip install 'stream-aligner-lc[agents]'."
        ) from fault
    try:
        model = init_chat_model(name, **options)
    except Exception as fault:
        # Whatever the provider's client raises: an unknown provider, a package or a key that is missing.
        raise ConfigurationError(
            f"The model {name!r} cannot be used: {str(fault).rstrip('. ')}. Names are "
            "`provider:model`, or the folder or hub id of a local model."
        ) from fault
    assert isinstance(model, BaseChatModel), "without configurable fields it is the model itself"
    return model
