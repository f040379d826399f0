"""The site as it is built: complete, without a broken link, and without a request to anybody else."""

import functools
import html
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser

import pytest
import yaml

import stream_aligner_lc
from stream_aligner_lc.continuation.providers import PROVIDERS
from tests.browsing import driver  # noqa: F401  # the browser
from tests.docs.snippets import DOCS, ROOT
from tests.threaded import wait_until

# What a browser fetches by itself; a link in a text it does not.
LOADS = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = built(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


def built(checkout, folder):
    # As `make docs` does. Not with `--quiet`: what it does not say, it does not count as a warning either.
    command = re.search(r"mkdocs (build .*)", (ROOT / "Makefile").read_text())[1].split()
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", *command, "--site-dir", str(folder)],
        cwd=checkout,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


class Loading(HTMLParser):
    def __init__(self):
        super().__init__()
        self.addresses = []
        self.is_mermaid = False

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.is_mermaid |= "mermaid" in (given.get("class") or "").split()
        if tag == "link" and given.get("rel") in ("canonical", "prev", "next"):
            return
        self.addresses += [value for name, value in attributes if (tag, name) in LOADS and value]


def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loading = Loading()
        loading.feed(text)
        assert loading.addresses
        assert [each for each in loading.addresses if "//" in each] == [], page
        # The theme's script would fetch the library for such a drawing.
        assert not loading.is_mermaid
        assert not re.search(r"@import|fonts\.g|data-md-component=\"source\"", text)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\([\"']?(?!data:)(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def address(site):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


PAGES = ["", "providers/anthropic.html", "reference/chat.html", "experiments/", "examples.html"]


@pytest.mark.parametrize("path", PAGES)
def test_a_browser_asks_nobody_but_the_site(path, address, request):
    browser = request.getfixturevalue("driver")
    browser.get(address + path)
    browser.get_log("browser")
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert len(asked) > 2
    assert [each for each in asked if not each.startswith((address, "data:"))] == []
    assert browser.execute_script("return document.querySelector('h1').textContent")
    wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not browser.execute_script(wide), "it scrolls sideways"


def test_a_site_that_is_opened_from_its_folder_leads_on_and_can_be_searched(site, request):
    browser = request.getfixturevalue("driver")
    browser.get(site.joinpath("index.html").as_uri())
    browser.get_log("browser")
    browser.find_element("link text", "What leaks").click()
    wait_until(lambda: browser.current_url.endswith("/leaks.html"))
    browser.find_element("css selector", ".md-search__input").send_keys("max_aligner_faults")
    results = ".md-search-result__item a"
    wait_until(lambda: browser.find_elements("css selector", results))
    found = {each.get_attribute("href").partition("?")[0] for each in browser.find_elements("css selector", results)}
    assert site.joinpath("reference", "chat.html").as_uri() in found
    assert browser.get_log("browser") == []


def test_a_link_that_leads_nowhere_is_an_error(tmp_path):
    shutil.copytree(DOCS, tmp_path / "docs")
    for name in ("mkdocs.yml", "stream_aligner_lc", "examples", "benchmarks", "ARCHITECTURE.md", "CHANGELOG.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    broken = ["operating.md#nowhere", "nowhere.md", "../nowhere.py"]
    with (tmp_path / "docs" / "studio.md").open("a") as page:
        page.write("".join(f"\n[x]({target})\n" for target in broken) + "\n[`x`][stream_aligner_lc.Nowhere]\n")
    (tmp_path / "docs" / "alone.md").write_text("# In no navigation\n")
    done = built(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    for target in ("#nowhere", *broken[1:], "stream_aligner_lc.Nowhere", "alone.md"):
        assert target in done.stderr


def test_every_exported_name_has_its_place_in_the_reference(site):
    shown = set()
    for page in (site / "reference").rglob("*.html"):
        shown |= set(re.findall(r'id="stream_aligner_lc\.([\w.]+)"', page.read_text(encoding="utf-8")))
    assert set(stream_aligner_lc.__all__) <= shown
    from stream_aligner_lc import testing

    assert {f"testing.{name}" for name in testing.__all__ if name != "AcceptAligner"} <= shown


def test_every_page_stands_in_the_navigation():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())

    def pages_of(entry):
        if isinstance(entry, str):
            return {entry}
        parts = entry.values() if isinstance(entry, dict) else entry
        return set().union(*map(pages_of, parts))

    assert pages_of(config["nav"]) >= {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert {"site_url", "repo_url"}.isdisjoint(config)


def test_the_table_of_providers_names_every_class_that_is_known():
    page = (DOCS / "providers" / "index.md").read_text()
    for provider in PROVIDERS:
        for name in provider.classes:
            assert f"`{name}`" in page, name


def test_a_document_of_the_repository_is_a_page_and_a_link_into_the_code_says_where_it_is(site):
    page = (site / "experiments" / "index.html").read_text(encoding="utf-8")
    assert 'href="../benchmarks/LOG.html"' in page
    assert "examples/sums/studied" in page
    assert (site / "ARCHITECTURE.html").exists()
    assert not list(site.rglob("*.py"))


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_the_page_of_examples_shows_the_code_of_each(example, site):
    # A formatter takes the line that includes a file for code of its own, and mkdocs then prints it as it stands.
    shown = re.sub(r"<[^>]+>", "", (site / "examples.html").read_text(encoding="utf-8"))
    assert example.read_text(encoding="utf-8").strip() in html.unescape(shown)


def test_a_figure_that_is_quoted_stands_where_the_link_leads():
    experiments = (DOCS / "experiments" / "README.md").read_text()
    quoted = [
        figure
        for page in DOCS.rglob("*.md")
        for text in re.findall(r"\[([^\]]+)\]\([./]*experiments/README.md#", page.read_text())
        for figure in re.findall(r"\d+\.\d+", text)
    ]
    assert len(quoted) >= 6
    assert [figure for figure in quoted if figure not in experiments] == []


def test_figures_of_time_are_those_of_the_log_and_of_the_readme():
    measured = (ROOT / "benchmarks" / "LOG.md").read_text() + (ROOT / "README.md").read_text()
    rows = [line for line in (DOCS / "costs.md").read_text().splitlines() if line.startswith("|")]
    figures = [figure for row in rows for figure in re.findall(r"\d+\.\d+", row)]
    assert len(figures) > 10
    assert [figure for figure in figures if figure not in measured] == []
