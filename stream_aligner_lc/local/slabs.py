"""A cache of keys and values that grows in place and is cut by setting a number.

The dynamic cache of `transformers` copies itself whole for every token it takes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

# Tokens; a buffer that is outgrown becomes a quarter larger than needed.
_STEP = 64


class Slab(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer: `keys` and `values` of shape (1, heads, tokens, width) are views of larger buffers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None
        self._length = 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take in the keys and values of some more tokens; return those of all."""
        end = self._length + key_states.shape[-2]
        if self._buffers is None or self._buffers[0].shape[-2] < end:
            self._grow(key_states, value_states, end)
        assert self._buffers is not None
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., self._length : end, :] = states
        return self._show(end)

    def get_seq_length(self) -> int:
        """Return how many tokens it holds."""
        return self._length

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens; like its parent, it takes their number as a negative one."""
        if self._buffers is not None:
            self._show(self._length - abs(tokens_to_remove))

    def reset(self) -> None:
        """Forget all."""
        self.__init__()  # type: ignore[misc]

    def first(self, length: int) -> Slab:
        """Return a copy that holds the first `length` tokens."""
        copy = Slab()
        if self._buffers is not None:
            copy.update(*(buffer[..., :length, :] for buffer in self._buffers))
        return copy

    @property
    def num_bytes(self) -> int:
        """The memory that it takes."""
        return sum(buffer.numel() * buffer.element_size() for buffer in self._buffers or ())

    @property
    def token_bytes(self) -> int:
        """The memory that one token takes."""
        return sum(buffer[..., :1, :].numel() * buffer.element_size() for buffer in self._buffers or ())

    def _grow(self, key_states: torch.Tensor, value_states: torch.Tensor, length: int) -> None:
        room = capacity(length)
        grown = []
        for states, old in zip((key_states, value_states), self._buffers or (None, None), strict=True):
            buffer = states.new_empty((*states.shape[:-2], room, states.shape[-1]))
            if old is not None:
                buffer[..., : self._length, :] = old[..., : self._length, :]
            grown.append(buffer)
        self._buffers = (grown[0], grown[1])
        self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True

    def _show(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        assert self._buffers is not None
        self._length = length
        self.keys, self.values = (buffer[..., :length, :] for buffer in self._buffers)
        return self.keys, self.values


class SlabCache(DynamicCache):
    """What a model remembers of one text, layer by layer."""

    def __init__(self, layers: Sequence[Slab] = ()) -> None:
        super().__init__()
        # Layers that share another one's keys never get any of their own, so they are made as they are used.
        self.layer_class_to_replicate = Slab
        self.layers = list(layers)

    def first(self, length: int) -> SlabCache:
        """Return a copy of what is remembered of the first `length` tokens."""
        return SlabCache([slab.first(length) for slab in self._slabs])

    def cut(self, length: int) -> None:
        """Remember the first `length` tokens only; a layer that holds fewer stays as it is."""
        for slab in self._slabs:
            if (num_more := slab.get_seq_length() - length) > 0:
                slab.crop(-num_more)

    @property
    def num_bytes(self) -> int:
        """The memory that it takes."""
        return sum(slab.num_bytes for slab in self._slabs)

    @property
    def token_bytes(self) -> int:
        """The memory that one token takes."""
        return sum(slab.token_bytes for slab in self._slabs)

    @property
    def _slabs(self) -> list[Slab]:
        slabs: Any = self.layers
        return cast("list[Slab]", slabs)


def capacity(length: int) -> int:
    """Return for how many tokens room is made when there have to be `length`."""
    return -(-(length * 5 // 4) // _STEP) * _STEP
