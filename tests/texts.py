"""Random replies: every kind of markdown and script, in any order."""

from hypothesis import strategies as st

WORDS = [
    "alpha", "Beta", "gamma,", "Dr.", "e.g.", "3.14", "$5.00", "v2.0.1", "https://example.com/a.b?x=1.2", "`a.b()`",
    "**bold**", "*really?*", "(yes.)", "“quoted.”", "U.S.", "No.", "etc.", "naïve", "z. B.", "M.", "1.", "😀",
]  # fmt: skip
CORES = [
    "你好。", "今天天气怎么样？", "これはペンです。", "안녕하세요.", "यह एक किताब है।", "كيف حالك؟", "Τι κάνεις;",
    "ภาษาไทยไม่มีจุด", "# Heading. One", "## 2. Two", "- item one. And more.", "* item two", "1. first", "2) second",
    "> quoted. Twice.\n> Again.", "```python\nx = 1. \nprint('Hi. Bye.')\n```", "~~~\nopen. fence.", "$$\na = b. c\n$$",
    "\\[\nx. y\n\\]", "| a | b |\n|---|---|\n| A. | B! |", "---", "Title\n=====", "   indented. text.", "«Bonjour !»",
    "\u200bzero. width", "e\u0301a. combining", "\x00nul. byte", "Wait... what?!", "Run-on text without any stop",
]  # fmt: skip
SPACES = [" ", " ", " ", "\n", "\n\n", "\r\n", "  ", "\t", "", "\n\n\n", "\u00a0", " \n "]
ENDINGS = [".", ".", ".", "!", "?", "...", "…", ".)", '."', ":", ""]

_sentence = st.builds(
    lambda words, end: " ".join(words) + end,
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=7),
    st.sampled_from(ENDINGS),
)
_core = st.one_of(_sentence, st.sampled_from(CORES), st.text(max_size=12))
markdown = st.lists(st.tuples(_core, st.sampled_from(SPACES)), min_size=1, max_size=12).map(
    lambda parts: "".join(core + space for core, space in parts)
)


@st.composite
def chunked(draw, texts=markdown):
    """A text and one way of cutting it into stream chunks."""
    text = draw(texts.filter(bool))
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=12))
    chunks, start, turn = [], 0, 0
    while start < len(text):
        size = sizes[turn % len(sizes)]
        chunks.append(text[start : start + size])
        start, turn = start + size, turn + 1
    return text, chunks
