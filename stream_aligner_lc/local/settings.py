"""How a local model is to sample: what a call says, else what the object says, else the model's own. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from stream_aligner_lc.errors import ConfigurationError


class Settings(BaseModel):
    """What a call may override; None leaves it to the model."""

    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    repetition_penalty: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, gt=0)
    seed: int | None = None


_NAMES = tuple(Settings.model_fields)
_KNOWN = sorted({*_NAMES, "continue_final_message", "stop"})


def settings_of(model: Settings, kwargs: Mapping[str, Any]) -> Settings:
    """Return the settings of one call; raises `ConfigurationError` for what is unknown or out of range."""
    if unknown := sorted(set(kwargs) - set(_KNOWN)):
        raise ConfigurationError(
            f"ChatTransformers does not know {', '.join(map(repr, unknown))} in a call; it knows {', '.join(_KNOWN)}. "
            "A local model has no tools and no server behind it."
        )
    said = {name: kwargs[name] if name in kwargs else getattr(model, name) for name in _NAMES}
    try:
        return Settings.model_validate(said)
    except ValidationError as fault:
        wrong = fault.errors()[0]
        raise ConfigurationError(f"`{wrong['loc'][0]}` of a call: {wrong['msg']}, got {wrong['input']!r}.") from fault


def identifying(settings: Settings) -> dict[str, Any]:
    """Return what is said, by name."""
    return {name: value for name in _NAMES if (value := getattr(settings, name)) is not None}


def configured(own: Any, settings: Settings) -> Any:
    """Return a model's generation configuration as `settings` change it."""
    config = deepcopy(own)
    if settings.temperature is not None:
        config.do_sample = settings.temperature > 0
    elif (settings.top_p or 1) < 1 or settings.top_k:
        # Said for no reason, if the reply were greedy all the same.
        config.do_sample = True
    for name in ("temperature", "top_p", "top_k", "repetition_penalty"):
        if (value := getattr(settings, name)) is not None:
            setattr(config, name, value)
    return config
