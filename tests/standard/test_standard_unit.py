"""LangChain's standard unit tests, with an aligner that accepts and with one that corrects."""

from langchain_tests.unit_tests import ChatModelUnitTests

from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner
from tests.standard.offline import Offline


class TestAcceptingUnit(Offline, ChatModelUnitTests):
    aligner = AcceptAligner()


class TestReplacingUnit(Offline, ChatModelUnitTests):
    aligner = ReplaceAligner(green="blue")
