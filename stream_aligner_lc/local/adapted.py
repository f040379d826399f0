"""A LoRA adapter and its base, made one model in memory: the base's own code, safetensors only."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from safetensors import safe_open

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.folders import adapter_weights, read_json
from stream_aligner_lc.local.trained import KEY


def merged(source: str, folder: Path, base: str, model: Any) -> Any:
    """Return `model`, the loaded `base` of the adapter in `folder`, with the adapter in its weights.

    What the adapter's own configuration says of it as an aligner becomes the model's. Raises `ConfigurationError` if
    the adapter's weights are not for this base, or `peft` is not installed.
    """
    try:
        from peft import PeftModel, get_peft_model_state_dict  # noqa: PLC0415  # not everyone has it
    except ModuleNotFoundError as fault:
        raise ConfigurationError(
            f"{source!r} is an adapter, and to merge it into its base needs {fault.name}, which is not installed: "
            "pip install 'stream-aligner-lc[train]'. Or train with `--merge`."
        ) from fault
    with warnings.catch_warnings():
        # What is missing is refused below in words of its own; the rest is about names inside of `transformers`.
        warnings.simplefilter("ignore")
        adapted = PeftModel.from_pretrained(model, str(folder), torch_device=str(model.device))
    wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    with safe_open(adapter_weights(folder), "pt") as weights:
        unlike = sorted(wanted.symmetric_difference(weights.keys()))
    if unlike:
        raise ConfigurationError(
            f"The weights of the adapter {source!r} are not for its base {base!r}: {len(unlike)} are missing or belong "
            f"to nothing, such as {unlike[0]!r}. Name the base that it was trained on in adapter_config.json."
        )
    # As a model is that has never been an adapter's base.
    whole = adapted.merge_and_unload().eval().requires_grad_(requires_grad=True)
    config = folder / "config.json"
    if config.is_file() and (said := read_json(config).get(KEY)):
        setattr(whole.config, KEY, said)
    return whole
