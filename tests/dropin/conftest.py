"""Fixtures of the drop-in tests."""

import pytest

from tests.dropin.upstreams import EVERY_WAY, invoke_async, invoke_sync


@pytest.fixture(params=EVERY_WAY, ids=["invoke", "ainvoke", "stream", "astream"])
def ask(request):
    """Get a whole reply, in each of the four ways of asking."""
    return request.param


@pytest.fixture(params=(invoke_sync, invoke_async), ids=["sync", "async"])
def invoke(request):
    """Invoke, in both colours."""
    return request.param
