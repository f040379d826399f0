"""The command itself: the bundled pair in a process of its own, and what it says of wrong options."""

import os
import signal
import socket
import subprocess
import sys

import openai
import pytest
from starlette.testclient import TestClient

from stream_aligner_lc.cli import main
from stream_aligner_lc.serving.server import Server

_RUN = [sys.executable, "-m", "stream_aligner_lc", "serve"]
_PROBLEM = "There are 43 keys in a box. 2 are added. Noah puts in 10. How many keys are in the box?"


def test_the_help_names_no_option_for_a_key(capsys):
    assert main(["serve", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--key" not in said
    assert "STREAM_ALIGNER_SERVE_KEY" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--upstream", "nowhere:m"], "The model 'nowhere:m' cannot be used"),
        (["--max-replies", "0"], "must be a whole number of at least 1, got '0'"),
        (["--reply-timeout", "-1"], "`reply_timeout` must be a number of seconds above 0"),
        (["--policy", "Be kind."], "Leave it out, or give --aligner provider:model"),
    ],
)
def test_a_wrong_option_is_an_error_before_anything_is_served(arguments, said, capsys):
    try:
        status = main(["serve", *arguments])
    except SystemExit as end:
        status = end.code
    assert status in (1, 2)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("more", "status"), [([], 403), (["--allow-host", "box.example"], 200)])
def test_for_this_machine_alone_it_is_asked_by_no_other_name(more, status, monkeypatch):
    made = []
    monkeypatch.setattr(Server, "run", lambda server: made.append(server.config.app))
    assert main(["serve", "--playground", *more]) == 0
    client = TestClient(made[0], base_url="http://box.example")
    assert client.get("/").status_code == status
    assert client.get("/", headers={"host": "127.0.0.1:8000"}).status_code == 200


def test_a_connection_is_kept_for_longer_than_clients_and_balancers_do(serve):
    served = serve("Yes.")
    assert served.server.config.timeout_keep_alive > 60
    assert served.client()._client._transport._pool._keepalive_expiry < served.server.config.timeout_keep_alive


def test_a_local_model_that_is_not_there_ends_the_server():
    done = subprocess.run(
        [*_RUN, "--upstream", "no-such-folder/at-all", "--aligner", "demo", "--port", "0"],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        timeout=600,
    )
    assert done.returncode == 1
    assert "no-such-folder" in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("stream-aligner: ")
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_an_error_with_the_way_out(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"stream-aligner: Nothing can listen on 127.0.0.1, port {port}: ")
    assert "Choose another --port" in error


def test_the_bundled_pair_is_served_without_a_key_of_a_provider():
    with subprocess.Popen(
        [*_RUN, "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "STREAM_ALIGNER_SERVE_KEY": "demo-key"},
    ) as process:
        try:
            url = next(line for line in process.stderr if "running on" in line).split("running on ")[1].split()[0]
            assert url.startswith("http://127.0.0.1:")
            messages = [{"role": "user", "content": _PROBLEM}]
            with openai.OpenAI(base_url=f"{url}/v1", api_key="demo-key", max_retries=0) as client:
                reply = client.chat.completions.create(model="demo", messages=messages, temperature=0, seed=1)
                streamed = client.chat.completions.create(model="demo", messages=messages, temperature=0, stream=True)
                told = "".join(chunk.choices[0].delta.content or "" for chunk in streamed)
                with pytest.raises(openai.BadRequestError, match="logit_bias"):
                    client.chat.completions.create(model="demo", messages=messages, logit_bias={"1": 1})
                with pytest.raises(openai.AuthenticationError):
                    client.with_options(api_key="wrong").models.list()
            assert told == reply.choices[0].message.content
            assert "The answer is" in told
            assert sum(reply.stream_aligner["sentences"].values()) >= 3
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
        finally:
            process.kill()
