"""What a checkpoint says of itself as an aligner: it stands in its config.json, and nobody has to name it again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.folders import read_json
from stream_aligner_lc.prompts import TEMPLATES

KEY = "stream_aligner"
"""The name under which it stands in config.json."""


@dataclass(frozen=True)
class Trained:
    """How an aligner was trained."""

    template: str
    granularity: str = "sentence"
    max_tokens: int | None = None
    """The longest row that it saw."""
    caution: float = 0.0
    """How much it must prefer a change to make it; see `caution.py`."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, as they are saved."""
        return asdict(self)


def trained_in(config: Mapping[str, Any], source: str) -> Trained | None:
    """Read what a configuration says; None if it says nothing. Raises `ConfigurationError` for an unknown template."""
    said = config.get(KEY)
    if not isinstance(said, Mapping):
        return None
    template, limit = said.get("template"), said.get("max_tokens")
    if not isinstance(template, str) or template not in TEMPLATES:
        raise ConfigurationError(
            f"{source!r} was trained in the template {template!r}, which this version does not know; it knows "
            f"{', '.join(map(repr, TEMPLATES))}. Install a newer one, or name a template with `template=`."
        )
    is_limit = isinstance(limit, int) and not isinstance(limit, bool) and limit > 0
    caution = said.get("caution", 0.0)
    is_caution = isinstance(caution, int | float) and not isinstance(caution, bool) and 0 <= caution < math.inf
    return Trained(
        template,
        str(said.get("granularity", "sentence")),
        limit if is_limit else None,
        float(caution) if is_caution else 0.0,
    )


def trained_in_folder(folder: Path | None) -> Trained | None:
    """Read what the config.json of a folder says; None if there is no such file, or it says nothing."""
    file = None if folder is None else folder / "config.json"
    return trained_in(read_json(file), str(folder)) if file is not None and file.is_file() else None
