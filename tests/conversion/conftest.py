"""Fixtures of the tests of alignment."""

import pytest

from stream_aligner_lc.conversion.likeness import Features


@pytest.fixture
def compared(monkeypatch):
    """Return the pairs of texts whose distance is asked for, as they are."""
    pairs, distance = [], Features.distance

    def seen(self, other):
        pairs.append((self, other))
        return distance(self, other)

    monkeypatch.setattr(Features, "distance", seen)
    return pairs
