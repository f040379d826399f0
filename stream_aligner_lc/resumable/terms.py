"""What tells one piece of work from another: the models and options whose change would change what comes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from stream_aligner_lc.local.chat import ChatTransformers
from stream_aligner_lc.models import chat_model_of
from stream_aligner_lc.recipe import Recipe

# Of the loop's options those that do not show in a reply, and of those for the upstream those that are secret.
_NOT_IN_REPLIES = {
    "lookahead",
    "on_aligner_error",
    "aligner_timeout",
    "max_aligner_faults",
    "upstream_retries",
    "upstream_timeout",
    "on_record",
}
_OF_CLIENT = {"api_key", "timeout", "max_retries"}


def loop_terms(recipe: Recipe) -> dict[str, Any]:
    """Return the options of a loop that show in its replies, as plain values."""
    options = {field.name: getattr(recipe.options, field.name) for field in fields(recipe.options)}
    terms = {
        "continuation": recipe.continuation.name,
        **{name: value for name, value in options.items() if name not in _NOT_IN_REPLIES},
        "skip": sorted(recipe.options.skip),
        **{name: value for name, value in recipe.kwargs.items() if name not in _OF_CLIENT},
        "stop": recipe.stop,
    }
    return _plain(terms)


def described(llm: Any) -> dict[str, Any]:
    """Return what a chat model is and how it samples, as plain values."""
    model = chat_model_of(llm)
    params: Mapping[str, Any] = model._get_ls_params()  # noqa: SLF001  # LangChain's one way of asking any integration
    said = {name.removeprefix("ls_"): value for name, value in params.items()}
    if isinstance(model, ChatTransformers):
        # Its name is the last part of a folder's, which others have too; and it may be trained again in its place.
        said["identity"] = model._identifying_params["identity"]  # noqa: SLF001  # ours
    said["seed"] = getattr(model, "seed", None)
    return _plain({name: value for name, value in said.items() if value is not None})


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain
