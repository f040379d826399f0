"""Fixtures that every test shares."""

import asyncio
import os

import pytest

# The models of these tests are small: several cores only wait for each other, above all where tests run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def _collect(model, prompt, **kwargs):
    return list(model.stream(prompt, **kwargs))


def _acollect(model, prompt, **kwargs):
    async def collect():
        return [chunk async for chunk in model.astream(prompt, **kwargs)]

    return asyncio.run(collect())


@pytest.fixture(params=[_collect, _acollect], ids=["sync", "async"])
def collect(request):
    """Read a whole stream, in both colours."""
    return request.param
