"""Ordinary sentences: broad, one sentence each, rude to nobody; and the ones to test with, which are none of them."""

import random
import re
from pathlib import Path

import pytest

from stream_aligner_lc.civility import ordinary, rude, talk
from stream_aligner_lc.civility.rude import Rude, civil_version
from tests.civility.sentences import held_out_word, is_one_sentence, is_well_formed

TO_TEST_WITH = (Path(__file__).parents[2] / "examples" / "sums" / "ordinary.txt").read_text().splitlines()


def _grams(text):
    words = re.findall(r"[a-z0-9']+", text.lower())
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


@pytest.mark.parametrize("sentences", [ordinary.by_hand(), TO_TEST_WITH], ids=["training", "testing"])
def test_every_sentence_by_hand_is_one_sentence_and_is_left_alone(sentences):
    assert len(set(sentences)) == len(sentences)
    for sentence in sentences:
        assert is_one_sentence(sentence), sentence
        assert sentence == sentence.strip(), sentence
        assert civil_version(sentence) is None, sentence


def test_there_are_enough_of_them():
    assert len(ordinary.by_hand()) >= 350
    assert len(ordinary.shapes()) >= 150
    assert len(TO_TEST_WITH) == 200


def test_scrambled_sentences_make_little_sense_and_are_rude_to_nobody():
    rng = random.Random(2)
    drawn = [ordinary.scrambled(rng) for _ in range(3000)]
    assert all(civil_version(sentence) is None for sentence in drawn)
    assert all(sentence.strip() == sentence for sentence in drawn)
    known = {word.strip(".,;:!?").lower() for _ in range(5000) for word in ordinary.draw(rng, pseudo=0.0).split()}
    unknown = [sum(word.strip(".,;:!?").lower() not in known for word in sentence.split()) for sentence in drawn]
    assert sum(count > 0 for count in unknown) > 1500


def test_drawn_sentences_are_single_well_formed_and_left_alone():
    rng = random.Random(1)
    for _ in range(4000):
        sentence = ordinary.draw(rng)
        assert is_one_sentence(sentence), sentence
        assert is_well_formed(sentence.removeprefix("- ")), sentence
        assert civil_version(sentence) is None, sentence


@pytest.mark.parametrize("shape", ordinary.shapes())
def test_no_shape_reads_as_rude(shape):
    rng = random.Random(shape)
    for held_out in (False, True):
        sentence = ordinary.Filler(rng, held_out=held_out).fill(shape)
        assert is_one_sentence(sentence), sentence
        assert civil_version(sentence) is None, sentence


def test_a_seed_draws_the_same_sentences_most_of_them_different():
    first, second = random.Random(2), random.Random(2)
    drawn = [ordinary.draw(first) for _ in range(3000)]
    assert drawn == [ordinary.draw(second) for _ in range(3000)]
    assert len(set(drawn)) > 2400


def test_words_that_rude_sentences_have_occur_in_ordinary_ones_but_curses_do_not():
    text = " ".join(ordinary.by_hand()).lower()
    for word in ("idiot", "fool", "shut", "garbage", "stupid", "lazy", "pig", "got lost", "use your brain"):
        assert word in text
    rng = random.Random(3)
    for _ in range(3000):
        assert not re.search(r"\b(?:damn|hell|bloody|crappy?|lousy)\b", ordinary.draw(rng), re.IGNORECASE)


def test_nothing_for_training_has_a_word_that_is_held_out():
    rng = random.Random(4)
    for _ in range(10_000):
        said = talk.draw(rng)
        pair = rude.draw(rng)
        parts = [
            half for part in said.sentences for half in ((part.text, part.civil) if isinstance(part, Rude) else (part,))
        ]
        for text in (pair.text, pair.civil, ordinary.draw(rng), said.question, *parts):
            assert held_out_word(text) is None, text


def test_the_sentences_to_test_with_share_no_five_words_with_any_for_training():
    rng = random.Random(5)
    seen = set().union(*map(_grams, ordinary.by_hand()))
    for _ in range(10_000):
        pair = rude.draw(rng)
        seen |= _grams(ordinary.draw(rng)) | _grams(pair.text) | _grams(pair.civil)
    assert [sentence for sentence in TO_TEST_WITH if _grams(sentence) & seen] == []


def test_altering_keeps_the_shape_of_a_sentence():
    rng = random.Random(6)
    for sentence in ordinary.by_hand():
        altered = ordinary.altered(rng, sentence)
        assert re.findall(r"[\W\d]+$", altered) == re.findall(r"[\W\d]+$", sentence)
        assert is_one_sentence(altered), altered
