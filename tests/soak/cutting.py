"""What is left of a script whose upstream was cut off by `max_tokens`: the beginning that it could say."""

from dataclasses import replace

from tests.soak.scripts import FAILS, INSTEAD, Sentence
from tests.soak.scripts import MARK as RAW


def cut_off(scenario, place):
    """Return the scenario of an upstream that says so many characters of its text and ends with "length"."""
    sentences, start = [], 0
    for each in scenario.sentences:
        if (said := (each.raw + each.after)[: max(place - start, 0)]).strip():
            sentences.append(_fragment(each, said))
        start += len(each.raw + each.after)
    return replace(scenario, sentences=tuple(sentences), finish="length")


def _fragment(sentence, said):
    raw = said.rstrip()
    after = said[len(raw) :]
    if raw == sentence.raw:
        return replace(sentence, after=after)
    if sentence.answer in FAILS or sentence.answer == "remove":
        return Sentence(raw, after, sentence.answer, raw if sentence.answer in FAILS else "", sentence.kind)
    shown = _mended(raw)
    # An aligner that ends the reply with its correction has nothing to correct yet.
    answer = sentence.answer if sentence.answer in ("accept", "slow") else "accept" if shown == raw else "replace"
    return Sentence(raw, after, answer, shown, sentence.kind)


def _mended(raw):
    mended = raw.replace(RAW, INSTEAD)
    partly = next((size for size in range(len(RAW) - 1, 0, -1) if mended.endswith(RAW[:size])), 0)
    return mended[: len(mended) - partly].rstrip()
