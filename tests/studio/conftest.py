"""One server for the whole folder, and what was read from it in every way."""

import asyncio
from pathlib import Path

import pytest
from langgraph_sdk import get_client, get_sync_client

from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import answer_of, problems
from tests.continuation.loopback import LoopbackProvider
from tests.leaks.probes import DRAFT
from tests.studio.reading import asking, every_stream
from tests.studio.server import langgraph_dev

DOUBLES = ("aligned", "outer", "as_model", "in_agent", "slow", "reviewed", "provider", "pair_as_model")


@pytest.fixture(scope="session")
def problem():
    """What the bundled pair is asked: something that its upstream gets wrong."""
    upstream = pair.upstream()
    return next(each for each in problems(50, seed=0) if answer_of(upstream.invoke(each.question).text) != each.answer)


@pytest.fixture(scope="session")
def server(tmp_path_factory, problem):
    """The running server; `first` is what the bundled pair answered in its very first run."""
    doubles = {name: f"{Path(__file__).parent / 'doubles.py'}:{name}" for name in DOUBLES}
    tokens = [DRAFT[at : at + 3] for at in range(0, len(DRAFT), 3)]
    folder = tmp_path_factory.mktemp("server")
    with (
        LoopbackProvider(tokens) as provider,
        langgraph_dev(folder, doubles, LOOPBACK_URL=f"{provider.base_url}/v1") as up,
    ):
        up.first = _first_run(up, problem.question)
        yield up
        assert "Blocking" not in up.log


@pytest.fixture
async def client(server):
    """A client of the server, for this test's event loop."""
    async with get_client(url=server.url) as client:
        yield client


@pytest.fixture(scope="session")
def streams(server):
    """Everything that readers of the marked graphs received, by the way they read."""
    return asyncio.run(every_stream(server.url))


def _first_run(server, question):
    with get_sync_client(url=server.url) as client:
        return client.runs.wait(None, "sums", input=asking(question), raise_error=False)
