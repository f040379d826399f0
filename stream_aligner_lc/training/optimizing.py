"""Muon for the matrices of a model, AdamW for all else, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.training.settings import Settings


class Together(Optimizer):
    """Two optimizers of one model, which step together; a schedule sets the rates of both."""

    def __init__(self, *optimizers: Optimizer) -> None:
        self.optimizers = optimizers
        super().__init__([group for each in optimizers for group in each.param_groups], {})
        # The very groups of the two: a rate that is set here is theirs.
        self.param_groups = [group for each in optimizers for group in each.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Step with each."""
        loss = None if closure is None else closure()
        for each in self.optimizers:
            each.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each, in order."""
        return {"optimizers": [each.state_dict() for each in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` returned."""
        for each, state in zip(self.optimizers, state_dict["optimizers"], strict=True):
            each.load_state_dict(state)
        self.param_groups = [group for each in self.optimizers for group in each.param_groups]


def muon_of(model: Any, settings: Settings) -> Together:
    """Return the optimizer that a `muon_rate` asks for.

    The update of a matrix is its averaged gradient with all singular values made equal (Jordan et al., "Muon", 2024),
    and as large as one of AdamW's at that rate (Liu et al., arXiv 2502.16982). Embeddings, the output layer and vectors
    are AdamW's, at their own `rate`. Raises `ConfigurationError` where torch has no Muon, or a matrix is not whole in
    this process.
    """
    if not hasattr(torch.optim, "Muon"):
        raise ConfigurationError(
            f"torch {torch.__version__} has no Muon; 2.9 has. pip install -U torch, or leave out `muon_rate`."
        )
    learning = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if torn := [name for name, each in learning.items() if not each.numel() or hasattr(each, "placements")]:
        raise ConfigurationError(
            f"Muon needs whole matrices, and {torn[0]!r} is shared out among processes. With FSDP and "
            "ZeRO-3 leave out `muon_rate`."
        )
    others = {id(parameter) for module in _of_tokens(model) for parameter in module.parameters()}
    matrices = [each for each in learning.values() if each.ndim == 2 and id(each) not in others]
    rest = [each for each in learning.values() if each.ndim != 2 or id(each) in others]
    decay, rate = settings.weight_decay, settings.muon_rate
    assert rate is not None, "it asks for Muon"
    optimizers: list[Optimizer] = [
        torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    ]
    if rest:
        optimizers.append(AdamW(rest, lr=settings.rate, betas=(0.9, settings.beta2), weight_decay=decay))
    return Together(*optimizers)


def _of_tokens(model: Any) -> list[nn.Module]:
    """Return the modules that have a row for each token."""
    output = model.get_output_embeddings()
    return [each for each in model.modules() if isinstance(each, nn.Embedding) or each is output]
