"""How a causal language model of `transformers` is called for the logits of the next token, whatever its architecture.

Rule: a cache is cut only where that changes nothing; what cannot be cut is read anew, whole, in one pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache
from transformers.cache_utils import DummyLayer, DynamicLayer, DynamicSlidingWindowLayer

from stream_aligner_lc.local.slabs import SlabCache

# By these names models take what they remember of the tokens before, and give it back.
_STATES = ("past_key_values", "cache_params", "state")
# Such a cache can be cut at any place as long as it keeps every key; that of a recurrent model cannot.
_CROPPABLE = (DynamicLayer, DynamicSlidingWindowLayer, DummyLayer)
# Their rotation of every key depends on how long the text is in the end.
_GROWING_ROPES = ("longrope", "dynamic")


class Step(NamedTuple):
    """What a pass came to."""

    logits: torch.Tensor
    """Of what follows each of the last tokens, of shape (tokens, vocabulary)."""
    state: Any
    """What the model remembers of all tokens so far."""


class Passes:
    """The forward pass of one model: tokens and what it remembers in, logits and what it remembers out."""

    def __init__(self, model: Any) -> None:
        self._model = model
        parameters = inspect.signature(_wrapped_by_peft(model).forward).parameters
        self._state_name = next((name for name in _STATES if name in parameters), None)
        self._takes_positions = "position_ids" in parameters
        self._keeps_logits = "logits_to_keep" in parameters
        self._takes_use_cache = "use_cache" in parameters
        self.reach = _reach(model.config)
        """The length beyond which what was read before would have been read otherwise, None if there is none."""
        # There `generate` reads all anew with the other rotation; elsewhere it goes on with what it has.
        self._is_reread = any(rope.get("rope_type") == "longrope" for rope in _ropes(model.config))
        layers = DynamicCache(config=model.config).layers
        self._is_croppable = self._state_name == "past_key_values" and all(
            type(layer) in _CROPPABLE for layer in layers
        )

    @property
    def remembers(self) -> bool:
        """Whether the model remembers anything; if not, every pass reads the whole text."""
        return self._state_name is not None

    def is_croppable(self, length: int) -> bool:
        """Say whether what is remembered of a text of `length` tokens can be cut, and be read in pieces."""
        return self._is_croppable and self.remembers and (self.reach is None or length <= self.reach)

    def outgrows(self, length: int, then: int) -> bool:
        """Say whether a text has to be read anew because it grows from `length` to `then` tokens."""
        return self._is_reread and self.reach is not None and 0 < length <= self.reach < then

    def empty(self) -> Any:
        """Return what is remembered of no tokens."""
        # Given its configuration, a cache forgets what a sliding window has passed, and could not be cut back.
        return SlabCache() if self._is_croppable else None

    def run(self, ids: Sequence[int], state: Any, num_before: int, num_logits: int = 1) -> Step:
        """Read `ids` after the `num_before` tokens that `state` stands for; return the last logits."""
        device = self._model.device
        options: dict[str, Any] = {"logits_to_keep": num_logits} if self._keeps_logits else {}
        if self._takes_use_cache:
            options["use_cache"] = self.remembers
        if self._state_name is not None:
            options[self._state_name] = state
        if self._takes_positions:
            # Not every architecture counts on from its cache.
            options["position_ids"] = torch.arange(num_before, num_before + len(ids), device=device)[None]
        output = self._model(input_ids=torch.tensor([list(ids)], device=device), **options)
        remembered = getattr(output, self._state_name, None) if self._state_name is not None else None
        if remembered is None:
            # Some keep it to themselves, where two texts at a time would get mixed up.
            self._state_name = None
        return Step(output.logits[0, -num_logits:], remembered)


def _wrapped_by_peft(model: Any) -> Any:
    # A wrapper's own `forward` takes anything.
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _reach(config: Any) -> int | None:
    """Return the length beyond which what was read before would have been read otherwise, None if there is none."""
    text = config.get_text_config(decoder=True)
    reaches = [
        rope.get("original_max_position_embeddings") or text.max_position_embeddings
        for rope in _ropes(config)
        if rope.get("rope_type") in _GROWING_ROPES
    ]
    return min(reaches, default=None)


def _ropes(config: Any) -> list[dict[str, Any]]:
    ropes = getattr(config.get_text_config(decoder=True), "rope_parameters", None) or {}
    # One for all layers, or one for each kind of layer.
    return [ropes] if "rope_type" in ropes else [rope for rope in ropes.values() if isinstance(rope, dict)]
