"""What the stages of a training learn: token rows of what was read, made before anything is trained."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from accelerate import PartialState
from accelerate.utils import DistributedType
from tqdm import tqdm

from stream_aligner_lc.aligners.transformers import TransformersAligner
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.verdicts import form_of
from stream_aligner_lc.prompts import template_named
from stream_aligner_lc.training.corpus import Corpus, Faults, nothing_left
from stream_aligner_lc.training.figures import Figures, chosen, figures_of
from stream_aligner_lc.training.samples import Reply, Sample
from stream_aligner_lc.training.settings import Settings
from stream_aligner_lc.training.tokens import CorrectionRows, ReplyRows
from stream_aligner_lc.training.trainer import Stage

SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)
"""These have a model in pieces, none of which can correct a sentence."""


def stages_of(settings: Settings, corpus: Corpus, tokenizer: Any, limit: int, faults: Faults) -> list[Stage]:
    """Return the stages, in order, with rows of at most `limit` tokens.

    Raises `ConfigurationError` if there is nothing left to train on.
    """
    make = _correcting if settings.is_aligner else _replying
    stages = make(settings, corpus, Encoder(tokenizer), limit, faults)
    if not stages[-1].rows:
        raise nothing_left(settings, faults, len(corpus.held_out))
    # What does not fit as it is may fit nowhere.
    return [stage for stage in stages if stage.rows]


def _replying(settings: Settings, corpus: Corpus, encoder: Encoder, limit: int, faults: Faults) -> list[Stage]:
    made = ReplyRows(encoder, limit)
    trained, held_out = (
        _all(made.rows([each for each in part if isinstance(each, Reply)], on_fault=faults))
        for part in (corpus.trained, corpus.held_out)
    )
    return [Stage("reply", trained, held_out, settings.epochs)]


def _correcting(settings: Settings, corpus: Corpus, encoder: Encoder, limit: int, faults: Faults) -> list[Stage]:
    made = CorrectionRows(form_of(encoder, template_named(settings.template)), limit, settings.learns_text)
    trained, held_out = (
        [each for each in part if isinstance(each, Sample)] for part in (corpus.trained, corpus.held_out)
    )
    # Read in any order, the sentences of a reply stand together.
    make = made.trees if settings.joins else made.rows
    main = Stage(
        "correct",
        _all(make(trained, on_fault=faults)),
        _all(make(held_out, on_fault=faults)),
        settings.epochs,
        _counting(settings, encoder, [each for each in held_out if each.place not in faults.places]),
    )
    if not settings.copy_share:
        return [main]
    # What does not fit was counted above.
    copied = _all(made.copying_rows(_share(trained, settings), on_fault=lambda _: None))
    return [Stage("copy", copied, (), settings.copy_epochs), main]


def _all(rows: Iterator[Any]) -> list[Any]:
    shows = PartialState().is_main_process
    return list(tqdm(rows, "Tokenizing", unit=" rows", disable=None if shows else True))


def _share(samples: list[Sample], settings: Settings) -> list[Sample]:
    rng = random.Random(settings.seed)  # noqa: S311  # a choice, no secret
    return rng.sample(samples, max(1, round(settings.copy_share * len(samples))))


def _counting(settings: Settings, encoder: Encoder, held_out: list[Sample]) -> Callable[[Any], Figures] | None:
    if not settings.figures_rows or not held_out or PartialState().distributed_type in SHARDED:
        return None
    counted = chosen(held_out, settings.figures_rows)
    options = {"template": settings.template, "caution": settings.caution, "warms": False}
    return partial(_count, tokenizer=encoder.tokenizer, options=options, samples=counted)


def _count(model: Any, *, tokenizer: Any, options: dict[str, Any], samples: list[Sample]) -> Figures:
    # An adapter's layers stand inside the model itself.
    base = model.get_base_model() if hasattr(model, "peft_config") else model
    # A new aligner every time: what it has read belongs to the weights of the moment.
    return figures_of(TransformersAligner.from_model(base, tokenizer, **options), samples)
