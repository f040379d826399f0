"""What a continuation repeats is cut away, what it says anew is not, however it is chunked."""

import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_aligner_lc.continuation import Overlap
from stream_aligner_lc.continuation.search import GrowingSearch
from tests.steps import steps

SKY = "Air scatters light. Blue light is scattered most."
LIST = "Buy this:\n\n- fresh milk\n- brown eggs"
CODE = "Like so:\n\n```python\nfor row in table:\n    print(row, end='')"


def cut(prefix, text, *, exact):
    overlap = Overlap(prefix, exact=exact)
    new = overlap.feed(text) + overlap.flush()
    assert new == text[overlap.cut :]
    return overlap.cut


# prefix, continuation, what is left of it
STARTED_OVER = {
    "an echo of everything": (SKY, f"{SKY} So the sky is blue.", " So the sky is blue."),
    "nothing but an echo": (SKY, SKY, ""),
    "an echo that goes on in a new paragraph": (SKY, f"{SKY}\n\nSo it is.", "\n\nSo it is."),
    "an echo of one short sentence": ("Sure.", "Sure. Here it is.", " Here it is."),
    "a new turn that says the first sentence again": (
        "Air scatters light, as we know. Blue most of all.",
        "Air scatters light, as we know. Red least of all.",
        " Red least of all.",
    ),
    "a new turn that ends with the first sentence": (
        "Air scatters light, as we know. Blue most of all.",
        "Air scatters light, as we know.",
        "",
    ),
    "a new turn that diverges within the second sentence": (
        "Yes. Air scatters light, as we know. Blue most of all.",
        "Yes. Air scatters light, as one knows.",
        " Air scatters light, as one knows.",
    ),
    "a new turn that repeats whole lines": (LIST, "Buy this:\n\n- fresh milk\n- bread", "\n- bread"),
    "a Chinese echo": (
        "今天的天气非常好，我们去公园。明天也是。",
        "今天的天气非常好，我们去公园。后天不是。",
        "后天不是。",
    ),
}
# These hold for both, because nobody says this by accident.
GOES_ON = {
    "a sentence after a space": (SKY, " So the sky is blue."),
    "a sentence flush left": (SKY, "So the sky is blue."),
    "a few words in common": ("The sky is blue. The sea is not.", "The sky has no end."),
    "a single word in common": ("The", "The end."),
    "the whole prefix is one word": ("The", "The"),
    "a whole line of dots": (SKY, "...\nThe end."),
    "many dots": (SKY, ".... The end."),
    "nothing": (SKY, ""),
    "whitespace only": (SKY, "  \n"),
    "a decimal that looks like a sentence": (
        "Of all the rivers it is 3. Then 5.",
        "Of all the rivers it is 3.5 km.",
    ),
    "an unfinished first sentence": ("A line of code without any end", "A line of code without an end"),
    "no prefix": ("", "Air scatters light."),
    "a prefix of whitespace": (" \n", "Air scatters light."),
    "a table row again": ("| a | b |\n|---|---|\n| 1 | 1 |", "\n| 1 | 1 |\n| 2 | 2 |"),
    "a closing brace again": ("```\nf(function () {\n  g();\n})", "\n})\n```"),
    "a number again": ("1. 10\n2. 10", "\n3. 10"),
    "No. No.": ("No.", " No."),
}


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("case", STARTED_OVER)
def test_a_reply_that_starts_over_is_cut_to_what_is_new(case, exact):
    prefix, text, rest = STARTED_OVER[case]
    assert text[cut(prefix, text, exact=exact) :] == rest


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("case", GOES_ON)
def test_a_reply_that_goes_on_is_not_touched(case, exact):
    prefix, text = GOES_ON[case]
    assert cut(prefix, text, exact=exact) == 0


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        ("Ha ha, he said.", "\nHa ha, he said."),
        (SKY, f" {SKY}"),
        (SKY, " Blue light is scattered most."),
        (SKY, "Blue light is scattered most."),
        (SKY, "... and so on."),
        ("好的。", "好的。"),
    ],
)
def test_an_exact_provider_may_repeat_itself_anywhere_but_at_the_very_start(prefix, text):
    assert cut(prefix, text, exact=True) == 0


ASKED = {
    "the last sentence": (SKY, "Blue light is scattered most. So it is.", " So it is."),
    "the last sentence after whitespace": (SKY, "\n\nBlue light is scattered most. So it is.", " So it is."),
    "nothing but the last sentence": (SKY, "Blue light is scattered most.", ""),
    "the last words": (SKY, "is scattered most. So it is.", " So it is."),
    "the last words of an open sentence": (
        "It is known that blue light",
        "known that blue light is scattered.",
        " is scattered.",
    ),
    "a short last sentence": (f"{SKY} It rains.", "It rains. It pours.", " It pours."),
    "the last line of a list": (LIST, "- brown eggs\n- bread", "\n- bread"),
    "two lines with other whitespace": (LIST, "- fresh milk  - brown eggs\n- bread", "\n- bread"),
    "a heading": (f"{SKY}\n\n## Results", "## Results\n\nNone.", "\n\nNone."),
    "a line of code": (CODE, "    print(row, end='')\nprint()", "\nprint()"),
    "a Chinese sentence": ("今天下雨。明天是晴天。", "明天是晴天。后天也是。", "后天也是。"),
    "an ellipsis": (SKY, "... and so on.", " and so on."),
    "an ellipsis of one character": (SKY, "…and so on.", "and so on."),
    "an ellipsis and the last words": (SKY, " … is scattered most. So it is.", " So it is."),
    "nothing but an ellipsis": (SKY, "...", ""),
    "the longest end, not the first": (
        "Row, row your boat. Row, row your boat.",
        "Row, row your boat. Row, row your boat. Gently.",
        " Gently.",
    ),
    "the end of a refrain rather than its start": (
        "Hear this long refrain again. One. Hear this long refrain again. Two.",
        "Hear this long refrain again. Two. Three.",
        " Three.",
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_a_model_that_was_asked_may_repeat_its_last_words(case):
    prefix, text, rest = ASKED[case]
    assert text[cut(prefix, text, exact=False) :] == rest


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        ("He said that the cat", "the cat sat."),  # too few words
        ("It is about categorisation", "isation follows."),  # not at a word
        (f"{SKY} No.", "No. Not so."),  # said twice
        (CODE, "print(row)\n"),  # code repeats itself
        (f"{CODE}\n    x = x", "\n    x = x\n"),
        ("```\n# ...", "...\nx = 1"),
    ],
)
def test_a_model_that_was_asked_is_not_cut_for_an_accident(prefix, text):
    assert cut(prefix, text, exact=False) == 0


@pytest.mark.parametrize(
    ("exact", "text", "held"),
    [
        (True, " So the sky is blue.", 0),
        (True, "So the sky is blue.", 0),
        (True, "Airy words.", 3),
        (False, " So the sky is blue.", 1),
        (False, "Not so.", 0),
        (False, "Light is blue.", 0),
        (False, "Blueish light.", 4),
    ],
)
def test_text_is_held_only_while_it_may_be_a_repetition(exact, text, held):
    overlap = Overlap(SKY, exact=exact)
    waited = [overlap.feed(character) for character in text].index(text[: held + 1])
    assert waited == held


def test_a_whole_repetition_is_decided_with_its_last_character():
    overlap = Overlap(SKY, exact=True)
    assert overlap.feed(SKY) == ""
    assert overlap.cut == len(SKY)
    assert overlap.feed(" So") == " So"


WORDS = st.sampled_from(
    ["The", "sky", "is", "blue", "and", "so.", "Yes.", "\n", "\n\n", "- a", "好的。", "...", "…", " "]
)
TEXTS = st.lists(WORDS, max_size=14).map(" ".join) | st.text("ab. \n", max_size=60)


@given(prefix=TEXTS, text=TEXTS, tail=TEXTS, exact=st.booleans(), seed=st.integers(0, 2**32))
def test_chunking_never_changes_what_is_cut(prefix, text, tail, exact, seed):
    # Half of the streams begin with an end or the start of the prefix.
    dice = random.Random(seed)
    if prefix and dice.random() < 0.5:
        place = dice.randrange(len(prefix))
        text = dice.choice([prefix[place:], prefix[:place], prefix]) + tail
    whole = cut(prefix, text, exact=exact)
    overlap, place, new = Overlap(prefix, exact=exact), 0, ""
    while place < len(text):
        size = dice.randint(1, 5)
        new += overlap.feed(text[place : place + size])
        place += size
    new += overlap.flush()
    assert (new, overlap.cut) == (text[whole:], whole)
    assert overlap.flush() == ""


@given(prefix=TEXTS, tail=TEXTS)
def test_whatever_is_cut_was_in_the_prefix_or_is_a_signal(prefix, tail):
    text = prefix[len(prefix) // 2 :] + tail
    gone = text[: cut(prefix, text, exact=False)]
    words = "".join(gone.split()).removeprefix("...").removeprefix("…")
    assert words in "".join(prefix.split())


@given(text=st.text("ab ", max_size=30), stream=st.text("ab ", max_size=40), data=st.data())
def test_the_search_finds_the_longest_end_that_the_stream_begins_with(text, stream, data):
    starts = data.draw(st.sets(st.integers(1, 30)))
    last_start = data.draw(st.integers(0, max(len(text) - 1, 0)))
    search = GrowingSearch(text, starts.__contains__, last_start=last_start)
    for character in stream:
        if search.alive:
            search.push(character)
    places = [place for place in range(last_start + 1) if place == 0 or place in starts]
    found = [len(text) - place for place in places if text[place:] and stream.startswith(text[place:])]
    waiting = [place for place in places if len(text) - place > len(stream) and text[place:].startswith(stream)]
    # A longer end that the stream has not finished yet goes before a shorter one that it has.
    if waiting and (not found or len(text) - waiting[0] > found[0]):
        assert search.alive
    else:
        assert search.found == bool(found)
        assert not found or search.matched == found[0]


# The prefix and the continuation, of about so many characters.
WORST = {
    "one letter": lambda size: ("a" * size, "a" * (size - 1) + "b"),
    "words of one letter": lambda size: ("a " * (size // 2) + "b", "a " * (size // 2 - 1) + "c"),
    "short sentences": lambda size: ("Ha ha. " * (size // 7) + "Ho.", "Ha ha. " * (size // 7 - 1) + "Hi."),
    "one Chinese character": lambda size: ("好" * size, "好" * (size - 1) + "b"),
    "empty lines": lambda size: ("x" + "\n" * size + "y", "x" + "\n" * (size - 1) + "y"),
    "another word": lambda size: ("word " * (size // 5), " new" * (size // 4)),
    "full stops": lambda size: ("." * size + "x", "." * size + "y"),
    "full stops of two kinds": lambda size: (
        "。" * (size // 2) + "x" + ".)" * (size // 4) + "y", "。" * (size // 2) + "z"
    ),
    "spaces": lambda size: ("x" + " " * size + "y" + "*" * (size // 2), "x" + " " * size + "z"),
}  # fmt: skip

all_worst = pytest.mark.parametrize("texts", WORST.values(), ids=WORST)


def cut_in_threes(prefix, text, exact):
    overlap = Overlap(prefix, exact=exact)
    for place in range(0, len(text), 3):
        overlap.feed(text[place : place + 3])
    overlap.flush()


@pytest.mark.parametrize("exact", [True, False])
@all_worst
def test_twice_the_text_is_twice_the_work_also_for_the_worst_texts(texts, exact):
    small, large = (steps(partial(cut_in_threes, *texts(size), exact)) for size in (2000, 4000))
    assert large < 2.1 * small


# Where a pattern goes back and forth, that takes minutes to hours; otherwise a second at most.
@pytest.mark.timeout(90)
@pytest.mark.parametrize("exact", [True, False])
@all_worst
def test_no_pattern_hangs_on_the_worst_texts(texts, exact):
    cut_in_threes(*texts(300_000), exact)
