"""What this machine and this environment have: packages, a device, and the aligner that serves by default."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

from stream_aligner_lc.aligners import TransformersAligner
from stream_aligner_lc.aligners.choose import MODEL_VARIABLE
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.extras import extras, version

CORE = "core"


def environment() -> dict[str, Any]:
    """Return what there is, as plain data; `aligner.problem` is None unless the aligner cannot be used."""
    return {
        "version": version(),
        "python": platform.python_version(),
        "packages": {name or CORE: {each: _version_of(each) for each in found} for name, found in extras().items()},
        "device": _device(),
        "aligner": _aligner(),
    }


def missing(environment: dict[str, Any]) -> list[str]:
    """Return the extras that are not installed as a whole."""
    return [extra for extra, found in environment["packages"].items() if None in found.values()]


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _device() -> dict[str, Any] | None:
    """Return where a local model would run, None without torch."""
    try:
        import torch  # noqa: PLC0415  # takes seconds, and not everyone has it

        from stream_aligner_lc.local.loading import choose_device, choose_dtype, free_bytes  # noqa: PLC0415
    except ImportError:
        return None
    device = choose_device("auto")
    return {
        "device": str(device),
        "name": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "dtype": str(choose_dtype("auto", device)).removeprefix("torch."),
        "free_bytes": free_bytes(device),
        "threads": torch.get_num_threads(),
    }


def _aligner() -> dict[str, Any]:
    """Return which aligner serves where none is named."""
    model = os.environ.get(MODEL_VARIABLE)
    if not model:
        return {"model": None, "from": None, "template": None, "problem": None}
    found = {"model": model, "from": MODEL_VARIABLE, "template": None}
    try:
        aligner = TransformersAligner(model)
    except ConfigurationError as fault:
        return {**found, "problem": str(fault)}
    return {**found, "template": aligner.template.name, "problem": None}
