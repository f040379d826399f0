"""Keep a user's terminal to what a training has to say: nothing of libraries about what is done here on purpose."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as transformers_logging

_WARNINGS = (
    # The name by which older versions know it, too.
    r"`(is_)?gradient_checkpointing` is deprecated",
    # A resumed run reads the state that it wrote itself.
    r".*weights_only",
)
_LOGGED = (
    # Checkpoints that follow each other within a second.
    "mtime may not be reliable",
    # Told to pad with what the tokenizer has; the saved configuration stays the base's.
    "The tokenizer has new PAD/BOS/EOS tokens",
)


@contextmanager
def calm() -> Iterator[None]:
    """Pass over such warnings, and the bars with which files are read and written."""
    logger = logging.getLogger("transformers")
    handlers, had_bars = list(logger.handlers), transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for handler in handlers:
        handler.addFilter(_is_news)
    try:
        with warnings.catch_warnings():
            for message in _WARNINGS:
                warnings.filterwarnings("ignore", message=message, category=FutureWarning)
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(_is_news)
        if had_bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_LOGGED)
