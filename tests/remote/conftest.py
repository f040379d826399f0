"""One server of each kind for the whole folder."""

import pytest

from stream_aligner_lc import ServerAligner
from tests.remote.serving import transformers_serve
from tests.remote.token_server import FOLDERS, KEY, TEMPLATES, TokenServer


@pytest.fixture(scope="session")
def serving(tmp_path_factory):
    """A running `transformers serve`, which takes prompts as text."""
    with transformers_serve(tmp_path_factory.mktemp("serving")) as up:
        yield up


@pytest.fixture(scope="session")
def token_server():
    """A server that takes prompts as token ids, and wants a key."""
    with TokenServer() as up:
        yield up


@pytest.fixture
def of_tokens(token_server):
    """Make an aligner of that server: by the name of a checkpoint, with any options."""

    def made(name, **options):
        given = {"tokenizer": FOLDERS[name], "template": TEMPLATES[name], "api_key": KEY, **options}
        return ServerAligner(token_server.base_url, name, **given)

    return made
