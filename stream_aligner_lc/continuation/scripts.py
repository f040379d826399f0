"""Which characters belong to writing systems that put no space between words. Plain Python."""

import re

# Han with its extensions and radicals, Kana, Bopomofo, Yi, Thai, Lao, Tibetan, Myanmar, Khmer, and the
# full-width forms; Hangul is absent because Korean does put spaces between words.
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u2e80-\u2fdf\u3000-\u30ff\u3100-\u312f"
    "\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\ufe30-\ufe4f"
    "\uff01-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)


def is_spaceless(character: str) -> bool:
    """Tell whether `character` is written without a space before and after it.

    >>> is_spaceless("语"), is_spaceless("ไ"), is_spaceless("。"), is_spaceless("글"), is_spaceless("a")
    (True, True, True, False, False)
    """
    return _SPACELESS.match(character) is not None


def columns(text: str) -> int:
    """Measure how much `text` says: a character of a spaceless script counts twice.

    One Han character says about as much as two or three letters, so one threshold serves every script.
    """
    return len(text) + len(_SPACELESS.findall(text))
