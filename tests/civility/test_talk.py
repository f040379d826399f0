"""Small talk: short, partly rude, about what was asked, and known to the oracle."""

import random
import re

from stream_aligner_lc import segment
from stream_aligner_lc.civility.rude import Rude, civil_version
from stream_aligner_lc.civility.talk import draw, kinds
from stream_aligner_lc.civility.templates import templates
from tests.civility.sentences import held_out_word, is_one_sentence, is_well_formed


def _drawn(number, *, held_out=False, pseudo=0.3, seed=0):
    rng = random.Random(seed)
    return [draw(rng, held_out=held_out, pseudo=pseudo) for _ in range(number)]


def test_there_are_enough_kinds_and_every_reference_is_a_template():
    assert len(kinds()) >= 20
    for kind in kinds():
        assert len(kind.answers) >= 2
        for answer in kind.answers:
            assert 2 <= len(answer) <= 4, answer
            named = [part[1:].partition(":")[0] for part in answer if part.startswith("*")]
            assert named, answer
            assert set(named) <= set(templates()), answer


def test_replies_are_cut_into_their_sentences():
    for held_out in (False, True):
        for talk in _drawn(1500, held_out=held_out):
            rude = [part.text if isinstance(part, Rude) else part for part in talk.sentences]
            civil = [part.civil if isinstance(part, Rude) else part for part in talk.sentences]
            assert [piece.core for piece in segment(talk.rude_reply)] == rude
            assert [piece.core for piece in segment(talk.civil_reply)] == civil
            assert is_one_sentence(talk.question)
            assert all(map(is_well_formed, (talk.question, *rude, *civil)))


def test_the_oracle_turns_a_rude_reply_into_the_civil_one():
    for held_out in (False, True):
        for talk in _drawn(1000, held_out=held_out, seed=1):
            said = [piece.core for piece in segment(talk.rude_reply)]
            assert " ".join(civil_version(sentence) or sentence for sentence in said) == talk.civil_reply
            assert talk.rude_reply != talk.civil_reply


def test_an_answer_shares_a_word_with_its_question_most_of_the_time():
    shared = 0
    talks = _drawn(1000, pseudo=1.0, seed=2)
    for talk in talks:
        asked, said = (set(re.findall(r"\w{4,}", text.lower())) for text in (talk.question, talk.rude_reply))
        shared += bool(asked & said)
    assert shared > 850


def test_a_seed_draws_the_same_talk():
    assert _drawn(200, seed=3) == _drawn(200, seed=3)
    assert len({talk.question + talk.rude_reply for talk in _drawn(1000, seed=4)}) > 980


def test_talk_of_the_held_out_half_has_held_out_words():
    talks = _drawn(500, held_out=True, pseudo=0.0, seed=5)
    assert sum(held_out_word(talk.question + " " + talk.rude_reply) is not None for talk in talks) > 480
