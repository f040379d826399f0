"""Models that a training can start from, made once."""

import pytest

from tests.training.small_runs import save_base


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """The folder of a tiny random model whose tokenizer has a chat template."""
    return save_base(tmp_path_factory.mktemp("bases") / "base")


@pytest.fixture(scope="session")
def plain_base(tmp_path_factory):
    """The same without a chat template."""
    return save_base(tmp_path_factory.mktemp("bases") / "plain", chat_template=None)
