"""What is to be known of a model that runs elsewhere: its tokenizer, and what its small files say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.folders import brief, has_tokenizer, read_json
from stream_aligner_lc.local.trained import Trained, trained_in

_FILES = ["*.json", "*.model", "*.txt", "*.jinja"]
_WAY_OUT = (
    "Pass `tokenizer=`, the folder or hub id of the model that the server runs, or `tokenizer=False` to send text."
)


class Known(NamedTuple):
    """What is known of the model."""

    encoder: Encoder
    ends: frozenset[int]
    """The tokens that end a reply."""
    max_tokens: int | None
    """How many tokens it can attend to, and was trained on, None if neither is said."""
    trained: Trained | None


def folder_of(source: str) -> Path | None:
    """Return the folder with the tokenizer that `source` names, None if it can only be a hub id."""
    folder = Path(source).expanduser()
    return folder if len(source) < 1000 and folder.is_dir() else None


def load(source: str) -> Known:
    """Load the tokenizer in a folder or on the hub; raises `ConfigurationError` if there is none."""
    try:
        # Not everyone has it, and it takes a second to import.
        from transformers import AutoTokenizer  # noqa: PLC0415
    except ImportError as fault:
        raise ConfigurationError(
            "To send token ids takes the model's tokenizer, and transformers is not installed: "
            "pip install 'stream-aligner-lc[remote]'."
        ) from fault
    folder = folder_of(source) or _fetched(source)
    if not has_tokenizer(folder):
        raise ConfigurationError(f"There is no tokenizer in {str(folder)!r}. {_WAY_OUT}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as fault:
        # A file can be broken in any way, and transformers then raises anything.
        raise ConfigurationError(
            f"The tokenizer in {str(folder)!r} cannot be loaded: {type(fault).__name__}: {fault}"
        ) from fault
    return known_of(tokenizer, _read(folder, "config.json"), _read(folder, "generation_config.json"), source)


def known_of(tokenizer: Any, config: Mapping[str, Any], generation: Mapping[str, Any], source: str) -> Known:
    """Put together what a tokenizer and the configurations beside it say."""
    encoder = Encoder(tokenizer)
    said = (settings.get("eos_token_id") for settings in (generation, config))
    ends = next((end for end in said if end is not None), tokenizer.eos_token_id)
    every_end = {*(ends if isinstance(ends, list) else [ends]), encoder.end_of_turn} - {None}
    trained = trained_in(config, source)
    text_config = config.get("text_config", config)
    limits = [text_config.get("max_position_embeddings"), None if trained is None else trained.max_tokens]
    return Known(
        encoder, frozenset(every_end), min((limit for limit in limits if limit is not None), default=None), trained
    )


def _read(folder: Path, name: str) -> dict[str, Any]:
    return read_json(folder / name) if (folder / name).is_file() else {}


def _fetched(source: str) -> Path:
    # These come with transformers.
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415
    from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    # That of whatever HTTP client the hub's library is built on.
    http_fault: type[Exception] = HfHubHTTPError.__bases__[0]
    try:
        try:
            return Path(snapshot_download(source, allow_patterns=_FILES, local_files_only=True))
        except LocalEntryNotFoundError:
            # Asked before a download, which would wait for ever.
            HfApi().model_info(source, timeout=HF_HUB_ETAG_TIMEOUT)
            return Path(snapshot_download(source, allow_patterns=_FILES))
    except (HFValidationError, http_fault, OSError, ValueError) as fault:
        raise ConfigurationError(
            f"The tokenizer of {brief(source)} is neither in a folder here nor to be had from the hub "
            f"({type(fault).__name__}). {_WAY_OUT}"
        ) from fault
