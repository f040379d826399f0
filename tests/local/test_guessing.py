"""Where a correction is expected to go on in its draft. Tokens are strings here, letters or parts of words."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_aligner_lc.local.guessing import Guesses

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
SENTENCE = ["The", " sk", "y", " is", " blu", "e", " to", "day"]


def each_letter(token):
    return True


def begins_with_a_space(token):
    return token[0] == " "


def drive(draft, target, starts_word=each_letter):
    """Write `target` as a model would that is given the guesses; return them, one for each pass."""
    guesses = Guesses(draft, starts_word)
    guess, said, passes = guesses.first(), 0, []
    while True:
        passes.append("".join(guess))
        rest = target[said:]
        pairs = enumerate(zip(guess, rest, strict=False))
        right = next((at for at, (one, other) in pairs if one != other), min(len(guess), len(rest)))
        said += right
        # A model that has no more to say says so in the place of the next token.
        if said == len(target):
            return passes
        said += 1
        guess = guesses.next(right, target[said - 1])


def test_the_first_guess_is_the_draft_itself():
    assert drive(ALPHABET, ALPHABET) == [ALPHABET]
    assert drive("", "ab") == ["", "", ""]


def test_after_a_word_in_place_of_another_the_draft_goes_on_behind_it():
    assert drive(ALPHABET, ALPHABET.replace("d", "D")) == [ALPHABET, ALPHABET[4:]]


def test_after_a_word_that_was_left_out_the_draft_goes_on_behind_it():
    assert drive(ALPHABET, ALPHABET.replace("d", "")) == [ALPHABET, ALPHABET[5:]]
    assert drive(ALPHABET, ALPHABET.replace("defghijklmn", "")) == [ALPHABET, ALPHABET[15:]]


def test_after_a_word_that_was_put_in_the_draft_goes_on_before_it():
    # What was put in looks like an exchange first, until the next token shows better.
    assert drive(ALPHABET, ALPHABET.replace("d", "Dd")) == [ALPHABET, ALPHABET[4:], ALPHABET[4:]]


def test_several_words_may_be_exchanged():
    passes = drive(ALPHABET, ALPHABET.replace("d", "D").replace("m", "M").replace("z", "Z"))
    assert passes == [ALPHABET, ALPHABET[4:], ALPHABET[13:], ""]


@pytest.mark.parametrize(
    ("correction", "guesses"),
    [
        # The rest of the new word is written token by token, and the draft is guessed at behind the old one.
        (["The", " se", "a", *SENTENCE[3:]], [" is blue today", " is blue today"]),
        (["The", " wa", "l", "l", *SENTENCE[3:]], [" is blue today", " is blue today", " is blue", "day"]),
        ([*SENTENCE[:4], " grey", *SENTENCE[6:]], [" today"]),
        ([*SENTENCE[:6], " here"], [""]),
        ([*SENTENCE[:4], " v", "ery", *SENTENCE[4:]], [" today", " today", "e today"]),
        (["The", " dark", *SENTENCE[1:]], [" is blue today", "y is blue today"]),
    ],
)
def test_words_of_several_tokens_are_exchanged_as_words(correction, guesses):
    assert drive(SENTENCE, correction, begins_with_a_space) == ["".join(SENTENCE), *guesses]


def test_what_was_written_is_looked_for_in_the_draft_the_longest_end_first():
    # "b" stands at once behind, but "ab" further on.
    assert drive("xbcdefabgh", "x?abgh") == ["xbcdefabgh", "cdefabgh", "bgh"]


def test_a_single_token_is_not_looked_for_far_ahead_but_two_are():
    assert drive(ALPHABET, "a" + "qrs")[1] == ALPHABET[2:]
    assert drive(ALPHABET, "a" + "qrs")[2] == "stuvwxyz"
    assert drive(ALPHABET, "a" + "mno")[1] == ALPHABET[13:]


def test_a_guess_that_comes_to_nothing_is_followed_by_shorter_ones():
    passes = drive(ALPHABET, "abc" + "0123456" + "defghijklmnopqrstuvwxyz")
    assert passes[:8] == [ALPHABET, ALPHABET[4:], "fghijk", "ghi", "", "", "", ""]


def test_where_the_draft_is_found_again_after_many_misses_the_guess_is_of_a_bounded_length():
    passes = drive(ALPHABET, "abc" + "0123456" + "defghijklmnopqrstuvwxyz")
    assert passes[8:] == [ALPHABET[4:16], ALPHABET[17:]]


def test_one_guess_that_was_right_makes_the_next_one_long_again():
    # Four misses, then a hit, then one exchange.
    passes = drive(ALPHABET, "abc" + "0123" + "defgh" + "I" + "jklmnopqrstuvwxyz")
    assert passes[-1] == ALPHABET[9:]


words = st.text("abcAB ", max_size=30)


@settings(max_examples=300)
@given(draft=words, target=words, starts=st.sampled_from([each_letter, str.isupper, str.isspace, lambda token: False]))
@example(draft="", target="abc", starts=each_letter)
@example(draft="aaaaaaaa", target="aaaaaaaaaaaaaaaa", starts=each_letter)
def test_whatever_is_to_be_written_is_written_with_guesses_that_are_parts_of_the_draft(draft, target, starts):
    passes = drive(draft, target, starts)
    assert all(guess in draft for guess in passes)
    # Every pass but the last writes a token at least.
    assert len(passes) <= len(target) + 1


@settings(max_examples=200)
@given(target=st.text(ALPHABET, min_size=1, max_size=60))
def test_a_draft_that_comes_to_nothing_costs_few_guesses(target):
    passes = drive("0123456789" * 3, target)
    assert sum(map(len, passes[1:])) <= 30 + 6 + 3


@settings(max_examples=200)
@given(at=st.integers(0, 59), num_words=st.integers(0, 3), by=st.integers(0, 3))
def test_an_edit_anywhere_of_a_text_without_repetitions_takes_a_pass_for_each_new_word_and_one(at, num_words, by):
    draft = [f"word {number} " for number in range(60)]
    target = [*draft[:at], *(f"new {number} " for number in range(by)), *draft[at + num_words :]]
    # One more where something was put in: that shows only after the next word.
    assert len(drive(draft, target)) <= 2 + by + (by != num_words)
