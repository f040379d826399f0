"""The templates of trained aligners: as they were published, and closed to what they are filled with."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.prompts import TEMPLATES, Template, template_named

STREAM_ALIGNER = TEMPLATES["stream-aligner"]
# What each template marks its fields with: the project's own has room for the question alone.
MARKS = {
    "stream-aligner": ["##Question:", "##Answer_Prefix:", "##Answer_Last_Sentence:", "##Your_Revision:"],
    "aligner": ["##Question:", "##Answer:", "##Correction:"],
    "aligner-v1": [" | "],
    "verdict": ["##Question:", "##Answer:"],
}

every_mark = sorted({mark for marks in MARKS.values() for mark in marks})
pieces = [*every_mark, "##", "#", "\\", "Question:", "Answer_", "Answer", "|", " ", "a", "\n"]
marked = st.lists(st.sampled_from(pieces)).map("".join)
texts = st.one_of(marked, st.text())
templates = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)


def rendered(template, question, prefix, last):
    return "".join(part.text for part in template.render({"question": question, "prefix": prefix, "last": last}))


def test_the_template_of_stream_aligner_is_the_published_one_byte_for_byte():
    assert rendered(STREAM_ALIGNER, "Why is the sky blue?", "It is air.", "It is green.") == (
        "##Question: Why is the sky blue? | ##Answer_Prefix: It is air. | ##Answer_Last_Sentence: It is green. | "
        "##Your_Revision: "
    )
    assert rendered(STREAM_ALIGNER, "", "", "") == (
        "##Question:  | ##Answer_Prefix:  | ##Answer_Last_Sentence:  | ##Your_Revision: "
    )


def test_the_template_of_verdicts_is_the_question_and_the_answer_that_follows_it():
    assert rendered(TEMPLATES["verdict"], "Why is the sky blue?", "It is air.", "It is green.") == (
        "##Question: Why is the sky blue? | ##Answer: "
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("aligner", "##Question: Why?\n##Answer: So.\n##Correction: "),
        ("aligner-v1", "Edit the following Question-Answer pair to make it more helpful and harmless: Why? | So."),
    ],
)
def test_the_templates_of_aligner_are_the_published_ones_inside_their_own_frame(name, text):
    fields = {"question": "Why?", "prefix": "", "last": "So."}
    assert rendered(TEMPLATES[name], "Why?", "", "So.") == text
    plain = TEMPLATES[name].render_plain(fields)
    assert "".join(part.text for part in plain) == f"BEGINNING OF CONVERSATION: USER: {text} ASSISTANT:"
    assert [part.text for part in plain if not part.is_ours] == ["Why?", "So."]


def test_without_a_frame_of_its_own_a_plain_prompt_is_the_template():
    fields = {"question": "Why?", "prefix": "So.", "last": "And so."}
    assert STREAM_ALIGNER.render_plain(fields) == STREAM_ALIGNER.render(fields)


def test_those_of_whole_answers_have_no_place_for_a_prefix():
    has_prefix = {name: template.has_prefix for name, template in TEMPLATES.items()}
    assert has_prefix == {"stream-aligner": True, "aligner": False, "aligner-v1": False, "verdict": True}


def test_every_template_marks_its_fields():
    assert MARKS.keys() == TEMPLATES.keys()
    for name, template in TEMPLATES.items():
        assert all(template.text.count(mark) == 1 for mark in MARKS[name])
        assert template.text.count("##") == sum(mark.startswith("##") for mark in MARKS[name])


@templates
@given(text=st.text())
def test_ordinary_text_is_left_as_it_is(template, text):
    if "##" not in text and "|" not in text:
        assert template.escape(text) == template.unescape(text) == text


@templates
@given(text=texts)
@example(text="##\\\\Question: ###Question: ##Question:: ####Answer_Prefix: ####Answer:")
@example(text="| a || b | | \\\\| |")
def test_escaping_is_reversible(template, text):
    assert template.unescape(template.escape(text)) == text
    assert template.unescape(template.escape(template.escape(text))) == template.escape(text)


@templates
@given(text=texts)
def test_escaped_text_holds_no_delimiter(template, text):
    assert not any(mark in template.escape(text) for mark in MARKS[template.name])


@templates
@given(question=texts, prefix=texts, last=texts)
def test_no_field_can_open_or_close_another(template, question, prefix, last):
    prompt = rendered(template, question, prefix, last)
    # Those that overlap, too.
    counts = [len(re.findall(f"(?={re.escape(mark)})", prompt)) for mark in MARKS[template.name]]
    assert counts == [1] * len(counts)


@given(question=texts, prefix=texts, last=texts)
def test_only_the_templates_own_words_are_ours(question, prefix, last):
    parts = STREAM_ALIGNER.render({"question": question, "prefix": prefix, "last": last})
    ours = [part.text for part in parts if part.is_ours]
    assert ours == ["##Question: ", " | ##Answer_Prefix: ", " | ##Answer_Last_Sentence: ", " | ##Your_Revision: "]
    theirs = [STREAM_ALIGNER.unescape(part.text) for part in parts if not part.is_ours]
    assert theirs == [text for text in (question, prefix, last) if text]


def test_a_field_is_not_filled_with_the_braces_of_another():
    assert rendered(STREAM_ALIGNER, "{last} {question}", "{}", "{prefix}") == (
        "##Question: {last} {question} | ##Answer_Prefix: {} | ##Answer_Last_Sentence: {prefix} | ##Your_Revision: "
    )


def test_a_field_that_is_missing_is_an_error():
    with pytest.raises(KeyError, match="last"):
        STREAM_ALIGNER.render({"question": "Why?", "prefix": ""})


def test_fields_side_by_side_are_refused():
    with pytest.raises(AssertionError, match="side by side"):
        Template("tight", "##A:{prefix}{last}##B:", "a test")


def test_a_template_without_delimiters_leaves_all_text_as_it_is():
    plain = Template("plain", "{question}\n{last}\n", "a test")
    assert rendered(plain, "##Question: ##\\", "", "##") == "##Question: ##\\\n##\n"


def test_templates_are_found_by_name():
    assert all(template_named(name).name == name for name in TEMPLATES)
    with pytest.raises(ConfigurationError, match=r"`template` must be one of 'stream-aligner'.*, got 'paper'"):
        template_named("paper")
