"""LangChain's standard integration tests, offline, with an aligner that accepts and with one that corrects."""

from langchain_tests.integration_tests import ChatModelIntegrationTests

from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner
from tests.standard.offline import Offline


class TestAcceptingIntegration(Offline, ChatModelIntegrationTests):
    aligner = AcceptAligner()


class TestReplacingIntegration(Offline, ChatModelIntegrationTests):
    aligner = ReplaceAligner(green="blue")
