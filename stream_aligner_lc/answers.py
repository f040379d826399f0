"""What can be seen of an aligner's answer: was it cut off, and can it stand in for its draft? No I/O.

Rule: a reason may quote what this package wrote itself, never a draft or an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stream_aligner_lc.segmentation import segment

# Where providers say why a reply ended.
FINISH_KEYS = ("finish_reason", "stop_reason", "done_reason")
_CUT_OFF = {"length", "max_tokens", "MAX_TOKENS", "model_length", "content_filter", "refusal", "SAFETY"}

# What the prompts of this package are divided by, and what their form says where the correction belongs.
_TEMPLATE = re.compile(
    r"##(?:Question|Answer_Prefix|Answer_Last_Sentence|Your_Revision|Answer|Correction):"
    r"|(?:CORRECTION|EOS|CONVERSATION|FIXED PART OF THE REPLY|LAST SENTENCE):\s*\[\["
    r"|the last sentence as it should be"
    r"|Edit the following Question-Answer pair",
    re.IGNORECASE,
)
# Decoders put U+FFFD for bytes that are no character; half of a surrogate pair cannot even be written as UTF-8.
_NO_CHARACTER = re.compile(r"[\ufffd\ud800-\udfff]")
# A text of that length does not come again by chance.
_LEAST_REPEATED = 40


def cut_off(metadata: Mapping[str, Any]) -> str | None:
    """Return the reason that a provider gives for ending a text before it was complete, None if it was."""
    reasons = (metadata.get(key) for key in FINISH_KEYS)
    return next((reason for reason in reasons if isinstance(reason, str) and reason in _CUT_OFF), None)


def unusable(draft: str, text: str, *, question: str = "", prefix: str = "") -> str | None:
    """Say why `text` cannot stand in for `draft`, or None if it can.

    `question` and `prefix` are what else the aligner was shown. An aligner that runs on or loops gives itself away by
    length: a correction may grow to eight times its draft and 1,000 characters more, and to eight times as many
    sentences and 12 more, which a refusal or a list in place of a short sentence fits into. One that says its prompt
    again gives itself away by the template, or by repeating what came before the sentence; one whose tokens were cut
    in the middle of a character, by what is no character. What the draft holds itself is never held against it.
    """
    if len(text) > (limit := 8 * len(draft) + 1000):
        return f"it has {len(text)} characters where {limit} are the limit for a draft of {len(draft)}"
    if text.strip() == draft:
        return None
    shown = (draft, prefix, question)
    return _repeats(draft, text.strip(), question, prefix) or _holds(text, shown) or _runs_on(draft, text)


def _holds(text: str, shown: tuple[str, ...]) -> str | None:
    known = {mark.casefold() for each in shown for mark in _TEMPLATE.findall(each)}
    if mark := next((mark for mark in _TEMPLATE.findall(text) if mark.casefold() not in known), None):
        return f"it holds {mark!r}, which belongs to the aligner's prompt"
    known = {half for each in shown for half in _NO_CHARACTER.findall(each)}
    if half := next((half for half in _NO_CHARACTER.findall(text) if half not in known), None):
        return f"it holds U+{ord(half):04X}, which is no character but what is left of one"
    return None


def _repeats(draft: str, text: str, question: str, prefix: str) -> str | None:
    if len(prefix) >= _LEAST_REPEATED and len(text) > len(prefix) and text.startswith(prefix):
        return None if draft.startswith(prefix) else "it begins with the whole reply so far"
    # A correction may quote the question; a prompt said again holds the draft as well.
    holds_both = len(question) >= _LEAST_REPEATED and question in text and draft in text
    return "it repeats the question and the draft" if holds_both and question not in draft else None


def _runs_on(draft: str, text: str) -> str | None:
    number, of = _num_sentences(text), _num_sentences(draft)
    limit = 8 * of + 12
    return f"it has {number} sentences where {limit} are the limit for a draft of {of}" if number > limit else None


def _num_sentences(text: str) -> int:
    return sum(1 for piece in segment(text) if piece.core)
