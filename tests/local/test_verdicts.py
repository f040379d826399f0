"""The verdict template as ids: a context that only grows, one token as the verdict, and corrections read as written."""

import threading
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_aligner_lc.errors import AlignerError, ConfigurationError
from stream_aligner_lc.local.completions import Completion, Effort
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED, Answer, Asked, RevisionForm
from stream_aligner_lc.local.verdicts import Judgement, VerdictForm, form_of
from stream_aligner_lc.prompts import TEMPLATES
from tests.local.chat_templates import FAMILIES
from tests.local.test_encoding import control_ids, decoded, hostile, lossless
from tests.local.test_forms import families, texts
from tests.local.tokenizers_made import LOSSLESS, SPACED, encoder, make

TEMPLATE = TEMPLATES["verdict"]
# Every kind but that of words alone, which knows few signs.
ABLE = (*LOSSLESS, *SPACED[1:])
ACCEPT, REPLACE, ACCEPT_AND_END, REPLACE_AND_END = "=~#!"

some = settings(max_examples=25)
able_kinds = pytest.mark.parametrize("kind", ABLE)
# "▁" is how some tokenizers write a space.
spelled = hostile.map(lambda text: text.replace("\ud800", "").replace("▁", "_"))
# As the loop hands them over: without whitespace around them, and something.
sentences = st.one_of(texts, spelled).map(str.strip).filter(bool)


@cache
def ending(kind, family):
    """Return an encoder with a token that ends a text: without a chat template there may be none."""
    return encoder(kind, family) if family else Encoder(make(kind, eos_token="</s>"))


def form(kind="bytes", family="qwen2"):
    return VerdictForm(encoder(kind, family), TEMPLATE)


@able_kinds
@settings(max_examples=60)
@given(question=texts, reply=st.lists(sentences, min_size=2, max_size=5), family=families)
@example(question="Why?", reply=["##Question:", "##", "Answer:", "\\", "<|im_end|>"], family="qwen2")
def test_the_context_of_a_sentence_begins_with_that_of_the_accepted_one_before(kind, question, reply, family):
    prompts = [form(kind, family).prompt(question, " ".join(reply[:number]), last) for number, last in enumerate(reply)]
    for before, after in pairwise(prompts):
        assert after[: len(before)] == before
        assert len(after) > len(before)


@pytest.mark.parametrize("kind", LOSSLESS)
@some
@given(question=texts, prefix=sentences, last=sentences)
def test_a_plain_context_is_the_question_and_the_reply(kind, question, prefix, last):
    escape, start = TEMPLATE.escape, f"##Question: {TEMPLATE.escape(question)} | ##Answer:"
    assert decoded(encoder(kind), form(kind, None).prompt(question, "", last)) == f"{start} {escape(last)}"
    whole = decoded(encoder(kind), form(kind, None).prompt(question, prefix, last))
    assert whole == f"{start} {escape(prefix)} {escape(last)}"


@pytest.mark.parametrize("family", FAMILIES)
@some
@given(prefix=sentences, last=sentences, data=st.data())
def test_in_a_chat_frame_the_reply_is_the_assistants_own_and_ends_with_the_sentence(family, prefix, last, data):
    kind, escape = data.draw(st.sampled_from(lossless(family))), TEMPLATE.escape
    whole = decoded(encoder(kind, family), form(kind, family).prompt("Why?", prefix, last))
    said = f"{escape(prefix)} {escape(last)}"
    assert whole.endswith(said)
    assert "Why?" in whole.removesuffix(said)
    assert "##Question" not in whole.removesuffix(said)


@able_kinds
@some
@given(question=spelled, prefix=spelled, last=spelled)
def test_no_control_token_comes_from_a_field(kind, question, prefix, last):
    made = form(kind, "gemma2")
    control = control_ids(made.encoder)
    ours = [token for token in made.prompt("a", "b", "c") if token in control]
    assert [token for token in made.prompt(question, prefix, last) if token in control] == ours
    assert control.isdisjoint(made.answer(last))
    row = made.row(question, prefix, last, f"{last} or not")
    assert [token for token in row.ids if token in control] == [*ours, *[made.encoder.end_of_answer] * 2]


@able_kinds
@settings(max_examples=40)
@given(text=st.one_of(texts, spelled), family=families)
@example(text="##Question: <|im_end|> ##\\Answer: ##\\\\Answer:", family="qwen2")
def test_a_correction_is_read_as_it_was_written(kind, text, family):
    assert form(kind, family).read(form(kind, family).answer(text)) == text.strip()


@able_kinds
@pytest.mark.parametrize("family", [None, *FAMILIES])
@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("end", [False, True])
def test_a_row_has_the_verdict_as_the_label_of_what_stands_after_the_context(kind, family, replaces, end):
    made = VerdictForm(ending(kind, family), TEMPLATE)
    right = "It is 7." if replaces else "It is 8."
    row = made.row("Why?", "So.", "It is 8.", right, end=end)
    context, mark = made.prompt("Why?", "So.", "It is 8."), made.encoder.end_of_answer
    correction = [*made.answer(right), mark] if replaces else []
    # In serving, the verdict is read off the last token of the context, and the mark is fed before a correction.
    assert row.ids == [*context, mark, *correction]
    verdict = row.labels[len(context)]
    assert made.judgement(verdict) == Judgement(replaces, end)
    assert row.labels == [NOT_LEARNED] * len(context) + [verdict, *correction]


def test_only_more_than_whitespace_around_it_makes_a_sentence_another_one():
    assert form().row("Why?", "", "It is 8.", " It is 8.\n") == form().row("Why?", "", "It is 8.", "It is 8.")


def test_a_row_that_removes_a_sentence_learns_an_empty_correction():
    mark = form().encoder.end_of_answer
    row = form().row("Why?", "", "It is 8.", "")
    assert row.ids[-2:] == [mark, mark]
    assert form().judgement(row.labels[-2]) == Judgement(replaces=True, end=False)
    assert row.labels[-1] == mark


def test_every_judgement_has_a_token_of_its_own():
    made = form()
    meant = {made.encoder.tokenizer.decode([token]): judgement for token, judgement in made.judgements.items()}
    assert meant == {
        ACCEPT: Judgement(replaces=False, end=False),
        REPLACE: Judgement(replaces=True, end=False),
        ACCEPT_AND_END: Judgement(replaces=False, end=True),
        REPLACE_AND_END: Judgement(replaces=True, end=True),
    }
    assert all(made.judgement(made.verdict(judgement)) == judgement for judgement in meant.values())


def test_a_token_that_is_no_verdict_is_an_error_that_names_it_and_the_template():
    (token, *_) = encoder("bytes").text("cat")
    with pytest.raises(AlignerError, match=r"said 'c.*'\. It was not trained in the template 'verdict'.*`template=`"):
        form().judgement(token)


def test_a_tokenizer_without_the_signs_is_refused():
    with pytest.raises(ConfigurationError, match=r"'verdict' needs a token for each of = ~ # !.*another template"):
        _ = form("words").judgements


def test_a_tokenizer_with_no_token_that_ends_a_text_is_refused():
    with pytest.raises(ConfigurationError, match="no token that ends a turn or a text"):
        form("bytes", None).row("Why?", "", "It is 8.", "It is 7.")


def test_the_form_is_that_of_the_template():
    coder = encoder("bytes")
    assert isinstance(form_of(coder, TEMPLATE), VerdictForm)
    assert isinstance(form_of(coder, TEMPLATES["stream-aligner"]), RevisionForm)


class Scripted:
    """An engine that gives these verdicts, one for each place, and this correction."""

    def __init__(self, made, verdicts, correction="It is 7.", *, is_finished=True):
        self.form, self.verdicts = made, verdicts
        self.done = Completion(made.answer(correction), is_finished, Effort(passes=3, tokens_fed=20))
        self.read, self.completed = [], []

    def tokens_after(self, ids, places, *, stopped, preferred=()):
        self.read.append([ids[:place] for place in places])
        (spelled,) = zip(*(self.form.encoder.text(each, goes_on=True) for each in self.verdicts), strict=True)
        return list(spelled[: len(places)]), Effort(passes=1, tokens_fed=len(ids))

    def complete_each(self, prompts, *, stopped):
        self.completed += prompts
        yield self.done


REPLY = ["We add.", "It is 8.", "So it is 8.", "Done."]


def asked_of(made, reply, prefixes=None):
    prefixes = prefixes or [" ".join(reply[:number]) for number in range(len(reply))]
    prompts = [made.prompt("Why?", prefix, last) for prefix, last in zip(prefixes, reply, strict=True)]
    return [Asked(prompt, last, made.answer(last), 40) for prompt, last in zip(prompts, reply, strict=True)]


def answers(engine, asked):
    return list(engine.form.ask_each(engine, asked, threading.Event()))


def test_sentences_that_stand_are_judged_together_and_their_pass_is_counted_once():
    engine = Scripted(form(), [ACCEPT, ACCEPT, ACCEPT, ACCEPT_AND_END])
    asked = asked_of(engine.form, REPLY)
    effort = Effort(passes=1, tokens_fed=len(asked[-1].prompt))
    assert answers(engine, asked) == [
        Answer("We add.", is_whole=True, end=False, effort=effort),
        Answer("It is 8.", is_whole=True, end=False, effort=Effort()),
        Answer("So it is 8.", is_whole=True, end=False, effort=Effort()),
        Answer("Done.", is_whole=True, end=True, effort=Effort()),
    ]
    assert engine.read == [[each.prompt for each in asked]]
    assert engine.completed == []


@pytest.mark.parametrize(("verdict", "end"), [(REPLACE, False), (REPLACE_AND_END, True)])
def test_the_first_sentence_that_is_to_be_replaced_is_the_last_to_be_answered(verdict, end):
    engine = Scripted(form(), [ACCEPT, verdict, ACCEPT, ACCEPT])
    asked = asked_of(engine.form, REPLY)
    _, last = answers(engine, asked)
    assert last == Answer("It is 7.", is_whole=True, end=end, effort=Effort(passes=3, tokens_fed=20))
    (prompt,) = engine.completed
    assert prompt.ids == [*asked[1].prompt, engine.form.encoder.end_of_answer]
    assert (prompt.draft, prompt.limit) == (engine.form.answer("It is 8."), 40)


def test_the_judging_counts_with_the_correction_of_the_first_sentence():
    engine = Scripted(form(), [REPLACE], is_finished=False)
    asked = asked_of(engine.form, REPLY[:1])
    (answer,) = answers(engine, asked)
    assert answer.effort == Effort(passes=4, tokens_fed=20 + len(asked[0].prompt))
    assert not answer.is_whole


def test_only_sentences_that_stand_in_the_context_of_the_last_are_judged_together():
    engine = Scripted(form(), [ACCEPT] * 4)
    # The third one's prefix was shortened, as it is where a prompt is too long.
    asked = asked_of(engine.form, REPLY, ["", "We add.", "It is 8.", "It is 8. So it is 8."])
    assert [answer.text for answer in answers(engine, asked)] == REPLY[:2]
    assert engine.read == [[each.prompt for each in asked[:2]]]


def test_where_the_engine_has_fewer_verdicts_the_rest_is_left_for_later():
    engine = Scripted(form(), [ACCEPT] * 2)
    assert [answer.text for answer in answers(engine, asked_of(engine.form, REPLY))] == REPLY[:2]


def test_what_is_no_verdict_is_an_error_only_when_it_is_its_turn():
    engine = Scripted(form(), [ACCEPT, "c"])
    said = engine.form.ask_each(engine, asked_of(engine.form, REPLY), threading.Event())
    assert next(said).text == "We add."
    with pytest.raises(AlignerError, match="said 'c'"):
        next(said)
