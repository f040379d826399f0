"""Texts that make a careless segmenter slow: one thing, over and over."""

_REPEATED = {
    "only dots": ".",
    "only spaces": " ",
    "only newlines": "\n",
    "windows newlines": "\r\n",
    "code without end": "x = 1.  # Ok?\n",
    "open parentheses": "(",
    "open brackets": "[",
    "parentheses and dots": "(. ",
    "open double quotes": '"A. ',
    "open single quotes": "'a ",
    "open curly quotes": "“a. ",
    "only backticks": "`",
    "open code spans": "`a ",
    "only dollars": "$",
    "open formulas": "$a ",
    "open parenthesis formulas": "\\(",
    "open display formulas": "\\[ a ",
    "formulas without end": "$$ a",
    "environments": "\\begin{a}",
    "abbreviations": "Dr. ",
    "dotted abbreviations": "U.S. ",
    "table rows": "| a | b |\n",
    "pipes": "|",
    "chinese": "你好。",
    "chinese without stops": "你好",
    "no spaces": "abc",
    "prose": "This is a sentence. And more! ",
    "items": "- a b c\n",
    "quotes": "> a\n",
    "hashes": "#",
    "dashes": "-",
    "stars": "*",
    "combining marks": "\u0301",
    "joined emoji": "👨\u200d",
    "footnotes": ".[1]",
}
SHAPES = tuple(_REPEATED)


def shape(name: str, size: int) -> str:
    unit = _REPEATED[name]
    text = (unit * (size // len(unit) + 1))[:size]
    return "```\n" + text if name == "code without end" else text
