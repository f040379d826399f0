"""Ask a library, or the caller, whether a word is an abbreviation. Nothing it does may reach the stream."""

import importlib
from collections.abc import Callable
from functools import lru_cache

CACHED_WORDS = 4096
CACHED_LANGUAGES = 64

Oracle = Callable[[str], bool]


def guarded(oracle: Oracle) -> Oracle:
    """Return `oracle` with a bounded memory; whatever goes wrong in it, and whatever is not True, is False.

    Only what asks the whole program to stop comes through.
    """

    @lru_cache(maxsize=CACHED_WORDS)
    def ask(word: str) -> bool:
        try:
            return oracle(word) is True
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException:  # noqa: BLE001 -- a panic of a Rust extension derives from BaseException
            return False

    return ask


def sentencex_oracle(lang: str | None) -> Oracle:
    """Return an oracle that asks the package `sentencex`; ValueError where it is not installed."""
    try:
        importlib.import_module("sentencex")
    except ImportError:
        raise ValueError(
            "oracle='sentencex' needs the package `sentencex`, which is not installed: "
            'run `pip install "stream-aligner-lc[sentencex]"`, or leave `oracle` out.'
        ) from None
    return _oracle_of((lang or "en").replace("_", "-").split("-")[0].lower())


@lru_cache(maxsize=CACHED_LANGUAGES)
def _oracle_of(code: str) -> Oracle:
    sentencex = importlib.import_module("sentencex")

    def is_abbreviation(word: str) -> bool:
        # The word is always seen in the same context, so its answer cannot change as the text goes on.
        return len(sentencex.segment(code, f"Aa {word}. Bbb ccc.")) == 1

    return guarded(is_abbreviation)
