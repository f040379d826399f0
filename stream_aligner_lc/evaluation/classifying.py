"""Score replies with a sequence-classification model: a reward model, or one that tells safe from unsafe."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.evaluation.judging.judge import question_of
from stream_aligner_lc.local.folders import check_folder, read_json
from stream_aligner_lc.resumable.outcomes import Tokens


class Classifier:
    """A folder that `save_pretrained` wrote, with the head of `AutoModelForSequenceClassification`.

    Of a model with one output (a reward model) the score is that output; of one with several labels it is the
    probability of `label`. The conversation and the reply are rendered by the tokenizer's chat template if it has one,
    else read as a pair of texts. Weights are read from safetensors files only, and no code of the folder is run.

    Raises `ConfigurationError` for a folder or a label that cannot be used.
    """

    def __init__(self, folder: str | Path, label: str | None = None, *, device: str = "auto") -> None:
        self.folder = Path(folder).expanduser()
        check_folder(self.folder, head="ForSequenceClassification")
        self.name = self.folder.name if label is None else f"{self.folder.name} {label}"
        self.device = device
        self.index = _index(self.folder, label)
        self._turn = threading.Lock()

    @property
    def terms(self) -> dict[str, Any]:
        """What must be the same where scoring goes on."""
        return {"classifier": str(self.folder.resolve()), "output": self.index}

    def score(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Return the scores of a row's bare and aligned reply."""
        return {name: self._scored(row, row[name]["text"]) for name in ("bare", "aligned")}

    async def ascore(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], Tokens]:
        """Do what `score` does, in a thread; the tokens are none, because nobody is asked."""
        return await asyncio.to_thread(self.score, row), Tokens()

    def _scored(self, row: Mapping[str, Any], reply: str) -> float:
        import torch  # noqa: PLC0415  # an extra

        with self._turn, torch.inference_mode():
            model, tokenizer = self._loaded
            read = _read(tokenizer, row, reply, model.config.max_position_embeddings)
            logits = model(**read.to(model.device)).logits[0].float()
            return float(logits[0] if len(logits) == 1 else logits.softmax(-1)[self.index])

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from stream_aligner_lc.local.loading import load_classifier  # noqa: PLC0415  # an extra

        model, tokenizer = load_classifier(self.folder, device=self.device)
        # Of what is too long the beginning goes: the reply is what is scored, and it comes last.
        tokenizer.truncation_side = "left"
        return model, tokenizer


def _read(tokenizer: Any, row: Mapping[str, Any], reply: str, limit: int | None) -> Any:
    room = min(limit or tokenizer.model_max_length, tokenizer.model_max_length)
    how: dict[str, Any] = {"return_tensors": "pt", "truncation": True, "max_length": room}
    if tokenizer.chat_template:
        messages = [*row["messages"], {"role": "assistant", "content": reply}]
        return tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **how)
    return tokenizer(question_of(row), reply, **how)


def _index(folder: Path, label: str | None) -> int:
    config = read_json(folder / "config.json")
    labels = {str(name): int(number) for name, number in (config.get("label2id") or {}).items()}
    count = len(config.get("id2label") or labels) or int(config.get("num_labels", 2))
    if count == 1 and label is None:
        return 0
    known = {name.casefold(): number for name, number in labels.items()}
    if label is not None and label.casefold() in known:
        return known[label.casefold()]
    named = ", ".join(map(repr, sorted(labels, key=labels.__getitem__))) or "none that has a name"
    if label is None:
        raise ConfigurationError(
            f"{str(folder)!r} has {count} labels: {named}. Say whose probability is the score, as in '{folder}::LABEL'."
        )
    raise ConfigurationError(f"{str(folder)!r} has no label {label!r}. There are: {named}.")
