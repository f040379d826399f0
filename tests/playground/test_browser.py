"""The playground in a real browser, without a window: a person asks, watches, stops, goes on asking."""

import asyncio
import threading

import pytest
from fastapi import Depends, Header, HTTPException
from pydantic import PrivateAttr
from selenium.webdriver.common.keys import Keys

from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.browsing import console, emulate, faults, tab_stops
from tests.report.replies import HOSTILE
from tests.threaded import wait_until

SKY = "The sky is green. It rains.\n\nSo be it."


@pytest.fixture
def opened(browser, served):
    """Open the playground of an upstream and an aligner."""

    def show(upstream, aligner, **options):
        browser.get(served(upstream, aligner, **options))
        browser.execute_script("sessionStorage.clear()")
        return Page(browser)

    return show


class Page:
    def __init__(self, browser):
        self.browser = browser

    def __getitem__(self, selector):
        return self.browser.find_element("css selector", selector)

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def texts(self, selector):
        return [each.text.strip() for each in self.all(selector)]

    def ask(self, question):
        self["#question"].send_keys(question, Keys.ENTER)

    def below(self):
        """Return how many pixels of the page are below what is shown."""
        return self.browser.execute_script("return document.documentElement.scrollHeight - innerHeight - scrollY")

    def wait(self, state="done", count=1):
        wait_until(lambda: len(self.all(f".turn[data-state={state}]")) == count)


def test_a_question_is_typed_and_its_correction_watched(opened):
    page = opened(ScriptedChatModel(SKY), ReplaceAligner(green="blue"))
    page.ask("How is the weather?")
    page.wait()
    assert page[".turn h2"].text == "How is the weather?"
    judged = [row for row in page.all(".rows li") if row.get_attribute("class").split()[0] in ("accepted", "replaced")]
    assert [row.find_element("css selector", ".verdict").text for row in judged] == ["replaced", "accepted", "accepted"]
    assert judged[0].find_element("css selector", ".draft").text == "The sky is green."
    assert [row.find_element("css selector", ".released").text for row in judged] == [
        "The sky is blue.",
        "It rains.",
        "So be it.",
    ]
    assert page.texts(".replaced .draft del") == ["green"]
    assert page.texts(".replaced .released ins") == ["blue"]
    assert len(page.all(".rows .restart")) == 1
    assert len(page.all(".rows .paragraph")) == 1
    assert page["#status"].text == "Done: 1 replaced, 2 accepted"
    facts = dict(zip(page.texts(".turn dt"), page.texts(".turn dd"), strict=True))
    assert (facts["upstream calls"], facts["restarts"]) == ("2", "1")
    assert float(facts["written / shown"].removesuffix(" ×")) > 0
    assert {"first sentence", "in all", "upstream tokens", "aligner tokens"} <= facts.keys()
    assert len(page.all(".lane i.call")) == 2
    assert len(page.all(".lane i.replaced")) == 2
    assert console(page.browser) == []


def test_the_draft_is_seen_while_it_is_written_and_before_its_verdict(opened):
    page = opened(ScriptedChatModel("A slow sentence without an end " * 200, delay=0.01), AcceptAligner())
    page.ask("Well?")
    wait_until(lambda: len(page[".live .draft"].text) > 40)
    assert page[".live .draft"].text.startswith("A slow sentence")
    assert page[".live .released"].text == ""
    assert page["#said"].get_attribute("textContent") == ""


@pytest.mark.parametrize("how", ["button", "escape"])
def test_stopping_closes_the_upstream_on_the_server_and_keeps_what_was_released(opened, how):
    upstream = ScriptedChatModel("Word after word. " * 2000, delay=0.01)
    page = opened(upstream, AcceptAligner())
    page.ask("Well?")
    wait_until(lambda: page.all(".rows .accepted"))
    assert not page["#send"].is_displayed()
    if how == "button":
        page["#stop"].click()
    else:
        page["#question"].send_keys(Keys.ESCAPE)
    page.wait("stopped")
    wait_until(lambda: upstream.calls[0].is_closed)
    assert not upstream.calls[0].is_finished
    assert page["#status"].text.startswith("Stopped")
    assert page["#send"].is_displayed()
    assert not page["#stop"].is_displayed()
    assert page.browser.execute_script("return document.activeElement.id") == "question"
    assert page.all(".rows .accepted")
    assert not page[".live"].is_displayed()


def test_leaving_the_page_closes_the_upstream(opened):
    upstream = ScriptedChatModel("Word after word. " * 2000, delay=0.01)
    page = opened(upstream, AcceptAligner())
    page.ask("Well?")
    wait_until(lambda: page.all(".rows .accepted"))
    page.browser.get("about:blank")
    wait_until(lambda: upstream.calls[0].is_closed)
    assert not upstream.calls[0].is_finished


def test_several_questions_are_one_conversation_until_a_new_one_is_begun(opened):
    upstream = ScriptedChatModel(["It is bad.", "", "Other.", "Third."])
    page = opened(upstream, ReplaceAligner(bad="good"))
    page.ask("One?")
    page.wait(count=1)
    page.ask("Two?")
    page.wait(count=2)
    assert [message.text for message in upstream.prompts[-1]] == ["One?", "It is good.", "Two?"]
    page["#fresh"].click()
    assert page["#welcome"].is_displayed()
    assert page.all(".turn") == []
    assert page["#said"].get_attribute("textContent") == ""
    page.ask("Three?")
    page.wait()
    assert [message.text for message in upstream.prompts[-1]] == ["Three?"]


def test_a_new_conversation_while_a_reply_is_written_stops_it_and_knows_nothing_of_it(opened):
    upstream = ScriptedChatModel(["Word after word. " * 2000, "Fine."], delay=0.01)
    page = opened(upstream, AcceptAligner())
    page.ask("One?")
    wait_until(lambda: page.all(".rows .accepted"))
    page["#fresh"].click()
    wait_until(lambda: upstream.calls[0].is_closed)
    page.ask("Two?")
    page.wait()
    assert [message.text for message in upstream.prompts[-1]] == ["Two?"]


def test_the_end_stays_in_view_unless_the_reader_has_scrolled_up(opened):
    page = opened(ScriptedChatModel("Word after word. " * 2000, delay=0.005), AcceptAligner())
    page.ask("Well?")
    wait_until(lambda: page.browser.execute_script("return scrollY") > 300)
    assert page.below() < 100
    page.browser.execute_script("scrollTo(0, 0)")
    seen = len(page.all(".rows li"))
    wait_until(lambda: len(page.all(".rows li")) > seen + 10)
    assert page.browser.execute_script("return scrollY") == 0


def test_a_reply_of_a_thousand_sentences_is_shown_whole(opened):
    script = " ".join(f"This is sentence {number}." for number in range(1000))
    page = opened(ScriptedChatModel(script), ReplaceAligner({"sentence 500": "number 500"}))
    page.ask("Well?")
    wait_until(lambda: page.all(".turn[data-state=done]"), seconds=60)
    said = page.browser.execute_script(
        "return [...document.querySelectorAll('.accepted .released, .replaced .released')].map((e) => e.textContent)"
    )
    assert " ".join(said) == script.replace("sentence 500", "number 500")
    assert page.browser.execute_script("return document.querySelectorAll('.lane i:not(.call)').length") == 2000


def test_a_sentence_more_draws_no_other_one_again(opened):
    script = " ".join(f"This is sentence {number}." for number in range(60))
    page = opened(ScriptedChatModel(script, delay=0.01), AcceptAligner())
    page.browser.execute_script("""
        window.gone = window.moved = 0;
        const isDrawn = (node) => node.nodeType === 1 && node.matches("li, i, .timeline");
        const isOfASentence = (node) => node.matches(".lane i:not(.call)");
        new MutationObserver((changes) => changes.forEach(({ type, target, removedNodes }) => {
          if (type === "attributes" && isOfASentence(target)) window.moved += 1;
          window.gone += [...removedNodes].filter(isDrawn).length;
        })).observe(document.getElementById("turns"), { childList: true, subtree: true, attributeFilter: ["style"] });
    """)
    page.ask("Well?")
    page.wait()
    assert len(page.all(".lane i:not(.call)")) == 120
    assert page.browser.execute_script("return [window.gone, window.moved]") == [0, 0]


class Pausing(ScriptedChatModel):
    """Says no more after its text until the test lets it end."""

    _may_end: threading.Event = PrivateAttr(default_factory=threading.Event)

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
            while chunk.message.response_metadata and not self._may_end.is_set():
                await asyncio.sleep(0.01)
            yield chunk


def test_the_times_are_drawn_also_while_nothing_comes(opened):
    upstream = Pausing("It is here. And then nothing", delay=0.01)
    page = opened(upstream, AcceptAligner())
    page.ask("Well?")
    wait_until(lambda: page.texts(".live .draft") == ["And then nothing"])
    wait_until(
        lambda: page.browser.execute_script("""
        const end = document.querySelector(".lane").getBoundingClientRect().right;
        const bars = [...document.querySelectorAll(".lane i")].map((bar) => bar.getBoundingClientRect().right);
        return bars.length === 3 && Math.max(...bars) < end + 1 && Math.max(...bars) > end - 3;
    """)
    )
    assert page[".live"].is_displayed()
    upstream._may_end.set()
    page.wait()


def test_an_example_is_asked_by_its_button(opened):
    upstream = ScriptedChatModel("Fine.")
    page = opened(upstream, AcceptAligner(), of_router={"examples": ["What <b>is</b> it?", "And this?"]})
    assert page.texts("#examples button") == ["What <b>is</b> it?", "And this?"]
    page["#examples button"].send_keys(Keys.ENTER)
    page.wait()
    assert upstream.prompts[0][-1].text == "What <b>is</b> it?"


def test_shift_and_enter_make_a_new_line_and_nothing_is_not_asked(opened):
    upstream = ScriptedChatModel("Fine.")
    page = opened(upstream, AcceptAligner())
    page.ask("  ")
    assert page.all(".turn") == []
    page["#question"].clear()
    page["#question"].send_keys("One", Keys.SHIFT, Keys.ENTER, Keys.NULL, "two", Keys.ENTER)
    page.wait()
    assert upstream.prompts[0][-1].text == "One\ntwo"


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\x00" not in text and "\ud800" not in text])
def test_hostile_text_is_shown_and_not_run(opened, text):
    page = opened(ScriptedChatModel([[f"{text} bad."], ""]), ReplaceAligner(bad="good"))
    page.ask(text.replace("\u2028", ""))
    page.wait()
    assert page.browser.execute_script("return document.querySelector('.rows .draft').textContent") == f"{text} bad."
    assert (
        page.browser.execute_script("return document.querySelector('.rows .released').textContent") == f"{text} good."
    )
    assert page.browser.execute_script("return document.querySelectorAll('main script, main img, main b').length") == 0
    assert console(page.browser) == []


def test_a_script_that_got_in_all_the_same_would_not_run(opened):
    page = opened(ScriptedChatModel("Fine."), AcceptAligner())
    page.browser.execute_script(
        "const bad = document.createElement('script'); bad.textContent = 'window.ran = true';"
        "document.body.append(bad);"
        "document.body.setAttribute('onclick', 'window.ran = true'); document.body.click();"
        "const image = new Image(); image.src = 'https://example.org/x.png'; document.body.append(image);"
    )
    assert page.browser.execute_script("return window.ran") is None
    assert "Content Security Policy" in " ".join(entry["message"] for entry in page.browser.get_log("browser"))


def test_what_went_wrong_is_said_and_the_question_can_be_asked_again(opened):
    upstream = ScriptedChatModel([RuntimeError("sk-123"), "Fine."])
    page = opened(upstream, AcceptAligner())
    page.ask("One?")
    page.wait("failed")
    assert page[".turn > .fault"].text == "RuntimeError. Its words are not passed on: they may hold a key."
    wait_until(page["#send"].is_displayed)
    page.ask("")
    page.wait("done")
    assert [message.text for message in upstream.prompts[-1]] == ["One?"]


def test_a_long_question_that_went_wrong_hides_neither_the_reason_nor_the_reply(opened):
    page = opened(ScriptedChatModel("Fine."), AcceptAligner(), max_input=1000)
    page.browser.execute_script("document.getElementById('question').value = 'A long line.\\n'.repeat(2000)")
    page["#send"].click()
    page.wait("failed")
    wait_until(page["#send"].is_displayed)
    above = "return arguments[0].getBoundingClientRect().bottom - document.querySelector('footer').offsetTop + scrollY"
    wait_until(lambda: page.browser.execute_script(above, page[".turn > .fault"]) <= 0)
    assert page[".turn h2"].size["height"] < 300
    assert faults(page.browser) == []


def test_every_text_runs_in_the_direction_of_its_own_script(opened):
    page = opened(ScriptedChatModel("שלום עולם! Good day to you."), AcceptAligner())
    page.ask("مرحبا؟")
    page.wait()
    # Where the mark at the end stands: on the left of a line that is read from the right.
    marks = """
        return [...document.querySelectorAll('.turn h2, .accepted .released')].map((node) => {
          const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
          let text; while (texts.nextNode()) if (texts.currentNode.length) text = texts.currentNode;
          const range = document.createRange();
          const boxes = [0, text.length - 1].map((start) => {
            range.setStart(text, start); range.setEnd(text, start + 1); return range.getBoundingClientRect().left;
          });
          return boxes[1] > boxes[0] ? 'right' : 'left';
        });
    """
    assert page.browser.execute_script(marks) == ["left", "left", "right"]
    assert page["#question"].get_attribute("dir") == "auto"


@pytest.mark.parametrize("width", [320, 1200])
def test_a_time_that_is_too_short_to_be_drawn_is_seen_all_the_same(opened, width):
    script = " ".join(f"This is sentence {number}." for number in range(40))
    page = opened(ScriptedChatModel(script, delay=0.005), AcceptAligner())
    emulate(page.browser, width=width)
    page.ask("Well?")
    page.wait()
    inner = "return [...document.querySelectorAll('.lane i:not(.call)')].map((node) => node.clientWidth)"
    assert min(page.browser.execute_script(inner)) >= 1


def test_removed_kept_and_skipped_sentences_are_shown_as_what_they_are(opened):
    script = "First. Second. Third.\n\n```\nline one\n\nline two\n```\n"
    aligner = ScriptedAligner({0: "", 1: RuntimeError("no")})
    page = opened(ScriptedChatModel(script), aligner, on_aligner_error="keep")
    page.ask("Well?")
    page.wait()
    assert page[".removed .released"].text == "nothing"
    assert "RuntimeError" in page[".kept .fault"].text
    skipped = "\n".join(page.texts(".skipped .released"))
    assert [line for line in skipped.split("\n") if line] == ["```", "line one", "line two", "```"]


def test_what_was_written_in_vain_is_struck_out(opened):
    upstream = ScriptedChatModel(["It is bad. So more is bad.", " All is well."])
    page = opened(upstream, ReplaceAligner({"It is bad": "It is good"}, delay=0.5), lookahead=2)
    page.ask("Well?")
    page.wait()
    assert page.texts(".restart .draft del") == ["So more is bad."]
    assert page.texts(".accepted .released") == ["All is well."]


def test_a_key_is_asked_for_and_kept_in_this_tab_alone(opened):
    def keyed(authorization: str = Header("")):
        if authorization != "Bearer right":
            raise HTTPException(401, "Send a key.")

    upstream = ScriptedChatModel("Fine.")
    page = opened(upstream, AcceptAligner(), of_router={"dependencies": [Depends(keyed)]})
    page.ask("Well?")
    wait_until(page["#door"].is_displayed)
    assert page.browser.execute_script("return document.activeElement.id") == "key"
    assert faults(page.browser) == []
    page["#key"].send_keys("wrong", Keys.ENTER)
    wait_until(lambda: "does not know" in page["#wanted"].text)
    page["#key"].send_keys("right", Keys.ENTER)
    page.wait()
    page.ask("And now?")
    page.wait(count=2)
    assert len(upstream.calls) == 2
    stored = "return [Object.values(sessionStorage), Object.values(localStorage), document.cookie]"
    assert page.browser.execute_script(stored) == [["right"], [], ""]


def test_a_key_may_have_any_letters(opened):
    def keyed(authorization: str = Header("")):
        if authorization.encode("latin-1") != "Bearer Schlüssel für 5 €".encode():
            raise HTTPException(401, "Send a key.")

    page = opened(ScriptedChatModel("Fine."), AcceptAligner(), of_router={"dependencies": [Depends(keyed)]})
    page.ask("Well?")
    for key in ("Schlüssel für 5 £", "Schlüssel für 5 €"):
        wait_until(lambda: page["#door"].is_displayed() and page["#key"].get_attribute("value") == "")
        page["#key"].send_keys(key, Keys.ENTER)
    page.wait()


def test_without_the_key_nothing_is_asked(opened):
    def keyed():
        raise HTTPException(401, "Send a key.")

    upstream = ScriptedChatModel("Fine.")
    page = opened(upstream, AcceptAligner(), of_router={"dependencies": [Depends(keyed)]})
    page.ask("Well?")
    wait_until(page["#door"].is_displayed)
    page["#leave"].click()
    page.wait("failed")
    assert page[".turn > .fault"].text == "The server asks for a key."
    assert upstream.calls == []


@pytest.mark.parametrize("width", [320, 360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_for_everyone_before_and_after_a_question(opened, width, scheme):
    script = f"The sky is green. Gone. Kept. {'Long' * 60}. So be it."
    aligner = ScriptedAligner({0: "The sky is blue.", 1: "", 2: RuntimeError("no")})
    page = opened(ScriptedChatModel(script), aligner, on_aligner_error="keep")
    emulate(page.browser, width=width, scheme=scheme)
    assert faults(page.browser) == []
    page.ask("How is the weather?" * 50)
    page.wait()
    assert faults(page.browser) == []
    assert page.below() < 2
    assert console(page.browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_for_everyone_while_a_reply_is_written_and_when_it_broke_off(opened, scheme):
    upstream = ScriptedChatModel([["Word after word. " * 300], RuntimeError("no")], delay=0.01)
    page = opened(upstream, AcceptAligner())
    emulate(page.browser, scheme=scheme)
    page.ask("Well?")
    wait_until(lambda: page.all(".rows .accepted"))
    assert faults(page.browser) == []
    page["#stop"].click()
    page.wait("stopped")
    page.ask("And now?")
    page.wait("failed")
    assert faults(page.browser) == []


def test_controls_are_reached_by_tab_in_the_order_of_reading(opened):
    page = opened(ScriptedChatModel("Fine."), AcceptAligner(), of_router={"examples": ["One?", "Two?"]})
    assert page.browser.execute_script("return document.activeElement.id") == "question"
    page["h1"].click()
    assert tab_stops(page.browser, 4) == ["BUTTON", "BUTTON", "question", "send"]
    page.ask("Well?")
    page.wait()
    page["h1"].click()
    assert tab_stops(page.browser, 3) == ["fresh", "question", "send"]


@pytest.mark.parametrize("height", [400, 800])
def test_what_is_reached_by_keyboard_is_not_behind_the_footer(opened, height):
    questions = [f"Question {number}?" for number in range(12)]
    page = opened(ScriptedChatModel("Fine."), AcceptAligner(), of_router={"examples": questions})
    emulate(page.browser, width=360, height=height)
    page.browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    is_clear = """
        const bottom = document.activeElement.getBoundingClientRect().bottom;
        return bottom <= document.querySelector('footer').getBoundingClientRect().top;
    """
    page["#examples button"].send_keys(Keys.SHIFT)  # focuses it, and does nothing else
    clear = []
    for _ in questions:
        clear.append(page.browser.execute_script(is_clear))
        page.browser.switch_to.active_element.send_keys(Keys.TAB)
    assert all(clear)
    assert page.browser.execute_script("return document.activeElement.id") == "question"


@pytest.mark.parametrize("composing", ["isComposing: true", "keyCode: 229"])
def test_the_keys_of_an_input_method_neither_send_nor_stop(opened, composing):
    upstream = ScriptedChatModel("Word after word. " * 2000, delay=0.01)
    page = opened(upstream, AcceptAligner())
    press = f"""
        const pressed = new KeyboardEvent('keydown', {{ key: arguments[0], bubbles: true, {composing} }});
        document.getElementById('question').dispatchEvent(pressed);
    """
    page["#question"].send_keys("にほん")
    page.browser.execute_script(press, "Enter")
    assert page.all(".turn") == []
    page.ask("")
    wait_until(lambda: page.all(".rows .accepted"))
    page.browser.execute_script(press, "Escape")
    seen = len(page.all(".rows .accepted"))
    wait_until(lambda: len(page.all(".rows .accepted")) > seen + 1)
    assert page[".turn"].get_attribute("data-state") == "writing"


def test_a_screen_reader_hears_what_is_released_and_no_draft(opened):
    page = opened(ScriptedChatModel("It is bad. It rains."), ReplaceAligner(bad="good"))
    assert page["#said"].get_attribute("role") == "log"
    assert page["#status"].get_attribute("role") == "status"
    page.ask("Well?")
    page.wait()
    assert page["#said"].get_attribute("textContent") == "It is good. It rains."
    assert (
        page.browser.execute_script("return document.querySelectorAll('[aria-live] .draft, [role=log] .draft').length")
        == 0
    )
    assert page[".timeline"].get_attribute("aria-label") == "Upstream: 2 calls. 2 sentences."


def test_nothing_moves_for_those_who_want_no_motion(opened):
    animated = "return getComputedStyle(document.querySelector('.live .verdict'), '::before').animationName"
    for motion, name in (("no-preference", "breathe"), ("reduce", "none")):
        page = opened(ScriptedChatModel("A sentence without an end " * 200, delay=0.01), AcceptAligner())
        emulate(page.browser, motion=motion)
        page.ask("Well?")
        wait_until(lambda page=page: page.all(".live"))
        assert page.browser.execute_script(animated) == name


def test_bars_and_dots_are_seen_by_those_who_choose_all_colours_themselves(opened):
    page = opened(ScriptedChatModel(SKY), ReplaceAligner(green="blue"))
    page.ask("How is the weather?")
    page.wait()
    painted = """
        const bar = getComputedStyle(document.querySelector('.lane i.replaced'));
        const dot = getComputedStyle(document.querySelector('.replaced .verdict'), '::before');
        return [bar.backgroundColor, dot.backgroundColor];
    """
    before = page.browser.execute_script(painted)
    emulate(page.browser, forced="active")
    assert page.browser.execute_script(painted) == before
    assert len(set(before)) == 1


def test_on_paper_there_are_replies_and_no_controls(opened):
    page = opened(ScriptedChatModel(SKY), ReplaceAligner(green="blue"))
    page.ask("How is the weather?")
    page.wait()
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert page["#notice"].is_displayed()
    assert page[".rows"].is_displayed()
    for control in ("footer", "#fresh", "#welcome"):
        assert not page[control].is_displayed()


def test_the_page_says_that_it_shows_what_nobody_else_sees(opened):
    page = opened(ScriptedChatModel("Fine."), AcceptAligner())
    assert "Raw text is shown here" in page["#notice"].text
    assert "No other reader" in page["#notice"].text
