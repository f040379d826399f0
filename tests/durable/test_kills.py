"""A reply that is written by processes which are killed is the reply of a process that is not.

How often is a matter of time: `kills` takes the number.
"""

import pytest

from tests.durable.killing import kills


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_processes_write_the_undisturbed_reply_and_align_nothing_twice(seed):
    assert kills(5, seed) == []
