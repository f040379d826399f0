"""The prompted protocol: nothing that comes from outside can close its brackets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_aligner_lc import Correction
from stream_aligner_lc.prompts import escape, parse_answer, render_request, unescape

hostile = st.text(st.sampled_from("[]\\a \n"), max_size=30)


@given(st.one_of(hostile, st.text()))
def test_escaping_is_reversible(text):
    assert unescape(escape(text)) == text


@given(hostile, hostile, hostile)
def test_no_text_can_close_the_brackets(question, prefix, text):
    request = render_request(question, prefix, text)
    assert request.count("[[") == 3
    assert request.count("]]") == 3


@given(st.one_of(hostile, st.text()))
def test_a_sentence_that_is_copied_is_read_back_unchanged(text):
    answer = f"CORRECTION: [[{escape(text)}]]\nEOS: [[FALSE]]"
    assert parse_answer(answer) == Correction(text)


@pytest.mark.parametrize(
    ("answer", "correction"),
    [
        ("CORRECTION: [[Yes.]]\nEOS: [[TRUE]]", Correction("Yes.", end=True)),
        ("CORRECTION: [[Yes.]]\nEOS: [[FALSE]]", Correction("Yes.")),
        ("correction: [[Yes.]]  eos: [[ true ]]\n", Correction("Yes.", end=True)),
        ("CORRECTION: [[Yes.]]", Correction("Yes.")),
        ("CORRECTION: [[]]\nEOS: [[FALSE]]", Correction("")),
        ("I first wrote CORRECTION: [[No.]] but\nCORRECTION: [[Yes.]]\nEOS: [[FALSE]]", Correction("Yes.")),
        ("CORRECTION: [[x = a[b[0]]]]\nEOS: [[FALSE]]", Correction("x = a[b[0]]")),
        ("CORRECTION: [[Two\nlines.]]\nEOS: [[FALSE]]", Correction("Two\nlines.")),
        ("Yes.", None),
        ("CORRECTION: [[Yes.", None),
        ("CORRECTION: [[Yes.]]\nEOS: [[FALSE]]\nHope that helps!", None),
        ("", None),
    ],
)
def test_an_answer_is_read_from_its_end(answer, correction):
    assert parse_answer(answer) == correction
