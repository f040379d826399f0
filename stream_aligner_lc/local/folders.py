"""What a folder must hold to be loaded as a model, checked before anything heavy is imported.

Weights come from safetensors files only, and no code of a checkpoint is ever run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "tekken.json")
_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
PATTERNS = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
"""What is fetched of a repository on the hub."""


def as_folder(source: str) -> Path | None:
    """Return the folder that `source` names, None if it can only be the id of a repository on the hub.

    Raises `ConfigurationError` if it is neither, or a folder that is no model.
    """
    folder = Path(source).expanduser()
    if source.strip() and folder.is_dir():
        check_folder(folder)
        return folder
    if folder.exists():
        raise ConfigurationError(f"{source!r} is a file. Give the folder that holds config.json and the weights.")
    is_id = len(Path(source).parts) <= 2 and not source.startswith((".", "/", "~")) and "\\" not in source
    if is_id and source.strip():
        return None
    raise ConfigurationError(
        f"There is no folder {source!r}. Give the path of a folder saved by `save_pretrained`, or the id of a "
        "repository on the hub, such as 'organisation/name'."
    )


def check_folder(folder: Path) -> None:
    """Raise `ConfigurationError` that names what is missing, unless `folder` holds a model and its tokenizer."""
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise ConfigurationError(
                f"{str(folder)!r} holds an adapter, not a whole model. Merge it into its base model first: "
                "`PeftModel.from_pretrained(base, folder).merge_and_unload().save_pretrained(...)`."
            )
        raise ConfigurationError(
            f"{str(folder)!r} is no model: there is no file config.json in that folder. "
            "Give the path of a folder saved by `save_pretrained`."
        )
    _check_config(folder)
    _check_tokenizer(folder)
    for file in weight_files(folder):
        _check_weights(file)


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model folder; raises `ConfigurationError` if some are missing."""
    index = folder / _INDEX
    names = [_SINGLE]
    if index.is_file():
        names = sorted(set(_read(index).get("weight_map", {}).values()))
    missing = [name for name in names if not (folder / name).is_file()]
    if not missing and names:
        return [folder / name for name in names]
    if index.is_file():
        raise ConfigurationError(
            f"{str(folder)!r} lacks {len(missing)} of {len(names)} weight files: {', '.join(missing[:3])}. "
            "Copy or download the folder again."
        )
    others = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth", "*.gguf") for file in folder.glob(pattern))
    if others:
        raise ConfigurationError(
            f"{str(folder)!r} has its weights in {others[0]}, and only safetensors are loaded, because a pickle can "
            "run code. Load it once where you trust it, and `save_pretrained` it anew."
        )
    raise ConfigurationError(
        f"{str(folder)!r} has no weights: there is no file {_SINGLE}. Save the model there with "
        "`model.save_pretrained(folder)`."
    )


def _check_config(folder: Path) -> None:
    config = _read(folder / "config.json")
    if "model_type" in config:
        return
    if "auto_map" in config:
        raise ConfigurationError(
            f"{str(folder)!r} needs code of its own, and code of a checkpoint is never run. "
            "Use a model that `transformers` knows."
        )
    raise ConfigurationError(
        f"{str(folder)!r} does not say what it is: there is no `model_type` in its config.json. "
        "Save it with `model.save_pretrained(folder)`."
    )


def _check_tokenizer(folder: Path) -> None:
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ConfigurationError(
            f"{str(folder)!r} has no tokenizer: none of {', '.join(_TOKENIZERS)} is there. "
            "Save it beside the weights with `tokenizer.save_pretrained(folder)`."
        )


def _check_weights(file: Path) -> None:
    with file.open("rb") as opened:
        start = opened.read(24)
    if start.startswith(b"version https://git-lfs"):
        raise ConfigurationError(f"{str(file)!r} is a pointer to the weights, not the weights. Run `git lfs pull`.")
    length = int.from_bytes(start[:8], "little")
    if len(start) < 8 or length + 8 > file.stat().st_size:
        raise ConfigurationError(f"{str(file)!r} is cut off or no safetensors file. Copy or download it again.")


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise ConfigurationError(f"{str(file)!r} is no JSON: {fault}. Copy or download it again.") from fault
    if not isinstance(content, dict):
        raise ConfigurationError(f"{str(file)!r} holds no JSON object. Copy or download it again.")
    return content
