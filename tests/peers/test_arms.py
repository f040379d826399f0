"""The arms of this environment answer by the protocol that those of the peers keep, too."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.peers.table import ARMS, BARE, HERE, Arm, ArmError, make_work, measure, parse, run

LIBRARY = next(arm for arm in ARMS if arm.variant == "aligned")
QUICK = replace(make_work(3, sentences=4), token_seconds=0.0, aligner_seconds=0.0, stagger_seconds=0.0)
REPLIES = ["".join(reply) for reply in QUICK.replies]


def test_the_bare_upstream_is_read_token_by_token():
    streams = run(BARE, QUICK).streams
    assert [stream.text for stream in streams] == REPLIES
    assert {(stream.chunks, stream.tokens, stream.calls, stream.error) for stream in streams} == {(80, 80, 1, None)}
    assert all(0 < stream.first_token < stream.first_sentence < stream.total for stream in streams)


def test_the_library_shows_whole_sentences_and_only_corrected_ones():
    result = run(LIBRARY, replace(QUICK, variant="aligned"))
    assert [stream.text for stream in result.streams] == [QUICK.corrected(reply) for reply in REPLIES]
    assert {(stream.chunks, stream.calls) for stream in result.streams} == {(4, 2)}
    assert {"stream-aligner-lc", "langgraph"} < set(result.versions)


def test_an_arm_answers_to_the_load_of_the_servers_benchmark():
    load = {"streams": 2, "stagger": 0.0, "tokens": ["Yes.", " No."], "delay": 0.0}
    command = [sys.executable, HERE / BARE.program, "", json.dumps(load)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    assert (len(measured.pop("first")), measured.pop("chunks")) == (2, 4)
    assert list(measured) == ["cpu"]


def test_an_arm_that_fails_says_how():
    with pytest.raises(ArmError, match="IndexError"):
        run(BARE, replace(QUICK, replies=[]))


def test_an_arm_that_fails_is_left_out_and_named(capsys):
    broken = Arm("broken", "no_such_program.py")
    assert list(measure([BARE, broken], QUICK, 2)) == [BARE]
    assert "'broken'" in capsys.readouterr().out


CODE = """
import socket
from work import Result, Stream, answer

def arm(work):
    print("peers may print")
    try:
        socket.create_connection(("example.com", 80))
    except OSError as error:
        refused = str(error)
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    return Result([Stream(text=refused)], 0.0, 0.0)

answer(arm)
"""


def test_a_peer_is_kept_off_the_network_and_its_print_out_of_the_result():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=HERE,
        input='{"replies": []}',
        capture_output=True,
        text=True,
        check=True,
    )
    result = parse(done.stdout)
    assert result.network == 1
    assert "example.com" in result.streams[0].text
    assert "peers may print" in done.stderr
