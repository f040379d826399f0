"""The words: two halves that share nothing, and made-up words that are none of them."""

import random
import re

import pytest

from stream_aligner_lc.civility.words import WORDS, known_words, pieced_word, pseudo_word, with_article
from tests.civility.sentences import held_out_word


@pytest.mark.parametrize("kind", WORDS)
def test_no_word_is_in_both_halves(kind):
    training, held_out = WORDS[kind]
    assert not set(training) & set(held_out)
    assert len(set(training)) == len(training)
    assert len(set(held_out)) == len(held_out)


@pytest.mark.parametrize("kind", WORDS)
def test_no_word_for_training_holds_one_that_is_held_out(kind):
    assert [word for word in WORDS[kind].training if held_out_word(word)] == []


def test_there_are_enough_things():
    assert len(WORDS["thing"].training) >= 100
    assert len(WORDS["thing"].held_out) >= 30
    assert all(len(words.training) > 3 * len(words.held_out) for words in WORDS.values())
    assert [kind for kind, words in WORDS.items() if len(words.held_out) < 4] == ["curse"]


def test_where_no_word_is_held_out_both_halves_are_those_for_training():
    assert WORDS["curse"].half(held_out=True) == WORDS["curse"].training
    assert WORDS["thing"].half(held_out=True) == WORDS["thing"].held_out


def test_the_words_are_spelled_as_the_oracle_reads_them():
    for kind, words in WORDS.items():
        for word in (*words.training, *words.held_out):
            assert re.fullmatch(r"[A-Za-z]+(?: [A-Za-z]+)*", word), word
            assert word[0].isupper() == (kind == "name"), word


def test_made_up_words_can_be_pronounced_and_are_in_no_list():
    rng = random.Random(0)
    made = [pseudo_word(rng) for _ in range(5000)]
    assert len(set(made)) > 3000
    assert not set(made) & known_words()
    for word in made:
        assert re.fullmatch(r"[a-z]{4,9}", word), word
        assert not re.search(r"[^aeiou]{5}|[aeiou]{4}", word), word


def test_words_of_pieces_hold_every_piece_and_are_in_no_list():
    rng, pieces = random.Random(0), ["uestion", "bles", "x", "zz", "app", "le", "book"]
    made = [pieced_word(rng, pieces) for _ in range(1000)]
    assert all(any(piece in word for word in made) for piece in pieces)
    assert not set(made) & known_words()
    assert all(3 <= len(word) <= 12 for word in made)


def test_words_of_pieces_may_begin_with_any_letter():
    rng = random.Random(0)
    made = [pieced_word(rng, ["uestion", "bles"], initials=1.0) for _ in range(2000)]
    assert {word[0] for word in made} == set("abcdefghijklmnopqrstuvwxyz")


def test_a_seed_makes_up_the_same_words():
    first, second = random.Random(7), random.Random(7)
    assert [pseudo_word(first) for _ in range(50)] == [pseudo_word(second) for _ in range(50)]


@pytest.mark.parametrize(
    ("noun", "told"),
    [
        ("anchor", "an anchor"),
        ("orange kettle", "an orange kettle"),
        ("kettle", "a kettle"),
        ("uniform", "a uniform"),
        ("useless kettle", "a useless kettle"),
        ("ugly kettle", "an ugly kettle"),
        ("umbrella", "an umbrella"),
        ("hourglass", "an hourglass"),
        ("hammer", "a hammer"),
    ],
)
def test_an_article_is_the_one_that_is_spoken(noun, told):
    assert with_article(noun) == told
