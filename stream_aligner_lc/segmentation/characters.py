"""Classes of characters: what ends a sentence, what opens, what closes, what has no capitals."""

import re
import unicodedata

# These end a sentence only before whitespace: they also stand in numbers, names and addresses.
WEAK = ".!?…‥‼⁇⁈⁉\u037e"
# These end a sentence whatever follows.
STRONG = "。！？｡．︒﹒﹖﹗؟۔।॥։።፧፨។៕။།༎෴᠃᠉܀܁܂᭞᭟꧉᱾᱿꯫"
TERMINATORS = WEAK + STRONG

# What closes each opener. Straight quotes and reversed guillemets are told apart by what surrounds them.
PAIRS = dict(zip("([{（［｛【〔《〈「『｢〝“‘«‹", ")]}）］｝】〕》〉」』｣〟”’»›", strict=True)) | {
    "„": "“”",
    "‚": "‘’",
    "»": "«»",
    "›": "‹›",
    "”": "”",
    "’": "’",
    '"': '"',
    "'": "'",
}
OPENERS = frozenset(PAIRS)
CLOSERS = frozenset("".join(PAIRS.values()))
# The same character opens and closes, by language or always.
TWO_FACED = frozenset("“‘”’«»‹›\"'")

MARKUP = "*_~"
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\u2066\u2067\u2068\u2069\u202a\u202b\u202c\u202d\u202e\ufeff"
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹†‡§"

_HAN = (
    r"\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\uff66-\uff9f\U00020000-\U0003134f"
)
# Scripts written without spaces between words.
_SPACELESS = _HAN + r"\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff。！？，、；：」』）】》”’"
_is_han = re.compile(f"[{_HAN}]").match
_is_spaceless = re.compile(f"[{_SPACELESS}]").match
# Letters that can stand for a name: alphabets, not syllabaries or ideographs.
_is_alphabetic = re.compile(r"[A-Za-zÀ-ɏͰ-Ͽἀ-῿Ѐ-ԯԱ-֏א-ת؀-ۿႠ-ჿḀ-ỿ]").match
_is_emoji = re.compile(
    r"[\U0001f000-\U0001faff\u2600-\u2793\u2795-\u2797\u27b0\u27bf\u2b50\u2b55\u2b1b\u2b1c\u231a\u231b\u23e9-\u23f3]"
).match
_EMOJI_TAIL = re.compile("[\u200d\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


def is_han(c: str) -> bool:
    """Tell whether `c` is an ideograph or kana."""
    return bool(c) and _is_han(c) is not None


def is_spaceless(c: str) -> bool:
    """Tell whether `c` belongs to a script whose lines are not wrapped at spaces."""
    return bool(c) and _is_spaceless(c) is not None


def is_alphabetic(c: str) -> bool:
    """Tell whether one letter `c` and a dot can be an initial."""
    return bool(c) and _is_alphabetic(c) is not None


def is_emoji(c: str) -> bool:
    """Tell whether `c` starts an emoji."""
    return bool(c) and _is_emoji(c) is not None


def is_emoji_tail(c: str) -> bool:
    """Tell whether `c` continues an emoji."""
    return bool(c) and (_EMOJI_TAIL.match(c) is not None or _is_emoji(c) is not None)


def is_lower(c: str) -> bool:
    """Tell whether `c` is a small letter of a script that has capitals at sentence starts."""
    # Georgian letters count as lower case in Unicode, but sentences start with them.
    return c.islower() and not "ა" <= c <= "ჿ" and c not in "ªº"


def sticks(c: str) -> bool:
    """Tell whether `c` must not be parted from the character before it."""
    if c < "\u0300":
        return False
    if c in "\u200c\u200d" or "\ufe00" <= c <= "\ufe0f" or "\U000e0020" <= c <= "\U000e01ef":
        return True
    if "\U0001f3fb" <= c <= "\U0001f3ff" or "\udc00" <= c <= "\udfff" or "\u1160" <= c <= "\u11ff":
        return True
    return unicodedata.category(c).startswith("M")
