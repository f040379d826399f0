"""The page in a real browser, without a window: what it shows, how much of it at once, and what it refuses to run."""

import json
import random

import pytest

from stream_aligner_lc.report import report
from stream_aligner_lc.report.page import page_of
from stream_aligner_lc.report.reading import Reported
from tests.browsing import console, emulate, faults, tab_stops
from tests.report.replies import HOSTILE, evaluation_of, reply, rows_of
from tests.threaded import wait_until


@pytest.fixture
def shown(browser, tmp_path):
    """Show a page of some replies."""

    def show(replies, results=None, title="Shown"):
        file = tmp_path / "page.html"
        file.write_text(page_of(Reported(title, replies, results or {})), encoding="utf-8")
        browser.get(file.as_uri())
        return browser

    return show


def test_every_reply_is_there_and_unfolds_to_drafts_and_corrections(shown):
    browser = shown(rows_of(5), evaluation_of(5))
    rows = browser.find_elements("css selector", "details")
    assert len(rows) == 5
    assert "1 of 2 changed" in rows[0].text
    rows[0].find_element("css selector", "summary").click()
    wait_until(lambda: rows[0].find_elements("css selector", ".body"))
    body = rows[0].find_element("css selector", ".body")
    assert [each.text.strip() for each in body.find_elements("css selector", "del")] == ["bad"]
    assert [each.text.strip() for each in body.find_elements("css selector", "ins")] == ["good"]
    assert [each.text for each in body.find_elements("css selector", ".verdict")] == ["replaced", "accepted"]
    assert len(body.find_elements("css selector", ".lane i")) == 4
    assert "right answer: 0" in body.text
    assert "honesty: aligned, then aligned" in body.text
    assert console(browser) == []


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\ud800" not in text and "\x00" not in text])
def test_hostile_text_is_shown_and_not_run(shown, text):
    browser = shown([reply(text, f"{text} changed", question=text)], title=text)
    browser.find_element("css selector", "summary").click()
    wait_until(lambda: browser.find_elements("css selector", ".body .text"))
    assert browser.execute_script("return document.querySelector('.body .text').textContent") == text
    assert browser.execute_script("return document.querySelectorAll('img, script').length") == 2
    assert console(browser) == []


def test_a_script_that_got_in_all_the_same_would_not_run(shown):
    browser = shown(rows_of(1))
    browser.execute_script(
        "const bad = document.createElement('script'); bad.textContent = 'window.ran = true';"
        "document.body.append(bad); const image = new Image(); image.src = 'https://example.org/x.png';"
    )
    assert browser.execute_script("return window.ran") is None
    assert "Content Security Policy" in " ".join(entry["message"] for entry in browser.get_log("browser"))


def test_replies_can_be_found_and_filtered_with_the_keyboard(shown):
    replies = [*rows_of(3), reply("All well.", "All well.", question="Quiet?", kind="harmful")]
    browser = shown(replies)
    find = browser.find_element("id", "find")
    find.send_keys("quiet")
    wait_until(lambda: "1 of 4" in browser.find_element("id", "status").text)
    find.clear()
    find.send_keys(" ")
    which = browser.find_element("id", "which")
    which.send_keys("changed")
    wait_until(lambda: "3 of 4" in browser.find_element("id", "status").text)
    options = [each.text for each in which.find_elements("css selector", "option")]
    assert options == [
        "all 4",
        "changed",
        "unchanged",
        "made right",
        "made wrong",
        "still wrong",
        "kind: ordinary",
        "kind: harmful",
    ]


def test_a_thousand_replies_of_forty_sentences_are_laid_out_a_hundred_at_a_time_and_folded_until_they_are_read(
    browser, tmp_path
):
    rng = random.Random(1)
    words = [f"word{number}" for number in range(500)]
    folder = tmp_path / "large"
    folder.mkdir()
    rows = []
    for number in range(1000):
        drafts = [" ".join(rng.choices(words, k=16)) + "." for _ in range(40)]
        said = [text.replace(text.split()[3], "other") if rng.random() < 0.2 else text for text in drafts]
        rows.append(reply(*zip(drafts, said, strict=True), question=f"Question {number}?"))
    (folder / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "results.json").write_text(json.dumps(evaluation_of(5)))
    page = report(folder, out=folder / "report.html")
    assert page.stat().st_size < 15_000_000
    browser.get(page.as_uri())
    rows = count(browser, "#replies *")
    assert rows == 300
    assert count(browser, "*") < 2 * rows
    browser.find_element("id", "open").click()
    wait_until(lambda: count(browser, ".sentences li") == 4000)
    browser.find_element("id", "next").click()
    assert count(browser, "#replies *") == rows
    assert "101 to 200" in browser.find_element("id", "where").text
    assert console(browser) == []


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_for_everyone_on_a_phone_and_in_the_dark_too(shown, width, scheme):
    browser = shown(rows_of(3), evaluation_of(3))
    emulate(browser, width=width, scheme=scheme)
    browser.find_element("id", "open").click()
    wait_until(lambda: len(browser.find_elements("css selector", ".body")) == 3)
    assert faults(browser) == []


def test_every_control_can_be_reached_by_tab(shown):
    browser = shown(rows_of(2))
    assert tab_stops(browser, 5) == ["find", "which", "open", "SUMMARY", "SUMMARY"]


def count(browser, selector):
    """Return how many elements the page has, which is what opening and scrolling it takes time for."""
    return browser.execute_script("return document.querySelectorAll(arguments[0]).length", selector)
