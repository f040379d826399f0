"""What a page lists is all that there is, and what a document names is there."""

import re
import tomllib
from pathlib import Path

import pytest

import stream_aligner_lc
from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
from tests.docs.snippets import DOCS, ROOT

# A page of these is made of another file, whose links are those of the page that it becomes.
MADE = ROOT / "examples" / "sums" / "studied"
DOCUMENTS = [
    page
    for page in sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/**/*.md")])
    if MADE not in page.parents
]


def named_in(page):
    return set(re.findall(r"`(\w+)`", (DOCS / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_link_of_a_document_leads_to_a_file_also_where_no_site_is_made_of_it(document):
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    assert [link for link in links if not document.parent.joinpath(link).exists()] == []


def test_the_overview_of_the_reference_leads_to_each_of_its_pages():
    folder = DOCS / "reference"
    links = set(re.findall(r"\]\((\w+\.md)\)", (folder / "index.md").read_text()))
    assert links == {page.name for page in folder.glob("*.md")} - {"index.md"}


def test_all_that_a_reply_says_of_itself_is_listed():
    llm = StreamAlignedChat(ScriptedChatModel("One is bad. Two."), ReplaceAligner(bad="good"))
    totals = llm.invoke("Hello").response_metadata["stream_aligner"]
    snippets = set(re.findall(r'totals\["(\w+)"\]', (DOCS / "use.md").read_text()))
    assert totals.keys() - named_in("use.md") - snippets == set()


def test_all_that_a_record_holds_is_listed():
    records = []
    StreamAlignedChat(ScriptedChatModel("One."), ReplaceAligner(bad="good"), on_record=records.append).invoke("Hello")
    snippets = set(re.findall(r'records\[0\]\["(\w+)"\]', (DOCS / "operating.md").read_text()))
    assert records[0].keys() - named_in("operating.md") - snippets == set()


def test_all_extras_are_listed():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras.keys() - named_in("troubleshooting.md") == {"agents"}  # which stands in the line before
    assert "stream-aligner-lc[agents]" in (DOCS / "troubleshooting.md").read_text()


def test_all_variables_that_the_graphs_read_are_listed():
    code = "".join(path.read_text() for path in (ROOT / "graphs").glob("*.py"))
    assert set(re.findall(r"STREAM_ALIGNER_\w+", code)) - named_in("studio.md") == set()


def test_a_method_that_the_architecture_names_is_there():
    source = [path.read_text() for path in Path(stream_aligner_lc.__file__).parent.rglob("*.py")]
    named = re.findall(r"`([A-Z]\w+)\.(\w+)`", (ROOT / "ARCHITECTURE.md").read_text())
    ours = [(owner, name) for owner, name in named if any(f"class {owner}" in text for text in source)]
    assert len(ours) >= 4
    for owner, name in ours:
        assert any(f"class {owner}" in text and f"def {name}(" in text for text in source), f"{owner}.{name}"
