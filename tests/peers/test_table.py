"""What the comparison with peers makes of the results of its arms."""

import json
import re
from dataclasses import asdict

import pytest

from benchmarks.peers.table import HEAD, ArmError, make_work, parse, row, table
from benchmarks.peers.work import Result, Stream

WORK = make_work(2, sentences=3)
REPLIES = ["".join(reply) for reply in WORK.replies]
RIGHT = [WORK.corrected(reply) for reply in REPLIES]


def stream(text, **fields):
    known = {"first_token": 0.1, "first_sentence": 0.1, "total": 1.0, "chunks": 3, "calls": 1, "tokens": 60}
    return Stream(text=text, **{**known, **fields})


def figures(streams, *, cpu=0.5, bare_cpu=0.2):
    bare = [Result([stream(reply, first_sentence=0.08, total=0.98) for reply in REPLIES], bare_cpu, 1.0)]
    return row("an arm", [Result(streams, cpu, 1.0)], bare, WORK)


def test_the_script_has_twenty_tokens_a_sentence_and_the_word_in_the_third():
    sentences = re.findall(r"[^.]+\.", REPLIES[0])
    assert [len(sentence.split()) for sentence in sentences] == [20, 20, 20]
    assert [WORK.marker in sentence for sentence in sentences] == [False, False, True]
    assert REPLIES[0] != REPLIES[1]


def test_a_stream_is_counted_by_what_its_reader_saw():
    found = figures([stream(RIGHT[0]), stream(REPLIES[1])])
    assert (found.num_corrected, found.num_raw, found.num_stopped) == (1, 1, 0)
    cut = figures([stream(RIGHT[0][:100], error="blocked"), stream("", first_sentence=0.0, error="blocked")])
    assert (cut.num_corrected, cut.num_raw, cut.num_stopped) == (0, 0, 2)


def test_a_reply_of_another_stream_is_not_corrected():
    assert figures([stream(text) for text in RIGHT]).num_corrected == 2
    assert figures([stream(text) for text in reversed(RIGHT)]).num_corrected == 0


def test_ratios_are_against_the_bare_upstream_and_one_call_of_the_aligner():
    found = figures([stream(text, first_sentence=0.2, total=2.0) for text in RIGHT])
    assert found.first_ratio == pytest.approx(2)
    assert found.total_ratio == pytest.approx(2)


def test_own_cpu_is_less_the_bare_upstreams_for_as_many_tokens():
    whole = figures([stream(text) for text in RIGHT])
    assert whole.own_cpu == pytest.approx(0.3)
    assert whole.cpu_per_token == pytest.approx(0.3 / 120)
    assert whole.cpu_per_chunk == pytest.approx(0.3 / 6)
    half = figures([stream("", tokens=30, chunks=0, first_sentence=0.0) for _ in RIGHT])
    assert half.own_cpu == pytest.approx(0.4)
    assert half.cpu_per_chunk is None


def test_every_line_of_the_table_is_as_long_as_its_head():
    bare = [Result([stream(reply) for reply in REPLIES], 0.2, 1.0)]
    printed = table([row("bare", bare, bare, WORK), figures([stream(text) for text in RIGHT])])
    head, rule, *lines = [line.strip("|").split("|") for line in printed.splitlines()]
    assert {len(head), len(rule), *(len(line) for line in lines)} == {len(HEAD)}
    assert [line[-2].strip() for line in lines] == ["0%", "100%"]


def test_a_result_comes_back_from_json():
    result = Result([stream(text) for text in RIGHT], 0.5, 1.0, {"peer": "1.0"})
    assert parse(json.dumps(asdict(result))) == result


@pytest.mark.parametrize("text", ["", "Traceback", "{}", "[]", '{"streams": [{"colour": 1}], "cpu": 1, "wall": 1}'])
def test_anything_else_is_an_error_that_shows_it(text):
    with pytest.raises(ArmError, match=re.escape(repr(text))):
        parse(text)
