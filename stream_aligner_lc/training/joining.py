"""Trees as batches, and whether a model reads them as it reads their rows one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.forms import NOT_LEARNED, Row
from stream_aligner_lc.training.trees import Tree, trees

COLUMNS = ("input_ids", "labels", "position_ids", "ends")
"""What a data set of trees is made of, in the order of `Tree`."""

_CLOSE = 1e-3


@dataclass(frozen=True)
class TreeCollator:
    """Make batches of trees, with masks of shape (trees, 1, longest, longest) in which a token sees its own path."""

    pad: int

    def __call__(self, made: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Return one batch, padded on the right."""
        longest = max(len(each["input_ids"]) for each in made)
        ends = self._padded([each["ends"] for each in made], longest, 0)
        places = torch.arange(longest)
        # Where nothing is, a token sees itself: a row of a mask must not be empty.
        ends = torch.where(ends == 0, places + 1, ends)
        sees = (places[None, None, :] <= places[None, :, None]) & (places[None, :, None] < ends[:, None, :])
        return {
            "input_ids": self._padded([each["input_ids"] for each in made], longest, self.pad),
            "labels": self._padded([each["labels"] for each in made], longest, NOT_LEARNED),
            "position_ids": self._padded([each["position_ids"] for each in made], longest, 0),
            "attention_mask": sees[:, None],
        }

    @staticmethod
    def _padded(values: Sequence[Sequence[int]], longest: int, pad: int) -> torch.Tensor:
        return torch.tensor([[*each, *[pad] * (longest - len(each))] for each in values])


def as_fields(tree: Tree) -> dict[str, list[int]]:
    """Return a tree as an item of a data set."""
    return dict(zip(COLUMNS, tree, strict=True))


def check_joining(model: Any, *, longest: int) -> None:
    """Raise `ConfigurationError` if the model would not read trees of `longest` tokens as it reads rows."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    if isinstance(window, int) and window < longest:
        raise _refusal(f"its attention reaches back {window} tokens only, and a row may have {longest}")
    if (attention := getattr(model.config, "_attn_implementation", None)) != "sdpa":
        raise _refusal(f"its attention {attention!r} takes no masks of our own")
    try:
        difference = _difference(model)
    except (TypeError, ValueError, RuntimeError, IndexError) as fault:
        raise _refusal(f"it does not take them: {fault}") from fault
    if not difference < _CLOSE:
        raise _refusal("it reads them otherwise than one by one, as recurrent layers do")


@torch.no_grad()
def _difference(model: Any) -> float:
    """Return how far the logits of three small rows are from those of their tree."""
    rows = [
        Row([3, 4, 5, 6], [NOT_LEARNED] * 4),
        Row([3, 4, 7, 5, 6], [NOT_LEARNED] * 5),
        Row([3, 8, 9], [NOT_LEARNED] * 3),
    ]
    (tree,) = trees(rows, most=100)
    batch = TreeCollator(0)([as_fields(tree)])
    batch.pop("labels")
    joined = model(**batch, use_cache=False).logits[0]
    paths = [[0, 1, 2], [0, 1, 3, 4], [0, 5]]
    differences = [
        (model(input_ids=torch.tensor([row.ids[:-1]]), use_cache=False).logits[0] - joined[path]).abs().max()
        for row, path in zip(rows, paths, strict=True)
    ]
    return float(torch.stack(differences).max() / joined.abs().max().clamp(min=1))


def _refusal(why: str) -> ConfigurationError:
    return ConfigurationError(f"The rows of a reply cannot be joined for this model: {why}. Leave `joins` out.")
