"""The page as a text: what it holds, that it holds it safely, and how large it gets."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_aligner_lc import ConfigurationError
from stream_aligner_lc.report.packing import packed
from stream_aligner_lc.report.page import page_of
from stream_aligner_lc.report.reading import Reported, read
from stream_aligner_lc.rows.reading import RowError
from stream_aligner_lc.showing.differences import word_diff
from tests.report.replies import HOSTILE, evaluation_of, reply

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_difference_holds_both_texts(draft, text):
    parts = word_diff(draft, text)
    assert "".join(part for kind, part in parts if kind != "new") == draft
    assert "".join(part for kind, part in parts if kind != "gone") == text
    assert all(part for _, part in parts)


def test_equal_texts_have_no_difference_and_long_ones_are_not_compared_for_ever():
    assert word_diff("The sky.", "The sky.") == [("same", "The sky.")]
    long = "word " * 100_000
    assert word_diff(long, long) == [("same", long)]
    assert word_diff(long, f"{long}more") == [("gone", long), ("new", f"{long}more")]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_ends_the_data_or_becomes_markup(text):
    page = page_of(Reported(text, [reply(text, text, question=text)]))
    assert page.count("</script>") == 2
    data = _DATA.search(page)[1]
    assert "<" not in data
    assert json.loads(data)[0]["q"] == text
    assert "<script>alert" not in page
    page.encode()


def test_the_page_asks_for_nothing_from_elsewhere():
    page = page_of(Reported("x", [reply("It is bad.", "It is good.")], evaluation_of(3)))
    shell = _DATA.sub("", page)
    assert not re.findall(r"(?:src|href)=", shell)
    assert "default-src &#x27;none&#x27;" in shell
    assert "http" not in shell.replace("http-equiv", "")


def test_the_summary_stands_in_the_page_itself():
    page = page_of(Reported("x", [reply("It is bad.", "It is good.")], evaluation_of(3)))
    summary = page[: page.index("<noscript>")]
    for words in ("right answers, aligned", "Preference for the aligned reply", "What it cost", "Sentences by verdict"):
        assert words in summary
    assert re.search(r"\d\.\d% \[\d", summary)


def test_a_thousand_replies_of_forty_sentences_stay_below_15_megabytes():
    rng = random.Random(1)
    words = [f"word{number}" for number in range(500)]
    replies = []
    for number in range(1000):
        drafts = [" ".join(rng.choices(words, k=16)) + "." for _ in range(40)]
        said = [text.replace(text.split()[3], "other") if rng.random() < 0.2 else text for text in drafts]
        replies.append(reply(*zip(drafts, said, strict=True), question=f"Question {number}?"))
    assert len(page_of(Reported("large", replies)).encode()) < 15_000_000


def test_a_right_answer_of_zero_is_shown():
    assert packed(reply("A.", "A.", reference=0, right={"bare": True, "aligned": True}))["ref"] == "0"


def test_what_is_no_evaluation_and_no_log_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="nothing at"):
        read(tmp_path / "none")
    with pytest.raises(ConfigurationError, match=r"no finished evaluation.*replies.jsonl"):
        read(tmp_path)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"verdict": "accepted", "draft": "A.", "text": "A."}\n{"question": "What?"}\n')
    with pytest.raises(RowError, match=r"rows.jsonl, line 2, field 'verdict': is missing"):
        read(rows)


@pytest.mark.parametrize(
    ("written", "said"), [(b'{"about', "is no JSON"), (b"\xff", "is no JSON"), (b"[]", "holds no object but a list")]
)
def test_results_that_are_damaged_are_told(written, said, tmp_path):
    (tmp_path / "replies.jsonl").write_text(json.dumps(reply("It is bad.", "It is good.")) + "\n")
    (tmp_path / "results.json").write_bytes(written)
    with pytest.raises(ConfigurationError, match=rf"results\.json' {said}.*writes it anew"):
        read(tmp_path)


def test_a_log_is_put_together_reply_by_reply(tmp_path):
    log = tmp_path / "log.jsonl"
    rows = [("a", "One.", ""), ("b", "Other.", ""), ("a", "Two.", "\n\n")]
    log.write_text(
        "".join(
            json.dumps({"reply": name, "verdict": "accepted", "draft": text, "text": text, "lead": lead}) + "\n"
            for name, text, lead in rows
        )
    )
    assert [(each["id"], each["aligned"]["text"]) for each in read(log).replies] == [
        ("a", "One.\n\nTwo."),
        ("b", "Other."),
    ]
