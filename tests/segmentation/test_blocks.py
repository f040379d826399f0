"""Markdown: what is a block, that it stays whole, and that it can be streamed."""

from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from stream_aligner_lc.segmentation import Segment, segment
from tests.segmentation.helpers import FIXTURES, STREAMED, check_exact, cores

OF_TOKEN = {"fence": "code", "heading_open": "heading", "table_open": "table"}


def kinds(text: str, **options) -> list[tuple[str, str]]:
    return [(s.kind, s.core) for s in segment(text, **options)]


def spans_by_us(text: str) -> set[tuple[str, int, int]]:
    spans = set()
    for s in segment(text):
        if s.kind in OF_TOKEN.values():
            first = text.count("\n", 0, s.start + len(s.lead))
            spans.add((s.kind, first, first + s.core.count("\n") + 1))
    return spans


def spans_by_parser(text: str) -> set[tuple[str, int, int]]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    lines = text.split("\n")
    spans = set()
    for token in tokens:
        if token.type in OF_TOKEN and token.map is not None:
            first, last = token.map
            while last > first + 1 and not (lines[last - 1] if last <= len(lines) else "").strip():
                last -= 1
            spans.add((OF_TOKEN[token.type], first, last))
    return spans


@pytest.mark.parametrize("name", ["guide.md", "answer.md"])
def test_blocks_are_those_of_a_markdown_parser(name: str):
    text = (FIXTURES / name).read_text(encoding="utf-8")
    assert spans_by_us(text) == spans_by_parser(text)


@pytest.mark.parametrize("name", ["guide.md", "answer.md"])
def test_streamed_blocks_are_the_whole_ones_line_by_line(name: str):
    text = (FIXTURES / name).read_text(encoding="utf-8")
    streamed = segment(text, through=STREAMED)
    check_exact(text, streamed)
    together: list[Segment] = []
    for s in streamed:
        if together and together[-1].cut:
            last = together.pop()
            assert last.kind == s.kind
            together.append(Segment(last.text + s.text, s.kind, last.start, s.cut))
        else:
            together.append(s)
    assert together == segment(text)


BLOCKS = {
    "fence": ("```py\nx. Y.\n\nz\n```\n", "code"),
    "tilde fence": ("~~~~\n~~~\n```\n~~~~\n", "code"),
    "long closing fence": ("```\na. B.\n`````\n", "code"),
    "indented fence": ("   ```\n   a. B.\n   ```\n", "code"),
    "fence of an item": ("- ```\n  a. B.\n  ```\n", "code"),
    "dollars": ("$$\na. B.\n$$\n", "math"),
    "dollars on one line": ("$$ a. B. $$\n", "math"),
    "brackets": ("\\[\na. B.\n\\]\n", "math"),
    "environment": ("\\begin{align*}\na. B.\n\\end{align*}\n", "math"),
    "table": ("| A. | B. |\n|---|---|\n| C. D. | E |\n", "table"),
    "table without outer pipes": ("A | B\n--|--\nC. D. | E\n", "table"),
    "quote": ("> A. B.\n> C.\n>\n> D.\n", "quote"),
    "dashes": ("---\n", "rule"),
    "stars": ("* * *\n", "rule"),
    "underscores": ("___\n", "rule"),
    "heading": ("## A. B. C\n", "heading"),
    "underlined heading": ("A and B\n=====\n", "heading"),
    "dashed heading": ("A and B\n-----\n", "heading"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_one_segment_between_sentences(name: str):
    block, kind = BLOCKS[name]
    before, after = ("prose", "Before it."), ("prose", "After it.")
    text = f"Before it.\n\n{block}\nAfter it."
    assert kinds(text) == [before, (kind, block.strip()), after]
    assert kinds(text.replace("\n", "\r\n")) == [before, (kind, block.strip().replace("\n", "\r\n")), after]
    assert kinds(block) == [(kind, block.strip())]


@pytest.mark.parametrize("name", ["fence", "dollars", "table", "quote"])
def test_a_streamed_block_comes_line_by_line(name: str):
    block, kind = BLOCKS[name]
    pieces = segment(block + "\nAfter.", through={kind})[:-1]
    assert [s.core for s in pieces] == [line.strip() for line in block.split("\n") if line.strip(" ")]
    assert [s.cut for s in pieces] == [True] * (len(pieces) - 1) + [False]
    assert {s.kind for s in pieces} == {kind}


@pytest.mark.parametrize("text", ["```\na\nb\n", "```\na\nb", "$$\na\n\n", "> a\n> b"])
def test_the_last_piece_of_an_unfinished_block_is_not_cut(text: str):
    pieces = segment(text, through={"code", "math", "quote"})
    assert [s.cut for s in pieces] == [True] * (len(pieces) - 1) + [False]


def test_a_block_longer_than_its_limit_is_cut_between_lines():
    text = "```\n" + "x = 1. \n" * 100 + "```\nEnd."
    pieces = segment(text, max_block=100)
    assert {s.kind for s in pieces[:-1]} == {"code"}
    assert all(len(s.text) <= 100 and s.text.endswith("\n") for s in pieces[:-1])
    assert [s.cut for s in pieces[:-2]] == [True] * (len(pieces) - 2)
    assert not pieces[-2].cut
    assert pieces[-1].core == "End."


@pytest.mark.parametrize("size", range(4, 24))
@pytest.mark.parametrize("block", ["```\na\n```\n", "$$\na + b\n$$\n", "$$ a+b+c $$\n", "\\begin{a}\nx\n\\end{a}\n"])
def test_the_end_of_a_block_is_found_wherever_the_limit_falls(block: str, size: int):
    for through in ((), STREAMED):
        pieces = segment(block + "\nAfter it.", max_block=size, max_chars=max(size, 10), through=through)
        assert (pieces[-1].kind, pieces[-1].core) == ("prose", "After it."), pieces


def test_a_long_line_of_a_streamed_block_is_cut():
    text = "```\n" + "word " * 100 + "\n```\n"
    pieces = segment(text, max_chars=60, through={"code"})
    assert len(pieces) > 8
    assert all(len(s.core) <= 60 for s in pieces)


def test_items_start_segments_and_their_sentences_are_split():
    text = "Do:\n- One. Two.\n  Three.\n- [ ] Four\n1. Five. Six.\n1.) Seven\na) Eight\n(iv) Nine\n+ Ten"
    assert kinds(text) == [
        ("prose", "Do:"),
        ("item", "- One."),
        ("item", "Two."),
        ("item", "Three."),
        ("item", "- [ ] Four"),
        ("item", "1. Five."),
        ("item", "Six."),
        ("item", "1.) Seven"),
        ("item", "a) Eight"),
        ("item", "(iv) Nine"),
        ("item", "+ Ten"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "-5 is cold",
        "1.5 is more",
        "#tag",
        "|x| is positive",
        "*emphasis* is",
        "$x$ is",
        "``a`` is",
        "2019. Then",
    ],
)
def test_what_only_looks_like_a_block_is_prose(line: str):
    assert {kind for kind, _ in kinds(f"Yes.\n{line} here.\nNo.")} == {"prose"}


def test_without_markdown_all_is_prose():
    text = "# A\n\n```\nb. C\n```\n\n- d"
    assert {s.kind for s in segment(text, markdown=False)} == {"prose"}


def test_code_spans_and_formulas_hide_what_is_in_them():
    text = "Use `a. B` and ``c. `D`` now. Let \\(x. Y\\) and $f. G$ be. Let \\[ a. B \\] and $$c. D$$ be. End."
    assert cores(segment(text)) == [
        "Use `a. B` and ``c. `D`` now.",
        "Let \\(x. Y\\) and $f. G$ be.",
        "Let \\[ a. B \\] and $$c. D$$ be.",
        "End.",
    ]


@pytest.mark.parametrize("opener", ["`", "$x", "\\(", "(", "[", '"', "“", "„", "«", "‘", "**"])
def test_an_opener_without_its_partner_delays_but_does_not_swallow(opener: str):
    text = f"An {opener}opener here. " + "Another sentence follows. " * 30
    assert len(segment(text)) >= 28


def test_a_table_ends_with_its_last_row():
    text = "| a | b |\n|---|---|\n| c | d |\nProse follows. Yes."
    assert [kind for kind, _ in kinds(text)] == ["table", "prose", "prose"]


def test_neighbours_of_a_fence_are_sentences():
    text = "Text.\n```\na\n```\nMore. End.\n```\nb\n```"
    parts = kinds(text)
    assert [kind for kind, _ in parts] == ["prose", "code", "prose", "prose", "code"]
    assert all(a != b for a, b in pairwise(parts))


@pytest.mark.parametrize("line", ["# aaa bbb ccc", "$$ a b c d $$", "* * * * * * *", "| aa | bb | c |"])
@pytest.mark.parametrize("blanks", [0, 1, 5, 40])
def test_blanks_at_the_end_of_a_line_do_not_draw_in_the_next(line: str, blanks: int):
    for size in range(8, 20):
        for through in ((), STREAMED):
            pieces = segment(f"{line}{' ' * blanks}\nThen.", max_chars=size, max_block=size, through=through)
            assert (pieces[-1].kind, pieces[-1].core) == ("prose", "Then."), pieces
