"""The whitespace between released text and the continuation of a restarted upstream. Plain Python."""

import re

from stream_aligner_lc.continuation.scripts import is_spaceless

# A line that means something to Markdown only where a line starts.
_BLOCK = re.compile(r"[-*+•](?:\s|$)|\d{1,9}[.)](?:\s|$)|#{1,6}\s|>|\||`{3}|~{3}|(?:-{3,}|\*{3,}|_{3,})\s*$")
# Of these, the ones that cannot be meant as running text: `a - b` may be a dash, a fence is always a fence.
_BLOCK_FOR_SURE = re.compile(r"#{1,6}\s|(?:`{3,}|~{3,})[^`\n]*(?:\n|$)")
# A stop only counts as closing if nothing is glued to it: `.5`, `.gitignore` and `:)` start something.
_CLOSING = re.compile(r"(?![:;]-?[()])[,.;:!?%)\]}”’»›…]+(?=\s|$)|[、。，．：；！？）】」』〉》〕｝～]")
_LETTER = re.compile(r"[^\W\d_]")


def join(released: str, held: str, lead: str, core: str) -> str:
    r"""Return the whitespace to put before `core`, the first core after a restart.

    `released` is all text so far (it never ends in whitespace), `held` the whitespace that followed the
    replaced sentence in the old stream, `lead` the whitespace with which the continuation itself starts.
    The first of these that applies:

    1. The start of a reply gets nothing.
    2. A Markdown block marker at the start of `core` needs a line of its own: without a newline in `lead`,
       the newlines of `held` win; without any in `held` either, a heading or fence gets `"\n"`, and so does
       every other marker unless `lead` says that the text runs on.
    3. `lead`, if there is any: the upstream knew the text that it continued, `held` belongs to one that is
       gone. So a paragraph break in `held` yields to a single space in `lead`.
    4. Closing punctuation gets nothing, unless `held` has a newline.
    5. `held`, if there is any: providers trim, and models without prefill start their answer flush left.
    6. Nothing between characters of scripts without spaces (Han, Kana, Thai, ...) or after their punctuation.
    7. One space.

    >>> join("It rains.", "\n\n", " ", "It pours."), join("It rains.", "\n\n", "", "It pours.")
    (' ', '\n\n')
    >>> join("Buy:", "\n", " ", "- milk"), join("今天下雨。", "", "", "明天晴。")
    ('\n', '')
    """
    if not released:
        return ""
    if "\n" not in lead and _BLOCK.match(core):
        if "\n" in held:
            return held
        if _BLOCK_FOR_SURE.match(core) or not lead:
            return "\n"
    if lead:
        return lead
    if "\n" not in held and _CLOSING.match(core):
        return ""
    return held or ("" if _runs_on(released, core) else " ")


def _runs_on(released: str, core: str) -> bool:
    if is_spaceless(released[-1]) and not _LETTER.match(released[-1]):
        return True
    before = next((character for character in reversed(released) if _LETTER.match(character)), "")
    after = _LETTER.search(core)
    return bool(before) and after is not None and is_spaceless(before) and is_spaceless(after[0])
