"""Load a model into memory: find it, see whether it fits, say what to do if it does not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import GatedRepoError, HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.folders import PATTERNS, check_folder, weight_files

_WORTH_A_BAR = 200_000_000


def load(source: str, folder: Path | None, *, device: str, dtype: str, revision: str | None) -> tuple[Any, Any]:
    """Return the model, ready to run, and its tokenizer; raises `ConfigurationError` with the way out."""
    folder = folder or fetch(source, revision)
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    check_memory(folder, place, kind)
    try:
        with _quiet(sum(file.stat().st_size for file in weight_files(folder))):
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=kind,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
        model, report = loaded
        model = model.to(place).eval()
    except (torch.OutOfMemoryError, MemoryError) as fault:
        raise ConfigurationError(f"{_too_large(source, place)} It said: {fault}") from fault
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as fault:
        raise ConfigurationError(
            f"{source!r} could not be loaded by transformers: {fault} Save it with `save_pretrained` by a version "
            "that knows it, and see that the files are whole."
        ) from fault
    if missing := sorted(report["missing_keys"]):
        raise ConfigurationError(
            f"{source!r} lacks {len(missing)} of the weights of {type(model).__name__}, such as {missing[0]!r}, "
            "which would be random. Its config.json and its weights do not belong together, or it is no causal "
            "language model."
        )
    return model, tokenizer


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
        folder = Path(snapshot_download(source, revision=revision, allow_patterns=PATTERNS))
    except GatedRepoError as fault:
        raise ConfigurationError(
            f"{source!r} asks for an agreement. Accept it on its page and log in with `hf auth login`."
        ) from fault
    except (RepositoryNotFoundError, HFValidationError) as fault:
        raise ConfigurationError(
            f"There is no folder and no hub repository {source!r}. Check the name; a private one needs `hf auth login`."
        ) from fault
    except (LocalEntryNotFoundError, OSError) as fault:
        raise ConfigurationError(
            f"There is no folder {source!r}, and as a hub repository it is neither in the cache nor can it be fetched: "
            f"{fault} Go online, or give the path of a folder."
        ) from fault
    check_folder(folder)
    return folder


def choose_device(device: str) -> torch.device:
    """Return the device that is asked for, of "auto" the fastest there is."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
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
        with safe_open(file, "pt") as weights:
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
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


def _too_large(source: str, device: torch.device) -> str:
    return (
        f'{source!r} does not fit into the memory of {device}. Use a smaller model, `dtype="bfloat16"`, another '
        "`device`, or free some memory."
    )


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB"
