"""A running vLLM, where STREAM_ALIGNER_VLLM names its command (`make test-vllm` does); else nothing here runs."""

import os

import pytest

from stream_aligner_lc.sums import pair
from tests.remote.serving import model_server

COMMAND = os.environ.get("STREAM_ALIGNER_VLLM")
_OPTIONS = ["--host", "127.0.0.1", "--port", "{port}", "--dtype", "float32", "--max-model-len", "512"]
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="needs vLLM: run `make test-vllm`")
    for item in items:
        if "/vllm/" in str(item.path) and not COMMAND:
            item.add_marker(skip)


def serving(folder, tmp_path, *more):
    """Return a vLLM that serves a model folder with prefix caching, to be used in a `with` block."""
    # Whole blocks are kept; on a processor they have 128 tokens if nothing is said, more than a short reply.
    command = [COMMAND, "serve", folder, *_OPTIONS, "--enable-prefix-caching", "--block-size", "32", *more]
    return model_server(tmp_path, command, environment=_QUIET, seconds_to_start=600)


@pytest.fixture(scope="session")
def aligner_server(tmp_path_factory):
    """The bundled aligner."""
    with serving(pair.ALIGNER, tmp_path_factory.mktemp("aligner"), "--enable-prompt-tokens-details") as up:
        yield up


@pytest.fixture(scope="session")
def upstream_server(tmp_path_factory):
    """The bundled upstream."""
    with serving(pair.UPSTREAM, tmp_path_factory.mktemp("upstream")) as up:
        yield up
