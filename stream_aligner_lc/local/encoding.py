"""From conversations and prompt parts to token ids, every part by itself.

Rule: what comes from outside never becomes a control token, and a turn that is left open ends exactly where its text
ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.frames import Frame, Turn
from stream_aligner_lc.prompts import Part

# Text that no vocabulary joins to what follows it: a private character.
_ANCHOR = "\ue000"
# An added token with such a name is there to control, though many tokenizers do not call it special.
_TAG = re.compile("<.+>")
_BYTE_NAME, _BYTE_NAMES = "<0x41>", "<0x[0-9A-F]{2}>"
# As byte-level and SentencePiece vocabularies write it.
_SPACES = " Ġ▁"
_MOST_KNOWN, _LONGEST_KNOWN = 128, 50_000
# Shorter words of a frame, such as a colon, say nothing.
_SHORTEST_MARK = 3
_MARKUP = re.compile(r"[<\[]{1,2}[^\s<>\[\]]+[>\]]{1,2}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Encoder:
    """Token ids of conversations and texts, for one tokenizer of `transformers`."""

    def __init__(self, tokenizer: Any, *, chat_template: str | None = None) -> None:
        self.tokenizer = tokenizer
        self._frame = Frame(tokenizer, chat_template)
        self._names = _control_tokens(tokenizer, f"{tokenizer.chat_template or ''} {self._frame.source or ''}")
        # What stands for unknown characters comes from text.
        self._forbidden = self._names.keys() - {tokenizer.unk_token_id}
        self._control = self._pattern()
        self._marks = self._words_of_the_frame()
        self._adds_space = self._adds_a_space()
        # From one sentence to the next, most parts of a prompt are the same.
        self._known = lru_cache(_MOST_KNOWN)(self._part)

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer knows how a conversation is written."""
        return bool(self._frame)

    def conversation(self, turns: Sequence[Turn], *, goes_on: bool = False) -> list[int]:
        """Return the ids of a conversation inside the chat template; see `Frame.parts`."""
        return self.parts(self._frame.parts(turns, goes_on=goes_on))

    @property
    def parts_turns_by_words(self) -> bool:
        """Whether the chat template has words that a text could hold, and that are then spelled out."""
        return self._marks is not None

    @cached_property
    def end_of_turn(self) -> int | None:
        """The token with which an assistant's turn ends: the chat template's, else the tokenizer's end of a text."""
        # Some templates end a turn with text, which an answer may hold as well.
        if self._control is not None and (match := self._control.match(self._frame.after_an_answer)):
            return self.ours(match[0])[0]
        end: int | None = self.tokenizer.eos_token_id
        return end

    @property
    def end_of_answer(self) -> int:
        """`end_of_turn`, where there has to be one; raises `ConfigurationError` if there is none."""
        if self.end_of_turn is None:
            raise ConfigurationError(
                "The tokenizer has no token that ends a turn or a text. Set its `eos_token`, or a chat template."
            )
        return self.end_of_turn

    def plain(self, parts: Sequence[Part]) -> list[int]:
        """Return the ids of a prompt without a chat template, with what the tokenizer puts before a text."""
        bare, whole = self.ours("a"), self.tokenizer("a")["input_ids"]
        start = next((at for at in range(len(whole)) if whole[at : at + len(bare)] == bare), 0)
        return [*whole[:start], *self.parts(parts)]

    def parts(self, parts: Sequence[Part]) -> list[int]:
        """Return the ids of the parts, each tokenised by itself, as what follows the one before."""
        ids: list[int] = []
        for part in parts:
            is_control = bool(ids) and ids[-1] in self._forbidden
            before = self._names[ids[-1]] if is_control else _ANCHOR if ids else ""
            known = self._known if len(part.text) <= _LONGEST_KNOWN else self._part
            ids += known(before, part)
        return ids

    def ours(self, text: str) -> list[int]:
        """Return the ids of text that may hold control tokens."""
        if not text:
            return []
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=False, verbose=False)
        ids: list[int] = encoded["input_ids"]
        return ids

    def text(self, text: str, *, goes_on: bool = False) -> list[int]:
        """Return the ids of text from outside: what looks like a control token is spelled out.

        Many tokenizers put a space before a text; there is none before one that `goes_on` from another.
        """
        return self._spelled(_ANCHOR if goes_on else "", text)

    def _part(self, before: str, part: Part) -> tuple[int, ...]:
        return tuple((self._after if part.is_ours else self._spelled)(before, part.text))

    def controls(self, ids: Sequence[int]) -> list[int]:
        """Return the control tokens among `ids`, in order."""
        return [token for token in ids if token in self._forbidden]

    def starts_word(self, token: int) -> bool:
        """Say whether a token begins a word; marks are words of their own."""
        name = self.tokenizer.convert_ids_to_tokens(token) or " "
        return name[0] in _SPACES or not name[0].isalnum()

    def _spelled(self, before: str, text: str) -> list[int]:
        ids: list[int] = []
        for piece in self._pieces(_without_surrogates(text)):
            ids += self._harmless(_ANCHOR if ids else before, piece)
        return ids

    def _pieces(self, text: str) -> Iterator[str]:
        end = 0
        for match in self._marks.finditer(text) if self._marks else ():
            yield from self._cut(text[end : match.start()])
            # Letter by letter, it is another row of tokens than the one that parts the turns.
            yield from match[0]
            end = match.end()
        yield from self._cut(text[end:])

    def _cut(self, text: str) -> Iterator[str]:
        inside = [] if self._control is None else [match.start() + 1 for match in self._control.finditer(text)]
        if not inside:
            yield text
            return
        # Cut in two, a control token's name is text like any other. A half may hold another one's name.
        for start, end in pairwise([0, *inside, len(text)]):
            yield from self._cut(text[start:end])

    def _harmless(self, before: str, text: str) -> list[int]:
        ids = self._after(before, text)
        if self._forbidden.isdisjoint(ids):
            return ids
        # The tokenizer reads a control token's name where none is written: in capitals, or in wide letters.
        if len(text) == 1:
            return [token for token in ids if token not in self._forbidden]
        middle = len(text) // 2
        return self._harmless(before, text[:middle]) + self._harmless(_ANCHOR, text[middle:])

    def _after(self, before: str, text: str) -> list[int]:
        if not (self._adds_space and before):
            return self.ours(text)
        start, ids = self.ours(before), self.ours(before + text)
        # The two run together where both are unknown to the tokenizer.
        is_apart = ids[: len(start)] == start and len(ids) > len(start)
        return ids[len(start) :] if is_apart else self.ours(text)

    def _adds_a_space(self) -> bool:
        start, ids = self.ours(_ANCHOR), self.ours(_ANCHOR + "a")
        return len(ids) > len(start) > 0 and ids[len(start) :] != self.ours("a")

    def _words_of_the_frame(self) -> re.Pattern[str] | None:
        """Find what parts the turns by words: whole lines, and beside control tokens, which no text holds, markup."""
        found = set()
        for line in self._frame.marks():
            rest = [line] if self._control is None else self._control.split(line)
            found |= {line.strip()} if len(rest) == 1 else {name for each in rest for name in _MARKUP.findall(each)}
        marks = sorted((mark for mark in found if len(mark) >= _SHORTEST_MARK), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, marks))) if marks else None

    def _pattern(self) -> re.Pattern[str] | None:
        longest_first = sorted(self._names.values(), key=len, reverse=True)
        patterns = [re.escape(name) for name in longest_first]
        # Some tokenizers take the name of a byte's token for the token.
        byte = self.tokenizer.convert_tokens_to_ids(_BYTE_NAME)
        if byte != self.tokenizer.unk_token_id and byte in self.ours(_BYTE_NAME):
            patterns.append(_BYTE_NAMES)
        return re.compile("|".join(patterns)) if patterns else None


def _control_tokens(tokenizer: Any, templates: str) -> dict[int, str]:
    return {
        number: token.content
        for number, token in tokenizer.added_tokens_decoder.items()
        # Some tokenizers add runs of spaces or single letters as tokens: those are text.
        if len(token.content) > 1
        and (token.special or _TAG.fullmatch(token.content) or (token.content.strip() and token.content in templates))
    }


def _without_surrogates(text: str) -> str:
    if not _SURROGATE.search(text):
        return text
    # Two that belong together are a character; one alone cannot be written in UTF-8, which tokenizers read.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
