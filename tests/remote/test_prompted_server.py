"""`template="prompted"`: the words of `PromptedAligner`, by the requests of `ServerAligner`."""

import asyncio
import subprocess
import sys

from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

from stream_aligner_lc import Draft, PromptedAligner, ServerAligner, StreamAlignedChat
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ScriptedChatModel
from tests.continuation.loopback import LoopbackProvider

DRAFT = Draft([HumanMessage("What do cats say? [[no]]")], "Well.", "Cats bark.")
ANSWER = ["Cats meow.\nCORRECTION: [[Cats ", "meow.]]\nEOS: [[TRUE]]"]


def test_it_asks_and_reads_as_the_prompted_aligner_does():
    with LoopbackProvider(ANSWER) as provider:
        base_url = f"{provider.base_url}/v1"
        remote = ServerAligner(base_url, "judge", template="prompted", policy="Be right.")
        prompted = PromptedAligner(ChatOpenAI(model="judge", base_url=base_url, api_key="x"), policy="Be right.")
        assert remote.invoke(DRAFT) == prompted.invoke(DRAFT)
        assert asyncio.run(remote.ainvoke(DRAFT)).end
        ours, theirs, _ = provider.requests
    assert ours.messages == theirs.messages
    assert ours.path == theirs.path == "/v1/chat/completions"
    assert ours.body["temperature"] == 0


def test_it_asks_again_when_an_answer_does_not_keep_to_the_protocol():
    answers = iter([["I would not say so."], ANSWER])
    with LoopbackProvider(lambda _: next(answers)) as provider:
        aligner = ServerAligner(f"{provider.base_url}/v1", "judge", template="prompted")
        correction = aligner.invoke(DRAFT)
    assert correction.text == "Cats meow."
    assert correction.effort["passes"] == 2


def test_it_corrects_a_reply_in_the_loop():
    def answer(body):
        is_wrong = "LAST SENTENCE: [[Cats bark.]]" in body["messages"][-1]["content"]
        return [
            "CORRECTION: [[Cats meow.]]\nEOS: [[FALSE]]" if is_wrong else "CORRECTION: [[Dogs bark.]]\nEOS: [[TRUE]]"
        ]

    with LoopbackProvider(answer) as provider:
        aligner = ServerAligner(f"{provider.base_url}/v1", "judge", template="prompted")
        llm = StreamAlignedChat(ScriptedChatModel("Cats bark. Dogs bark."), aligner)
        assert [chunk.text for chunk in llm.stream("Say something.")] == ["Cats meow.", " Dogs bark.", ""]


def test_its_identity_is_what_changes_its_answers_and_holds_no_key():
    def aligner(**options):
        given = {"tokenizer": pair.ALIGNER, "api_key": "secret", **options}
        return ServerAligner("http://127.0.0.1:8000/v1/", "sums", **given)

    assert aligner().identity == aligner(api_key="other", timeout=3, template="verdict").identity
    assert "secret" not in repr(aligner().identity)
    assert aligner().identity["template"] == "verdict"
    assert aligner().granularity == "sentence"
    others = [aligner(caution=1), aligner(max_growth=3), aligner(tokenizer=None)]
    assert all(other.identity != aligner().identity for other in others)


def test_naming_a_server_imports_no_client():
    code = (
        "import sys; from stream_aligner_lc import ServerAligner;"
        "ServerAligner('http://127.0.0.1:1/v1', 'm', tokenizer='some/where');"
        "print([name for name in ('openai', 'torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
