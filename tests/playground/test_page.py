"""The page's files: what they hold, what they may do, and that they come with the package."""

import re
from importlib.resources import files

import httpx
import pytest

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.playground.examples import questions_for
from stream_aligner_lc.playground.routes import router
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import problem_of
from stream_aligner_lc.testing import AcceptAligner, ScriptedChatModel

FILES = {
    "/": "text/html; charset=utf-8",
    "/playground/page.css": "text/css; charset=utf-8",
    "/playground/page.js": "text/javascript; charset=utf-8",
    "/playground/icon.svg": "image/svg+xml",
}


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_served_as_what_it_is_and_may_load_nothing_from_elsewhere(served, path):
    answer = httpx.get(f"{served(ScriptedChatModel('Fine.'), AcceptAligner())}{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == FILES[path]
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert set(re.findall(r"-src '(\w+)'", policy)) == {"none", "self"}
    assert not re.findall("unsafe|data:|http|\\*", policy)


def test_the_page_has_no_inline_script_style_or_handler(served):
    page = httpx.get(served(ScriptedChatModel("Fine."), AcceptAligner())).text
    assert re.findall(r"<script[^>]*>", page) == ['<script src="playground/page.js" defer>']
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:|https?://", page)


def test_the_script_puts_nothing_in_as_markup():
    for package in ("playground", "showing", "report"):
        for asset in (files(f"stream_aligner_lc.{package}") / "assets").iterdir():
            if asset.name.endswith(".js"):
                assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", asset.read_text())


def test_names_and_examples_are_text(served):
    hostile = '"><script>alert(1)</script>{braces}'
    upstream = ScriptedChatModel("Fine.", model_name=hostile)
    page = httpx.get(served(upstream, AcceptAligner(), of_router={"examples": [hostile]})).text
    assert page.count("<script") == 1
    assert page.count("&lt;script&gt;") == 2
    assert page.count("{braces}") == 2


def test_the_bundled_pair_is_offered_sums_that_it_knows():
    llm = StreamAlignedChat(pair.upstream(), pair.aligner())
    assert all(problem_of(question) for question in questions_for(llm))
    assert not any(map(problem_of, questions_for(StreamAlignedChat(ScriptedChatModel("Fine."), AcceptAligner()))))


def test_the_routes_are_no_part_of_a_documented_interface():
    routes = router(StreamAlignedChat(ScriptedChatModel("Fine."), AcceptAligner())).routes
    assert not [route.path for route in routes if route.include_in_schema]
