"""How the next token is chosen from its logits: greedy, or sampled as a generation configuration says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from stream_aligner_lc.local.decoding import Choose, greedy

_PENALTIES: dict[str, tuple[Any, Callable[[Any], LogitsProcessor]]] = {
    "repetition_penalty": (1.0, RepetitionPenaltyLogitsProcessor),
    "no_repeat_ngram_size": (0, NoRepeatNGramLogitsProcessor),
    "suppress_tokens": (None, SuppressTokensLogitsProcessor),
}
_WARPERS: dict[str, tuple[Any, Callable[[Any], LogitsProcessor]]] = {
    "temperature": (1.0, TemperatureLogitsWarper),
    "top_k": (0, TopKLogitsWarper),
    "top_p": (1.0, TopPLogitsWarper),
    "min_p": (None, MinPLogitsWarper),
    "typical_p": (1.0, TypicalLogitsWarper),
}


def make_choice(config: GenerationConfig, *, device: torch.device, seed: int | None, num_tokens: int) -> Choose:
    """Return the choice that `config` describes: its penalties and, if it samples, its warpers, in `generate`'s order.

    With a `seed` the same prompt of `num_tokens` samples the same reply; the length keeps a restarted reply from
    throwing the same dice again. Without one every reply differs.
    """
    settings = {**_PENALTIES, **(_WARPERS if config.do_sample else {})}
    chosen = [(make, neutral, getattr(config, name, None)) for name, (neutral, make) in settings.items()]
    processors = LogitsProcessorList(make(value) for make, neutral, value in chosen if value not in (None, neutral))
    if not config.do_sample:
        return _Processed(processors, greedy) if processors else greedy
    generator = torch.Generator(device)
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(hash((seed, num_tokens)) % (1 << 63))

    def sample(logits: torch.Tensor, _ids: Sequence[int]) -> int:
        return int(torch.multinomial(logits.float().softmax(-1), 1, generator=generator))

    return _Processed(processors, sample)


class _Processed:
    """A choice after the logits processors of `transformers`."""

    def __init__(self, processors: LogitsProcessorList, choose: Choose) -> None:
        self._processors = processors
        self._choose = choose

    def __call__(self, logits: torch.Tensor, ids: Sequence[int]) -> int:
        before: Any = torch.tensor([list(ids)], device=logits.device)
        scores = self._processors(before, logits.float()[None])
        return self._choose(scores[0], ids)
