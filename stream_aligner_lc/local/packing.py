"""Several texts in one pass, side by side without padding: `transformers` sees one text, and only attention sees many.

Everything but attention looks at each token by itself. So the tokens of all texts go through the model in one row, each
text's keys and values are put where they belong, and its queries attend to them alone.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import torch
from transformers import Cache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from stream_aligner_lc.local.slabs import SlabCache

Part = tuple[Sequence[int], SlabCache, int]
"""The new tokens of one text, what is remembered of it, and after how many of them the logits are asked for."""

_NAME = "stream_aligner_packed"
_current = threading.local()


class Packing:
    """Shared passes of one model, where its architecture allows them."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._windows: list[int | None] = []
        """How far attention was told to look back, layer by layer, in the last pass."""

    @cached_property
    def is_possible(self) -> bool:
        """Whether a shared pass comes to what passes of their own do: tried once, on a few tokens."""
        try:
            return self._agrees() and _windows(self._model.config.get_text_config(decoder=True)) == self._windows
        except Exception:  # noqa: BLE001  # an architecture can differ in any way
            return False

    def run(self, parts: Sequence[Part]) -> list[torch.Tensor]:
        """Read the new tokens of every part in one pass; return the logits of each, of shape (asked, vocabulary)."""
        device = self._model.device
        ends = list(accumulate(len(ids) for ids, _, _ in parts))
        starts = [state.get_seq_length() for _, state, _ in parts]
        positions = [
            number
            for start, (ids, _, _) in zip(starts, parts, strict=True)
            for number in range(start, start + len(ids))
        ]
        wanted = [row for end, (_, _, num) in zip(ends, parts, strict=True) for row in range(end - num, end)]
        packed = _PackedCache([state for _, state, _ in parts], ends)
        with self._attending(packed):
            output = self._model(
                input_ids=torch.tensor([[token for ids, _, _ in parts for token in ids]], device=device),
                position_ids=torch.tensor([positions], device=device),
                past_key_values=packed,
                use_cache=True,
                logits_to_keep=torch.tensor(wanted, device=device),
            )
        self._windows = packed.windows
        return list(output.logits[0].split([num for _, _, num in parts]))

    @contextmanager
    def _attending(self, packed: _PackedCache) -> Iterator[None]:
        # Only while this pass runs, because others may call the model in their own way before and after it.
        kept = [(config, config._attn_implementation_internal) for config in self._configs]  # noqa: SLF001
        _current.packed, _current.inner = packed, kept[0][1]
        try:
            for config, _ in kept:
                config._attn_implementation_internal = _NAME  # noqa: SLF001
            yield
        finally:
            for config, implementation in kept:
                config._attn_implementation_internal = implementation  # noqa: SLF001
            del _current.packed, _current.inner

    @cached_property
    def _configs(self) -> list[Any]:
        found = {id(module.config): module.config for module in self._model.modules() if hasattr(module, "config")}
        return list(found.values())

    @torch.inference_mode()
    def _agrees(self) -> bool:
        size = min(self._model.get_input_embeddings().num_embeddings, 16)
        texts = [[(7 * number + shift) % size for number in range(5)] for shift in (1, 2)]
        apart, together = ([SlabCache(), SlabCache()] for _ in range(2))
        for begin, end in pairwise((0, 3, 5)):
            rows = self.run([(ids[begin:end], state, 2) for ids, state in zip(texts, together, strict=True)])
            for ids, state, row in zip(texts, apart, rows, strict=True):
                expected = self._model(
                    input_ids=torch.tensor([ids[begin:end]], device=self._model.device),
                    position_ids=torch.arange(begin, end, device=self._model.device)[None],
                    past_key_values=state,
                    use_cache=True,
                ).logits[0, -2:]
                if not _is_close(row, expected):
                    return False
        return True


class _PackedCache(Cache):
    """The caches of several texts, as one."""

    def __init__(self, states: Sequence[SlabCache], ends: Sequence[int]) -> None:
        super().__init__(layers=[])
        self.spans = [slice(start, end) for start, end in pairwise([0, *ends])]
        self._states = states
        self._masks: dict[Any, torch.Tensor | None] = {}
        self.last: list[tuple[torch.Tensor, torch.Tensor]] = []
        """All keys and values of each text, in the layer that was updated last."""
        self.last_layer = -1
        self.windows: list[int | None] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put every text's keys and values where they belong."""
        self.last = [
            state.update(key_states[..., span, :], value_states[..., span, :], layer_idx)
            for state, span in zip(self._states, self.spans, strict=True)
        ]
        self.last_layer = layer_idx
        return key_states, value_states

    def mask(self, number: int, like: torch.Tensor, num_keys: int, window: int | None, *, is_bool: bool) -> Any:
        """Return what each query of one text may attend to, None where attention itself sees to that."""
        span = self.spans[number]
        num_queries = span.stop - span.start
        if is_bool and window is None and num_queries in (1, num_keys):
            return None
        key = (number, window)
        if key not in self._masks:
            queries = torch.arange(num_keys - num_queries, num_keys, device=like.device)[:, None]
            keys = torch.arange(num_keys, device=like.device)[None]
            seen = keys <= queries
            if window is not None:
                seen &= keys > queries - window
            if not is_bool:
                hidden = torch.finfo(like.dtype).min
                seen = torch.zeros_like(seen, dtype=like.dtype).masked_fill(~seen, hidden)
            self._masks[key] = seen[None, None]
        return self._masks[key]


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    _key: torch.Tensor,
    _value: torch.Tensor,
    _attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Let every text's queries attend to its own keys, as the model's own attention would."""
    packed: _PackedCache = _current.packed
    if packed.last_layer != getattr(module, "layer_idx", -1):
        raise NotImplementedError("a layer that attends to another one's keys")
    inner = ALL_ATTENTION_FUNCTIONS.get(_current.inner) or sys.modules[type(module).__module__].eager_attention_forward
    is_bool, window = _current.inner == "sdpa", kwargs.get("sliding_window")
    # Where only the mask knows the window, attention is not told, and a few tokens would not show the difference.
    packed.windows.append(window)
    outs = []
    for number, (span, (keys, values)) in enumerate(zip(packed.spans, packed.last, strict=True)):
        mask = packed.mask(number, query, keys.shape[-2], window, is_bool=is_bool)
        outs.append(inner(module, query[:, :, span], keys, values, mask, **kwargs)[0])
    return torch.cat(outs, dim=1), None


def _windows(config: Any) -> list[int | None] | None:
    """Return how far each layer should see back, None for a layer without bound; None if nobody can tell."""
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"] * config.num_hidden_layers
    if not set(kinds) <= {"full_attention", "sliding_attention"} or getattr(config, "attention_chunk_size", None):
        return None
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    return [window if kind == "sliding_attention" else None for kind in kinds]


def _is_close(one: torch.Tensor, other: torch.Tensor) -> bool:
    # Half precision rounds sums of another order to other numbers.
    tolerance = 1e-4 if one.dtype in (torch.float32, torch.float64) else 5e-2
    return torch.allclose(one.float(), other.float(), rtol=tolerance, atol=tolerance * float(other.float().abs().max()))


ALL_ATTENTION_FUNCTIONS.register(_NAME, _attend)
