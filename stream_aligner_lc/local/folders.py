"""What a folder must hold to be loaded as a model, checked before anything heavy is imported.

Weights come from safetensors files only, and no code of a checkpoint is ever run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "tekken.json")
_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_ADAPTER, _ADAPTED = "adapter_config.json", "adapter_model.safetensors"
_SMALL = ("generation_config.json", "tokenizer_config.json")
# Many of these load as if they wrote text, with a head that was trained for something else.
_OTHER_HEAD = re.compile(
    r"For(MaskedLM|\w*Classification|QuestionAnswering|MultipleChoice|\w*PreTraining|RewardModel)$"
)
PATTERNS = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
"""What is fetched of a repository on the hub."""
UNWANTED = ["original/*", "consolidated*", "onnx/*", "openvino/*"]
"""What matches these patterns and is the same weights once more."""


def as_folder(source: str) -> Path | None:
    """Return the folder that `source` names, None if it can only be the id of a repository on the hub.

    Raises `ConfigurationError` if it is neither, or a folder that is no model.
    """
    folder = Path(source).expanduser()
    if source.strip() and _is_there(folder, Path.is_dir):
        check_folder(folder)
        return folder
    if source.strip() and _is_there(folder, Path.exists):
        raise ConfigurationError(f"{source!r} is a file. Give the folder that holds config.json and the weights.")
    if _is_id(source):
        return None
    raise ConfigurationError(
        f"There is no folder {brief(source)}. Give the path of a folder saved by `save_pretrained`, or the id of a "
        "repository on the hub, such as 'organisation/name'."
    )


def check_folder(folder: Path, *, head: str = "") -> None:
    """Raise `ConfigurationError` that names what is missing, unless `folder` holds a model and its tokenizer.

    The model is to go on with a text, or to end in the `head` that is named, such as "ForSequenceClassification".
    """
    if is_adapter(folder):
        _check_adapter(folder)
        return
    if not (folder / "config.json").is_file():
        raise ConfigurationError(
            f"{str(folder)!r} is no model: there is no file config.json in that folder. "
            "Give the path of a folder saved by `save_pretrained`."
        )
    _check_config(folder, head)
    _check_tokenizer(folder)
    for name in _SMALL:
        if (folder / name).is_file():
            read_json(folder / name)
    for file in weight_files(folder):
        _check_weights(file)


def is_adapter(folder: Path) -> bool:
    """Say whether a folder holds an adapter to some other model, as `peft` saves it."""
    return (folder / _ADAPTER).is_file()


def base_of(folder: Path) -> str:
    """Return the base of an adapter: the path of a folder that is there, else a name that may be a hub id.

    What is no absolute path is looked for from here, and beside the adapter's own folder.
    """
    name = read_json(folder / _ADAPTER).get("base_model_name_or_path")
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(
            f"{str(folder)!r} is an adapter that does not say of what. Write the folder of its base, or its hub id, as "
            f"`base_model_name_or_path` into {_ADAPTER}."
        )
    places = [Path(name).expanduser(), folder.absolute().parent / name]
    return next((str(place) for place in places if _is_there(place, Path.is_dir)), name)


def has_tokenizer(folder: Path) -> bool:
    """Say whether a tokenizer stands in a folder."""
    return any((folder / name).is_file() for name in _TOKENIZERS)


def adapter_weights(folder: Path) -> Path:
    """Return the safetensors file of an adapter; raises `ConfigurationError` if there is none."""
    if not (folder / _ADAPTED).is_file():
        raise _without_weights(folder, _ADAPTED)
    return folder / _ADAPTED


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model folder; raises `ConfigurationError` if some are missing."""
    if (folder / _SINGLE).is_file():
        return [folder / _SINGLE]
    if (folder / _INDEX).is_file():
        return _shards(folder)
    raise _without_weights(folder, _SINGLE)


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raises `ConfigurationError` if there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise ConfigurationError(f"{str(file)!r} is no JSON: {fault}. Copy or download it again.") from fault
    except OSError as fault:
        raise ConfigurationError(f"{str(file)!r} cannot be read: {fault.strerror}. See who owns it.") from fault
    if not isinstance(content, dict):
        raise ConfigurationError(f"{str(file)!r} holds no JSON object. Copy or download it again.")
    return content


def brief(source: str) -> str:
    """Show a name as it is, and what is too long to be one by its start: somebody may have passed a prompt."""
    return repr(source) if len(source) <= 300 else f"{source[:300]!r}..."


def _without_weights(folder: Path, name: str) -> ConfigurationError:
    others = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth", "*.gguf") for file in folder.glob(pattern))
    if others:
        return ConfigurationError(
            f"{str(folder)!r} has its weights in {others[0]}, and only safetensors are loaded, because a pickle can "
            "run code. Load it once where you trust it, and `save_pretrained` it anew."
        )
    return ConfigurationError(
        f"{str(folder)!r} has no weights: there is no file {name}. Save the model there with "
        "`model.save_pretrained(folder)`."
    )


def _check_adapter(folder: Path) -> None:
    config = read_json(folder / _ADAPTER)
    # One for Megatron names a module that is imported.
    if config.get("peft_type") != "LORA" or config.get("megatron_config"):
        raise ConfigurationError(
            f"{str(folder)!r} holds an adapter of the kind {config.get('peft_type')!r}, and only LoRA is merged into "
            "its base here. Merge it yourself, and `save_pretrained` the whole model."
        )
    _check_weights(adapter_weights(folder))
    base = Path(base_of(folder))
    if not base.is_dir():
        _check_is_id(folder, str(base))
        return
    if is_adapter(base):
        raise ConfigurationError(
            f"{str(folder)!r} is an adapter of {str(base)!r}, which is an adapter itself. Merge that one into its base "
            "first: `PeftModel.from_pretrained(base, folder).merge_and_unload().save_pretrained(...)`."
        )
    try:
        check_folder(base)
    except ConfigurationError as fault:
        raise ConfigurationError(f"The base of the adapter {str(folder)!r} cannot be used: {fault}") from fault


def _check_is_id(folder: Path, base: str) -> None:
    if not _is_id(base):
        raise ConfigurationError(
            f"{str(folder)!r} is an adapter of {base!r}, and there is no such folder. Put its base back there, or "
            f"write where it is into {_ADAPTER}, as `base_model_name_or_path`."
        )


def _is_id(source: str) -> bool:
    is_short = len(Path(source).parts) <= 2 and bool(source.strip())
    return is_short and not source.startswith((".", "/", "~")) and "\\" not in source


def _is_there(folder: Path, test: Callable[[Path], bool]) -> bool:
    try:
        return test(folder)
    except OSError:
        # No name of a file is so long.
        return False


def _shards(folder: Path) -> list[Path]:
    index = read_json(folder / _INDEX).get("weight_map")
    names = sorted(set(index.values())) if isinstance(index, dict) else []
    # A folder's weights are in the folder.
    if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise ConfigurationError(
            f"{str(folder / _INDEX)!r} does not name the weight files beside it. Copy or download the folder again."
        )
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"{str(folder)!r} lacks {len(missing)} of {len(names)} weight files: {', '.join(missing[:3])}. "
            "Copy or download the folder again."
        )
    return [folder / name for name in names]


def _check_config(folder: Path, head: str) -> None:
    config = read_json(folder / "config.json")
    if head and not any(str(name).endswith(head) for name in config.get("architectures") or ()):
        raise ConfigurationError(
            f"{str(folder)!r} is no model that ends in {head}: its config.json names {config.get('architectures')!r}."
        )
    others = [] if head else [name for name in config.get("architectures") or () if _OTHER_HEAD.search(str(name))]
    if others or (not head and config.get("is_encoder_decoder")):
        raise ConfigurationError(
            f"{str(folder)!r} is no causal language model, but {others[0] if others else 'an encoder and a decoder'}. "
            "Use a model that was trained to go on with a text, such as a chat model."
        )
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
    if not has_tokenizer(folder):
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
