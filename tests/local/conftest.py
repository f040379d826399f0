"""One model, and whose turn it is with it, for the tests of what several ask of a model."""

import pytest

from stream_aligner_lc.local.rounds import rounds_of
from tests.local.small_models import model_of


@pytest.fixture
def model():
    return model_of("llama")


@pytest.fixture
def rounds(model):
    return rounds_of(model)
