"""Replies out of a seed come to what their scripts say, whatever fails and whoever leaves.

More of them, and for longer: `make soak`.
"""

import pytest

from tests.soak.running import no_waiting, run, shown
from tests.soak.scripts import KINDS, scenario

COUNT = 15


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_replies_come_to_what_their_scripts_say(kind):
    with no_waiting():
        for seed in range(kind, COUNT * len(KINDS), len(KINDS)):
            played = scenario(seed)
            findings = run(played)
            assert not findings, shown(played, findings)


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_a_seed_is_a_scenario(seed):
    assert scenario(seed) == scenario(seed)
    assert scenario(seed) != scenario(seed + len(KINDS))
