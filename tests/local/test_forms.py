"""An aligner's prompt and answer as ids: the template byte for byte, and answers that are read as they were written."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED, Form, RevisionForm
from stream_aligner_lc.local.frames import Turn
from stream_aligner_lc.prompts import TEMPLATES
from tests.local.chat_templates import FAMILIES
from tests.local.test_encoding import control_ids, decoded, hostile, lossless
from tests.local.tokenizers_made import KINDS, LOSSLESS, SPACED, encoder, make

TEMPLATE = TEMPLATES["stream-aligner"]
MARKS = ["##Question:", "##Answer_Prefix:", "##Answer_Last_Sentence:", "##Your_Revision:", "##", "\\", " | "]

some = settings(max_examples=25)
marked = st.lists(st.sampled_from([*MARKS, "#", "Question:", "a", " ", "\n"]), max_size=6).map("".join)
# "▁" is how some tokenizers write a space.
anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"), max_size=20)
spelled = hostile.map(lambda text: text.replace("\ud800", "").replace("▁", "_"))
texts = st.one_of(anything, marked, spelled)

families = st.sampled_from([None, *FAMILIES])
every_kind = pytest.mark.parametrize("kind", KINDS)


def form(kind, family=None):
    return RevisionForm(encoder(kind, family), TEMPLATE)


@pytest.mark.parametrize("kind", [*LOSSLESS, *SPACED])
@settings(max_examples=50)
@given(text=texts, family=families)
@example(text="  \n", family=None)
@example(text="##Question: <|im_end|> ##\\Question:", family="qwen2")
def test_an_answer_is_read_as_it_was_written(kind, text, family):
    form_ = form(kind, family)
    assert form_.read(form_.answer(text)) == text.strip()


@pytest.mark.parametrize("kind", LOSSLESS)
@some
@given(question=texts, prefix=texts, last=texts)
def test_a_plain_prompt_is_the_template_without_its_last_space(kind, question, prefix, last):
    coder, escape = encoder(kind), TEMPLATE.escape
    asked = decoded(coder, form(kind).prompt(question, prefix, last))
    assert asked == (
        f"##Question: {escape(question)} | ##Answer_Prefix: {escape(prefix)} | "
        f"##Answer_Last_Sentence: {escape(last)} | ##Your_Revision:"
    )


@pytest.mark.parametrize("family", FAMILIES)
@some
@given(question=texts, prefix=texts, last=texts, data=st.data())
def test_inside_a_chat_frame_the_template_stands_byte_for_byte(family, question, prefix, last, data):
    kind, escape = data.draw(st.sampled_from(lossless(family))), TEMPLATE.escape
    asked = decoded(encoder(kind, family), form(kind, family).prompt(question, prefix, last))
    assert (
        f"##Question: {escape(question)} | ##Answer_Prefix: {escape(prefix)} | "
        f"##Answer_Last_Sentence: {escape(last)} | ##Your_Revision: "
    ) in asked


@every_kind
@some
@given(question=texts, prefix=texts, last=texts)
def test_no_field_can_open_or_close_another(kind, question, prefix, last):
    coder = encoder(kind, "qwen2")
    harmless = decoded(coder, form(kind, "qwen2").prompt("a", "b", "c"))
    asked = decoded(coder, form(kind, "qwen2").prompt(question, prefix, last))
    for mark in ("##Question:", "##Answer_Prefix:", "##Answer_Last_Sentence:", "##Your_Revision:"):
        assert asked.count(mark) == harmless.count(mark)


@every_kind
@some
@given(question=hostile, prefix=hostile, last=hostile)
def test_no_control_token_comes_from_a_field(kind, question, prefix, last):
    control = control_ids(encoder(kind, "gemma2"))
    ours = [token for token in form(kind, "gemma2").prompt("a", "b", "c") if token in control]
    ids = form(kind, "gemma2").prompt(question, prefix, last)
    assert [token for token in ids if token in control] == ours
    assert control.isdisjoint(form(kind, "gemma2").answer(last))


@every_kind
@some
@given(question=texts, prefix=texts, last=texts, family=families)
def test_the_last_sentence_changes_no_token_before_it(kind, question, prefix, last, family):
    coder = encoder(kind, family)
    *before, _last, _end = TEMPLATE.render({"question": question, "prefix": prefix, "last": "."})
    start = coder.conversation([Turn("user", before)], goes_on=True) if family else coder.plain(before)
    assert form(kind, family).prompt(question, prefix, last)[: len(start)] == start


@pytest.mark.parametrize("kind", [*LOSSLESS, *SPACED])
@pytest.mark.parametrize("text", ["The cat sat.", "So it is.", "42 is it."])
def test_in_a_plain_frame_prompt_and_answer_are_tokenised_as_one_text(kind, text):
    coder = encoder(kind)
    ids = form(kind).prompt("a", "b", "c") + form(kind).answer(text)
    # The fields are parts of their own; from the last delimiter on it is as if nobody had cut it.
    whole = coder.ours(f"c | ##Your_Revision: {text}")
    after = coder.ours("c | ##Your_Revision:")
    assert ids[-len(whole) + len(after) :] == whole[len(after) :]
    assert coder.tokenizer.decode(ids).endswith(f" | ##Your_Revision: {text}")


def test_the_last_space_of_the_template_stays_in_a_chat_frame_and_not_in_a_plain_one():
    space = encoder("bytes").tokenizer.convert_tokens_to_ids("Ġ")
    assert form("bytes").prompt("a", "b", "c")[-1] != space
    ids = form("bytes", "gemma2").prompt("a", "b", "c")
    end = encoder("bytes", "gemma2").tokenizer.convert_tokens_to_ids("<end_of_turn>")
    assert ids[ids.index(end) - 1] == space


def test_an_empty_answer_is_read_as_empty():
    for family in (None, "qwen2"):
        assert form("bytes", family).read(form("bytes", family).answer("")) == ""
        assert form("bytes", family).read([]) == ""


def test_control_tokens_in_an_answer_are_not_read():
    coder = encoder("bytes", "gemma2")
    ids = [*coder.ours("<start_of_turn>"), *form("bytes", "gemma2").answer(" So. "), *coder.ours("<end_of_turn>")]
    assert form("bytes", "gemma2").read(ids) == "So."


@every_kind
@some
@given(
    question=texts, prefix=texts, last=texts, correction=texts, end=st.booleans(), family=st.sampled_from([*FAMILIES])
)
def test_a_row_is_what_is_served_with_the_answer_and_its_end_to_be_learned(
    kind, question, prefix, last, correction, end, family
):
    made = form(kind, family)
    row = made.row(question, prefix, last, correction, end=end)
    prompt, answer = made.prompt(question, prefix, last), [*made.answer(correction), made.encoder.end_of_turn]
    assert row.ids == prompt + answer
    assert row.labels == [NOT_LEARNED] * len(prompt) + answer


def test_without_a_chat_template_a_row_ends_with_the_end_of_a_text():
    made = RevisionForm(Encoder(make("bytes", eos_token="</s>")), TEMPLATE)
    row = made.row("a", "b", "c", "d")
    assert row.labels[-1] == row.ids[-1] == made.encoder.tokenizer.eos_token_id


def test_a_tokenizer_with_no_token_that_ends_an_answer_makes_no_rows():
    with pytest.raises(ConfigurationError, match="no token that ends a turn or a text"):
        form("bytes").row("a", "b", "c", "d")


def test_a_form_by_itself_is_none():
    with pytest.raises(TypeError, match="abstract"):
        Form(encoder("bytes"), TEMPLATE)
