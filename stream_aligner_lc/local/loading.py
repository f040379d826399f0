"""Load a model into memory: find it, see whether it fits, say what to do if it does not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
import transformers
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from safetensors import SafetensorError, safe_open
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)
from transformers.utils import logging

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.adapted import merged
from stream_aligner_lc.local.folders import (
    PATTERNS,
    UNWANTED,
    as_folder,
    base_of,
    check_folder,
    has_tokenizer,
    is_adapter,
    read_json,
    weight_files,
)

_KEPT_ON_CPU = 1 << 30
_WORTH_A_BAR = 200_000_000
# The base of whatever HTTP client that version of the hub's library is built on.
_HTTPError: type[Exception] = HfHubHTTPError.__bases__[0]


def load(source: str, folder: Path | None, *, device: str, dtype: str, revision: str | None) -> tuple[Any, Any]:
    """Return the model, ready to run, and its tokenizer; raises `ConfigurationError` with the way out."""
    folder = folder or fetch(source, revision)
    if is_adapter(folder):
        return _load_adapted(source, folder, device=device, dtype=dtype)
    check_kind(folder)
    model, tokenizer = _read(source, folder, AutoModelForCausalLM, device=device, dtype=dtype)
    _check_vocabulary(source, model, tokenizer)
    return model, tokenizer


def load_classifier(folder: Path, *, device: str, dtype: str = "auto") -> tuple[Any, Any]:
    """Return a sequence-classification model, ready to run, and its tokenizer, by the rules of `load`."""
    return _read(str(folder), folder, AutoModelForSequenceClassification, device=device, dtype=dtype)


def _read(source: str, folder: Path, auto: Any, *, device: str, dtype: str) -> tuple[Any, Any]:
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    check_memory(folder, place, kind)
    with _told(source, place), _quiet(sum(file.stat().st_size for file in weight_files(folder))):
        tokenizer = _tokenizer(folder)
        loaded: Any = auto.from_pretrained(
            folder,
            dtype=kind,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            # Reported, and refused below in words of its own.
            ignore_mismatched_sizes=True,
        )
        model, report = loaded
        model = model.to(place).eval()
    _check_report(source, model, report)
    return model, tokenizer


def _load_adapted(source: str, folder: Path, *, device: str, dtype: str) -> tuple[Any, Any]:
    """Load the base of a LoRA adapter by the same rules, and merge the adapter into it in memory."""
    base = base_of(folder)
    try:
        model, tokenizer = load(base, as_folder(base), device=device, dtype=dtype, revision=None)
    except ConfigurationError as fault:
        raise ConfigurationError(f"{source!r} is an adapter, and its base cannot be loaded. {fault}") from fault
    with _told(source, model.device):
        model = merged(source, folder, base, model)
        tokenizer = _tokenizer(folder) if has_tokenizer(folder) else tokenizer
    _check_vocabulary(source, model, tokenizer)
    return model, tokenizer


def _tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


@contextmanager
def _told(source: str, place: torch.device) -> Iterator[None]:
    """Say in words what goes wrong while files are read."""
    try:
        yield
    except ConfigurationError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as fault:
        raise ConfigurationError(f"{_too_large(source, place)} It said: {fault}") from fault
    except ImportError as fault:
        raise ConfigurationError(f"{source!r} needs a package that is not installed: {fault}") from fault
    except Exception as fault:
        # A file can be broken in any way, and transformers then raises anything.
        raise ConfigurationError(
            f"{source!r} could not be loaded by transformers {transformers.__version__}: {type(fault).__name__}: "
            f"{_clause(str(fault))}. See that its files are whole, or `save_pretrained` it anew."
        ) from fault


def _clause(text: str) -> str:
    """Return what somebody else says, without the full stop that it may end in."""
    return text.rstrip(". \n")


def check_kind(folder: Path) -> None:
    """Raise `ConfigurationError` unless `transformers` knows the model, as one that goes on with a text."""
    config = read_json(folder / "config.json")
    kind = config["model_type"]
    if kind not in CONFIG_MAPPING and "auto_map" in config:
        raise ConfigurationError(
            f"{str(folder)!r} needs code of its own, and code of a checkpoint is never run. "
            "Use a model that `transformers` knows."
        )
    if kind not in CONFIG_MAPPING:
        raise ConfigurationError(
            f"{str(folder)!r} is of the type {kind!r}, which transformers {transformers.__version__} does not know. "
            "A newer version may: pip install -U transformers."
        )
    if CONFIG_MAPPING[kind] not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ConfigurationError(
            f"{str(folder)!r} is no causal language model, but of the type {kind!r}. "
            "Use a model that was trained to go on with a text, such as a chat model."
        )


def _check_report(source: str, model: Any, report: Mapping[str, Any]) -> None:
    way_out = "Its config.json and its weights do not belong together, or it is no causal language model."
    if missing := sorted(report["missing_keys"]):
        raise ConfigurationError(
            f"{source!r} lacks {len(missing)} of the weights of {type(model).__name__}, such as {missing[0]!r}, "
            f"which would be random. {way_out}"
        )
    if mismatched := sorted(report["mismatched_keys"]):
        name, there, wanted = mismatched[0]
        raise ConfigurationError(
            f"{source!r} has {len(mismatched)} weights of another size than its config.json says, such as {name!r} "
            f"with {tuple(there)} where it says {tuple(wanted)}. {way_out}"
        )


def _check_vocabulary(source: str, model: Any, tokenizer: Any) -> None:
    # Of added tokens a few may be without a row, such as those for images.
    rows = model.get_input_embeddings().num_embeddings
    if tokenizer.vocab_size > rows:
        raise ConfigurationError(
            f"The tokenizer of {source!r} has {tokenizer.vocab_size} tokens, and its model knows {rows}. "
            "They do not belong together: save the model's own tokenizer beside it."
        )


@contextmanager
def _quiet(num_bytes: int) -> Iterator[None]:
    """Show no progress bar for what is loaded in an instant."""
    if num_bytes > _WORTH_A_BAR or not logging.is_progress_bar_enabled():
        yield
        return
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def fetch(source: str, revision: str | None) -> Path:
    """Return the folder of a hub repository, downloaded if it is not in the cache: safetensors, no code."""
    try:
        unreachable = _unreachable(source, revision)
        folder = Path(
            snapshot_download(
                source,
                revision=revision,
                allow_patterns=PATTERNS,
                ignore_patterns=UNWANTED,
                local_files_only=unreachable is not None,
            )
        )
    except GatedRepoError as fault:
        raise ConfigurationError(
            f"{source!r} asks for an agreement. Accept it on its page and log in with `hf auth login`."
        ) from fault
    except (RepositoryNotFoundError, HFValidationError) as fault:
        raise ConfigurationError(
            f"There is no folder and no hub repository {source!r}. Check the name; a private one needs `hf auth login`."
        ) from fault
    except (_HTTPError, OSError) as fault:
        wanted = f"{source!r}" if revision is None else f"{source!r} at revision {revision!r}"
        why = unreachable or fault
        raise ConfigurationError(
            f"There is no folder {wanted}, and as a hub repository it is neither in the cache nor can it be fetched: "
            f"{type(why).__name__}: {_clause(str(why).partition(chr(10))[0])}. Go online, or give the path of a folder."
        ) from why
    try:
        check_folder(folder)
    except ConfigurationError as fault:
        raise ConfigurationError(f"The hub repository {source!r} cannot be used: {fault}") from fault
    return folder


def _unreachable(source: str, revision: str | None) -> Exception | None:
    """Return why the hub does not answer, None if it does. Asked before a download, which would wait for ever."""
    try:
        HfApi().model_info(source, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT)
    except HfHubHTTPError:
        return None
    except (_HTTPError, OSError) as fault:
        return fault
    return None


def choose_device(device: str) -> torch.device:
    """Return the device that is asked for, of "auto" the fastest there is."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        # Nothing can be read from a device that only pretends.
        torch.empty(1, device=chosen).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as fault:
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        there += ["mps"] if torch.backends.mps.is_available() else []
        raise ConfigurationError(
            f"`device={device!r}` is not there; torch {torch.__version__} sees {', '.join(there)}. "
            'Name one of these, or "auto".'
        ) from fault
    return chosen


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """Return the type of weights that is asked for, of "auto" what suits the device."""
    if dtype != "auto":
        chosen: torch.dtype = getattr(torch, dtype)
        return chosen
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32 if device.type == "cpu" else torch.float16


def check_memory(folder: Path, device: torch.device, dtype: torch.dtype) -> None:
    """Raise `ConfigurationError` if the weights alone are larger than what is free on the device."""
    needed = num_weights(folder) * dtype.itemsize
    free = free_bytes(device)
    if free is not None and needed > free:
        raise ConfigurationError(
            f"{_too_large(str(folder), device)} The weights take {_size(needed)} as {dtype}, and {_size(free)} are "
            "free."
        )


def num_weights(folder: Path) -> int:
    """Return how many numbers the weights of a model folder hold, read from the files' headers."""
    total = 0
    for file in weight_files(folder):
        try:
            with safe_open(file, "pt") as weights:
                total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
        except SafetensorError as fault:
            raise ConfigurationError(
                f"{str(file)!r} is cut off or broken: {fault}. Copy or download it again."
            ) from fault
    return total


def free_bytes(device: torch.device) -> int | None:
    """Return the free memory of a device in bytes, None where torch does not know it."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "cpu":
        return int(psutil.virtual_memory().available)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return None


def cache_bytes(device: torch.device) -> int:
    """Return how much memory of a device may hold what a model has read: half of a GPU's, less on a processor."""
    free = free_bytes(device)
    if free is None or device.type == "cpu":
        return min(_KEPT_ON_CPU, _KEPT_ON_CPU if free is None else free // 4)
    return free // 2


def _too_large(source: str, device: torch.device) -> str:
    return (
        f'{source!r} does not fit into the memory of {device}. Use a smaller model, `dtype="bfloat16"`, another '
        "`device`, or free some memory."
    )


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB"
