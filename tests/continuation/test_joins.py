"""The whitespace between two texts, as a table."""

import pytest

from stream_aligner_lc.continuation import join

RAIN = "It rains."

TABLE = {
    # what is said: (released, held, lead, core) -> whitespace
    "the continuation's own whitespace wins": ((RAIN, "  ", " ", "It pours."), " "),
    "a space in the continuation ends a held paragraph break": ((RAIN, "\n\n", " ", "It pours."), " "),
    "a paragraph break in the continuation wins over a held space": (
        (RAIN, " ", "\n\n", "It pours."),
        "\n\n",
    ),
    "a bare continuation takes the held paragraph break": ((RAIN, "\n\n", "", "It pours."), "\n\n"),
    "a bare continuation takes the held space": ((RAIN, " ", "", "It pours."), " "),
    "with nothing known there is one space": ((RAIN, "", "", "It pours."), " "),
    "indentation of the continuation is kept": (("1. Buy:", " ", "\n   ", "- milk"), "\n   "),
    "the start of a reply gets nothing": (("", "\n", " ", "It pours."), ""),
    "the start of a reply gets nothing before a list": (("", "", "", "- milk"), ""),
    # Markdown blocks
    "a list item after a space takes the held newline": (("- milk", "\n", " ", "- eggs"), "\n"),
    "a list item after nothing takes the held newline": (("- milk", "\n", "", "- eggs"), "\n"),
    "a list item keeps the held indentation": (("- milk", "\n  ", " ", "* whole"), "\n  "),
    "a numbered item takes the held newline": (("1. milk", "\n", "", "2. eggs"), "\n"),
    "a heading takes the held paragraph": ((RAIN, "\n\n", " ", "## Wind"), "\n\n"),
    "a quote takes the held newline": (("> It rains.", "\n", " ", "> It pours."), "\n"),
    "a fence takes the held newline": ((RAIN, "\n\n", "", "```python\nx = 1"), "\n\n"),
    "a table row takes the held newline": (("| a | b |", "\n", " ", "| c | d |"), "\n"),
    "a rule takes the held newlines, or it would underline": ((RAIN, "\n\n", " ", "---"), "\n\n"),
    "a list item keeps its own newline": (("- milk", "\n\n", "\n", "- eggs"), "\n"),
    "a list item without any newline gets one": (("- milk", "", "", "- eggs"), "\n"),
    "a list item after a held space gets a newline": (("- milk", " ", "", "- eggs"), "\n"),
    "a dash that the model runs on with stays in the line": ((RAIN, " ", " ", "- said he"), " "),
    "a heading never stays in the line": ((RAIN, " ", " ", "## Wind"), "\n"),
    "a fence never stays in the line": ((RAIN, "", " ", "```python\nx = 1"), "\n"),
    "code between backticks is no fence": ((RAIN, "", " ", "```x``` is code."), " "),
    "bold is no list item": ((RAIN, " ", "", "**Wind** blows."), " "),
    "a negative number is no list item": ((RAIN, " ", "", "-3 degrees."), " "),
    "a year is no list item": ((RAIN, " ", "", "2026 was wet."), " "),
    "a decimal is no list item": ((RAIN, " ", "", "1.5 mm fell."), " "),
    # scripts without spaces
    "Chinese": (("今天下雨。", "", "", "明天晴。"), ""),
    "Chinese with a Latin full stop": (("今天下雨.", "", "", "明天晴。"), ""),
    "Chinese with brackets": (("今天下雨。", "", "", "（明天晴）"), ""),
    "Japanese": (("雨です。", "", "", "カサを持って。"), ""),
    "Thai": (("ฝนตก", "", "", "ลมแรง"), ""),
    "Lao": (("ຝົນຕົກ", "", "", "ລົມແຮງ"), ""),
    "Khmer": (("ភ្លៀង។", "", "", "ខ្យល់"), ""),
    "Myanmar": (("မိုးရွာသည်။", "", "", "လေတိုက်သည်။"), ""),
    "Tibetan": (("ཆར་པ།", "", "", "རླུང་།"), ""),
    "Korean has spaces": (("비가 온다.", "", "", "바람이 분다."), " "),
    "Latin after a Chinese full stop": (("今天下雨。", "", "", "OK."), ""),
    "Latin after a Chinese word": (("他说 yes", "", "", "no"), " "),
    "Chinese after Latin": ((RAIN, "", "", "明天晴。"), " "),
    "Chinese keeps the held newline": (("今天下雨。", "\n", "", "明天晴。"), "\n"),
    "Chinese keeps the continuation's space": (("今天下雨。", "", " ", "明天晴。"), " "),
    "a number between Chinese": (("共有 3", "", "", "个"), ""),
    # closing punctuation
    "a comma": (("It rains", " ", "", ", and it pours."), ""),
    "a bracket and a stop": (("(It rains", " ", "", ")."), ""),
    "a Chinese comma": (("It rains", " ", "", "，而且"), ""),
    "closing punctuation keeps a held newline": (("f(\n    x", "\n", "", ")"), "\n"),
    "closing punctuation keeps its own space": (("Il pleut", "", " ", "!"), " "),
    "a file name starts with a dot": (("Edit", "", "", ".gitignore first."), " "),
    "a smiley starts with a colon": ((RAIN, "", "", ":) Fine."), " "),
    "a quote may open": ((RAIN, "", "", '"Yes," he said.'), " "),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_join(case):
    arguments, expected = TABLE[case]
    assert join(*arguments) == expected
