"""What looks for faults in pages finds them."""

import pytest

from tests.browsing import faults

_GOOD = (
    "<!doctype html><html lang=en><head><meta charset=utf-8><title>Good</title>"
    "<meta name=viewport content='width=device-width, initial-scale=1'></head>"
    "<body><main><h1>Good</h1><p id=one>Text</p><button type=button style='min-height: 2rem'>Go</button></main></body>"
)
_BAD = {
    "no language": (" lang=en", ""),
    "no title": ("Good</title>", "</title>"),
    "no viewport": ("width=device-width", "width=1200"),
    "cannot be enlarged": ("initial-scale=1", "maximum-scale=1"),
    "0 h1": ("h1>", "h2>"),
    "0 main": ("main>", "div>"),
    "twice: #one": ("<p id=one>", "<p id=one></p><p id=one>"),
    "heading skips a level": ("<p id=one>", "<h3>Deep</h3><p>"),
    "without a name": ("<p id=one>", "<input><p>"),
    "without alt": ("<p id=one>", "<img src='data:,'><p>"),
    "out of order": ("<p id=one>", "<p id=one tabindex=2>"),
    "names nobody": ("<p id=one>", "<p id=one aria-describedby=two>"),
    "too small": ("min-height: 2rem", "height: 1rem; padding: 0"),
    "scrolls sideways": ("<p id=one>", "<p id=one style='width: 3000px'>"),
    "asks elsewhere": ("<p id=one>", "<link rel=stylesheet href='http://127.0.0.1:9/x.css'><p>"),
    "of a mark": ("<p id=one>", "<p id=one><i class=key style='background: #aaa; display: block'>x</i>"),
    "contrast": ("<p id=one>", "<p id=one style='color: #999'>"),
}


def test_a_good_page_has_no_faults(browser, tmp_path):
    assert faults(shown(browser, tmp_path, _GOOD)) == []


@pytest.mark.parametrize("fault", _BAD)
def test_a_fault_is_found(browser, tmp_path, fault):
    found = faults(shown(browser, tmp_path, _GOOD.replace(*_BAD[fault])))
    assert [each for each in found if fault in each], found


def shown(browser, folder, page):
    file = folder / "page.html"
    file.write_text(page)
    browser.get(file.as_uri())
    return browser
