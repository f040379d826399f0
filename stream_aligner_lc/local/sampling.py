"""How the next token is chosen from its logits: greedy, or sampled as a generation configuration says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopHLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.decoding import Choose, greedy

_Make = Callable[[Any, torch.device], LogitsProcessor]

# What changes nothing, and how to make what does, in the order in which `generate` applies them.
_PENALTIES: dict[str, tuple[Any, _Make]] = {
    "sequence_bias": (None, lambda value, _: SequenceBiasLogitsProcessor(value)),
    "repetition_penalty": (1.0, lambda value, _: RepetitionPenaltyLogitsProcessor(float(value))),
    "no_repeat_ngram_size": (0, lambda value, _: NoRepeatNGramLogitsProcessor(value)),
    "bad_words_ids": (None, lambda value, _: NoBadWordsLogitsProcessor(value)),
    "suppress_tokens": (None, lambda value, device: SuppressTokensLogitsProcessor(value, device=str(device))),
}
_WARPERS: dict[str, tuple[Any, _Make]] = {
    "temperature": (1.0, lambda value, _: TemperatureLogitsWarper(float(value))),
    "top_h": (None, lambda value, _: TopHLogitsWarper(value)),
    "top_k": (0, lambda value, _: TopKLogitsWarper(value)),
    "top_p": (1.0, lambda value, _: TopPLogitsWarper(value)),
    "min_p": (None, lambda value, _: MinPLogitsWarper(value)),
    "typical_p": (1.0, lambda value, _: TypicalLogitsWarper(value)),
    "epsilon_cutoff": (0.0, lambda value, _: EpsilonLogitsWarper(value)),
    "eta_cutoff": (0.0, lambda value, device: EtaLogitsWarper(value, device=str(device))),
}
_REFUSED: dict[str, Any] = {
    "num_beams": 1,
    "guidance_scale": 1,
    "min_length": 0,
    "min_new_tokens": 0,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "exponential_decay_length_penalty": None,
    "begin_suppress_tokens": None,
    "watermarking_config": None,
    "stop_strings": None,
}


def make_choice(config: GenerationConfig, *, device: torch.device, seed: int | None, num_tokens: int) -> Choose:
    """Return the choice that `config` describes: its penalties and, if it samples, its warpers, in `generate`'s order.

    What it leaves open is off, also `top_k`, for which `generate` takes 50 then. With a `seed` the same prompt of
    `num_tokens` samples the same reply; the length keeps a restarted reply from throwing the same dice again. Without
    one every reply differs. Raises `ConfigurationError` if `config` asks for what cannot be done.
    """
    if refused := [name for name, neutral in _REFUSED.items() if getattr(config, name, None) not in (None, neutral)]:
        raise ConfigurationError(
            f"The model's generation configuration sets {refused[0]}={getattr(config, refused[0])!r}, which is not "
            "done here. Take it out of its generation_config.json, or set it to None in `model.generation_config`."
        )
    settings = {**_PENALTIES, **(_WARPERS if config.do_sample else {})}
    values = {name: getattr(config, name, None) for name in settings}
    processors = LogitsProcessorList(
        make(values[name], device) for name, (neutral, make) in settings.items() if values[name] not in (None, neutral)
    )
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
