"""Where English sentences end, and where they only seem to."""

# ruff: noqa: E501 -- a text is easier to judge on one line

import pytest

from stream_aligner_lc.segmentation import segment
from tests.segmentation.helpers import check_exact, cores

# `|` marks the ends.
TEXTS = {
    "titles": "Mr. and Mrs. Hill met Sen. Poe, Lt. Col. Ray and Prof. Fox.| Ms. C. Dr. D. stayed.",
    "saints and streets": "St. Anne lives on Main St.| The house is old.| Mt. Hood is high.",
    "capitals are no abbreviations": "They study DNA.| Bob works at BP.| Ann lives in CA.| Tom left.",
    "plain words": "She is ill.| Bob sat.| Ann drew an arch.| Tom gave ms.| Kim is a doc.| Ed met them.",
    "units": "It weighs 5 kg.| Bob is 6 ft.| Ann ran 5 km.| Tom is 5 ft. 6 in. tall.| It took 5 min.| Then it ended.",
    "company names": "He left Foo Inc. in May.| She runs Bar Corp.| They met at Baz Ltd. Hall.",
    "countries": "The U.S. Senate met.| She is in the U.S.A.| He went to D.C. Monday.| The E.U. has left the U.K.| They know.",
    "times": "Come at 5 p.m. on Monday.| I slept at 3 a.m.| She woke at 6 a.m. Tom too.",
    "numbers": "It is 3.14.| In 1999.| 20 came.| See No. 5.| No.| I do not.| Fig. A and Sec. IV are new.",
    "pronouns and initials": "So am I.| Did Albert I. Stone call?| J.-P. Hart and W. E. B. Cole did.| You and I.| Yes.",
    "labels": "Take vitamin C.| Bob chose plan B.| Ann got type O.| Kim knows.",
    "versions and files": "Use v2.0.1 of node.js.| Edit ./a.txt and .env first.| Ask me@a.b.c.| Open a.b/c?d=e.",
    "frameworks": "Try .NET.| Then C#.| Then C++.| Then ASP.NET.| Done.",
    "ellipses": "Well... maybe.| Hmm...| Yes.| I was… not there.| So…| What?",
    "odd names": "I use Yahoo! Mail or eBay.| iPhone users too.| eBay is old.",
    "quotes": "“Is it?” he asked.| “No.”| “Yes.”| 'Stop,' she said.| He said ‘Go. Now.’ and left.| \"Ok.\"| Bye.",
    "apostrophes": "'Tis late.| Rock 'n' roll is here.| The dogs' bowl.| The '90s.| Don't.| It's 5'10\".| Bye.",
    "brackets": "He (it is late. Very.) left.| (An aside. Two.)| See [a. b](c.d).| Ok [sic.].| Bye {x. y}.",
    "nested brackets": "See (a [b. C] d. E) end.| He (it was “Ok. Yes.” then. So.) left.| Use (a. `)` B. c) now.| Bye.",
    "a quote over wrapped lines": "He said “this is a long line of text that was wrapped. It\nWent on. And on.” and left.| Bye.",
    "a quote that ends with its line": "He said “Go.|\nShe went.| They came.”| Bye.",
    "a quote that ends with its paragraph": "He said “Go.| Then|\n\nShe went.| They came.”| Bye.",
    "a bracket before a list": "He said (go.| Then|\n- She went).| Bye.",
    "a new quote in an open one": 'He "said.| "Go. Then" he left.| Bye.',
    "escapes": "It is \\`a.| B\\` here.",
    "unmatched brackets": "1) This. a) That :( and so.| Yes.",
    "footnotes": "Shown.[1]| Denied.[2][3]| Said.[^4]| True.¹²| End.",
    "emphasis": "**Really.**| It is *so.*| __Yes.__| ~~No.~~| ***Go!***| **1. Foo.**| Bar.",
    "code spans": "Call `a.b()`.| `c. D` is next.| Use ``e. `F` ``.| Done.",
    "formulas": "Let $x. Y$ be.| It costs $5.| The other $6.| Use $HOME.| So $a$.| Then $2x. Y$ is.",
    "emoji": "Great! 🎉| Thanks. 👍🏽❤️| Family. 👨‍👩‍👧 🇩🇪| Nice! :-)| Bye.",
    "tags": "<b>Yes.</b>| <i>No.</i>| End.",
    "dashes": "Really? – yes.| Stop! — he said.| It ended.| — Then it began.",
    "lower case goes on": "Is it so? yes.| Oh! no.",
    "repeated": "What?!| No!!!| Why???| Hm?!?| Ok.",
    "post scripts": "P.S. See you.| N.B. It is so.",
    "enumerators": "A. First.| 2. Second.| It is 5.| Yes.",
    "right to left marks": "Yes.\u200f| No.\u200e| End.",
    "wrapped": "This line was wrapped by hand where the text had got so\nLong that it was.| Yes.",
    "wrapped abbreviation": "This line was wrapped by hand just behind the title Dr.\nSmith, and goes on.| Yes.",
    "hard breaks": "Roses are red and violets are blue, said the poet today  \n|Sugar is sweet.",
    "short lines": "Name: Bob|\nAge: 5|\nSex: m\nand so on",
    "joined short lines": "a short line\nthat goes on.| Yes.",
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_english_sentences_end_where_a_reader_ends_them(name: str):
    text = TEXTS[name].replace("|", "")
    for lang in ("en", None):
        segments = segment(text, lang)
        check_exact(text, segments)
        assert cores(segments) == [part.strip() for part in TEXTS[name].split("|")]


def test_an_undecided_abbreviation_waits_for_the_next_word():
    assert cores(segment("I slept at 3 a.m. She woke.")) == ["I slept at 3 a.m.", "She woke."]
    assert cores(segment("I slept at 3 a.m. Tom woke.")) == ["I slept at 3 a.m. Tom woke."]
