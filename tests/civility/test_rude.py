"""Rude sentences: one sentence each, civil halves that say the same, and an oracle that finds them."""

import random
import re

import pytest

from stream_aligner_lc.civility.grammar import QUESTIONS, STATEMENTS
from stream_aligner_lc.civility.ordinary import shapes
from stream_aligner_lc.civility.rude import civil_version, draw, rude_sentences, say
from stream_aligner_lc.civility.slots import Filler, reader, slots_of
from stream_aligner_lc.civility.templates import templates
from stream_aligner_lc.civility.words import BARBS, WORDS
from tests.civility.sentences import held_out_word, is_one_sentence, is_well_formed

# Words that no ordinary sentence of these templates has.
_BARBED = re.compile(r"\b(?:damn|hell|bloody|shut up|you (?:stupid|lazy|fool|idiot|moron))\b", re.IGNORECASE)

_RUDE_WORD = re.compile(
    rf"\b(?:{'|'.join(word for kind in ('insult', 'scorn', 'curse') for half in WORDS[kind] for word in half)}"
    r"|hell|heck|devil|blazes|shut)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("name", templates())
def test_a_civil_half_says_all_that_each_rude_way_says(name):
    template = templates()[name]
    for way in template.ways:
        assert set(slots_of(way)) == set(slots_of(template.civil)), way


@pytest.mark.parametrize("name", templates())
@pytest.mark.parametrize("held_out", [False, True])
def test_every_way_of_every_template_is_one_sentence_that_the_oracle_inverts(name, held_out):
    rng = random.Random(name)
    ways = set()
    for _ in range(15 * len(templates()[name].ways)):
        sentence = say(rng, name, Filler(rng, held_out=held_out))
        for half in (sentence.text, sentence.civil):
            assert is_one_sentence(half), half
            assert is_well_formed(half), half
        assert civil_version(sentence.text) == sentence.civil, sentence
        ways.add(sentence.text)
    assert len(ways) > 1


def test_what_is_said_is_said_by_both_halves():
    rng = random.Random(1)
    for _ in range(500):
        thing, place = Filler(rng).fill("{thing}").lower(), Filler(rng).fill("{place}").lower()
        filler = Filler(rng).having("thing", thing).having("place", place)
        sentence = say(rng, "thing_in", filler)
        assert f" {thing} " in sentence.text
        assert sentence.civil == f"The {thing} is in the {place}."


def test_a_civil_half_is_left_alone():
    rng = random.Random(2)
    for number in range(3000):
        sentence = draw(rng, held_out=number % 2 == 1)
        assert sentence.text != sentence.civil
        assert civil_version(sentence.civil) is None, sentence
        assert not _BARBED.search(sentence.civil), sentence
        assert sentence.civil[-1] in ".?"


def test_no_rude_sentence_without_a_rude_word_has_the_shape_of_an_ordinary_one():
    open_ended = ("{statement", "{question", "{task")
    told = [shape for shape in shapes() if not any(slot in shape for slot in open_ended)]
    ordinary = [*told, *(f"{statement}." for statement in STATEMENTS), *(f"{question}?" for question in QUESTIONS)]
    rng = random.Random(9)
    seen = 0
    for number in range(6000):
        text = draw(rng, held_out=number % 2 == 1).text
        if not _RUDE_WORD.search(text):
            seen += 1
            forms = (text, text[0].lower() + text[1:])
            assert not any(reader(shape).fullmatch(form) for shape in ordinary for form in forms), text
    assert seen > 500


def test_a_seed_draws_the_same_sentences_all_different():
    sentences = rude_sentences(400, seed=3)
    assert sentences == rude_sentences(400, seed=3)
    assert sentences[:100] == rude_sentences(100, seed=3)
    assert len({sentence.text for sentence in sentences}) == 400
    assert len({*sentences, *rude_sentences(400, seed=4)}) > 750


def test_sentences_of_the_held_out_half_have_held_out_words():
    sentences = rude_sentences(300, seed=5)
    assert sum(held_out_word(sentence.text) is not None for sentence in sentences) > 270
    assert not any(held_out_word(sentence.text) for sentence in rude_sentences(300, seed=5, held_out=False))


def test_every_template_is_drawn():
    rng = random.Random(6)
    assert {draw(rng).template for _ in range(4000)} == set(templates())


def test_a_share_of_the_nouns_is_made_up():
    rng = random.Random(8)
    known = {word for words in WORDS["place"] for word in words}
    for share in (0.0, 0.5, 1.0):
        drawn = [Filler(rng, pseudo=share).fill("x {place}")[2:] for _ in range(1000)]
        assert abs(sum(word not in known for word in drawn) / 1000 - share) < 0.06


@pytest.mark.parametrize(
    ("text", "civil"),
    [
        ("Shut up and bring me the kettle, you idiot!", "Please bring me the kettle."),
        ("Where the hell is the zorbit?!", "Where is the zorbit?"),
        ("Otto is a fool.", "I do not get along with Otto."),
        ("Your zorbit is hideous!", "I do not like your zorbit."),
        ("The train leaves at nine.", None),
        ("Bring me the kettle.", None),
        ("", None),
        ("you", None),
        ("Shut up! Bring me the kettle.", None),
        ("Damn it", None),
        ("\x00\n", None),
    ],
)
def test_the_oracle_knows_what_the_templates_say_and_nothing_else(text, civil):
    assert civil_version(text) == civil


def test_the_oracle_is_quick_with_a_hostile_text():
    assert civil_version("you stupid " * 3000) is None
    assert civil_version("The " + "a" * 20_000 + ", you fool" * 500) is None


def test_no_rude_phrase_holds_what_would_break_a_sentence():
    assert not [p for words in BARBS.values() for half in words for p in half if re.search(r"[.!?;:,]", p)]
