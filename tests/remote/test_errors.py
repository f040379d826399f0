"""What goes wrong with a server is told in words, with the way out, and never as text."""

import socket

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import AlignerError, ConfigurationError, Draft, ServerAligner, StreamAlignedChat
from stream_aligner_lc.remote.refusals import Refusal
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ScriptedChatModel
from tests.continuation.loopback import LoopbackProvider
from tests.remote import sentences
from tests.remote.token_server import KEY, TokenServer

SENTENCE = sentences.spoken()[1]


def test_a_server_that_is_not_there():
    # Held, so that nobody else listens there.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        aligner = ServerAligner(base_url, "sums", tokenizer=pair.ALIGNER, max_retries=0)
        with pytest.raises(AlignerError, match=rf"{base_url} cannot be reached.*See that it runs"):
            aligner.invoke(SENTENCE)
        kept = StreamAlignedChat(ScriptedChatModel("It is so."), aligner, on_aligner_error="keep")
        assert kept.invoke("Hi").text == "It is so."


def test_a_server_that_does_not_answer_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base_url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        aligner = ServerAligner(base_url, "sums", tokenizer=pair.ALIGNER, max_retries=0, timeout=0.2)
        with pytest.raises(AlignerError, match=r"did not answer within timeout=0\.2 seconds"):
            aligner.invoke(SENTENCE)


def test_a_wrong_key(of_tokens, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"answered 401: it does not take this key.*STREAM_ALIGNER_API_KEY"):
        of_tokens("sums", api_key="wrong").invoke(SENTENCE)
    monkeypatch.setenv("STREAM_ALIGNER_API_KEY", KEY)
    assert of_tokens("sums", api_key=None).invoke(SENTENCE).text == SENTENCE.text


def test_a_model_that_the_server_does_not_know(token_server):
    aligner = ServerAligner(token_server.base_url, "sum", tokenizer=pair.ALIGNER, api_key=KEY)
    with pytest.raises(ConfigurationError, match=r"knows no model 'sum'. It offers 'sums', 'verdict', 'revision'"):
        aligner.invoke(SENTENCE)


def test_a_model_whose_tokenizer_is_not_to_be_had(token_server):
    aligner = ServerAligner(token_server.base_url, "/no/such/folder", api_key=KEY)
    with pytest.raises(ConfigurationError, match=r"'/no/such/folder' is neither in a folder.*Pass `tokenizer=`"):
        aligner.invoke(SENTENCE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"base_url": "localhost:8000"}, "`base_url` must be an address such as"),
        ({"model": ""}, "`model` must be the name that the server has for it"),
        ({"template": "stream-alinger"}, "'verdict', 'prompted', got 'stream-alinger'"),
        ({"template": "stream-aligner"}, "was trained in the template 'verdict', not in 'stream-aligner'"),
        ({"template": "verdict", "tokenizer": False}, "so it needs the tokenizer"),
        ({"template": "prompted"}, "A prompted model needs no `tokenizer`"),
        ({"policy": "Be kind."}, "`policy` goes with template='prompted'"),
        ({"tokenizer": 3}, "`tokenizer` must be a folder, a hub id or False, got 3"),
        ({"max_growth": 0.5}, "`max_growth` must be a number of at least 1"),
        ({"timeout": "soon"}, "`timeout` must be a number"),
        ({"attempts": 0}, "`attempts` must be a whole number of at least 1, got 0"),
        ({"max_retries": None}, "`max_retries` must be a whole number of at least 0, got None"),
        ({"template": "prompted", "tokenizer": None, "policy": " "}, "`policy` must say in words"),
        ({"api_key": 5}, "`api_key` .* is no text"),
        ({"default_headers": "X-Key: 5"}, "`default_headers` must map the names of headers to their values, got str"),
        ({"default_headers": {"X Key": "5"}}, "`default_headers` has the name 'X Key', which no header can have"),
        ({"default_headers": {5: "5"}}, "`default_headers` has the name 5"),
        ({"base_url": "http://127.0.0.1:99999/v1"}, "`base_url` must be an address such as"),
        ({"base_url": "http://[::1/v1"}, "`base_url` must be an address such as"),
        ({"base_url": "http://"}, "`base_url` must be an address such as"),
        ({"base_url": "http://a host/v1"}, "without spaces"),
        ({"base_url": "http://host/v1?key=pass"}, r"without .* a query .*, got 'http://host/v1'"),
    ],
)
def test_options_that_do_not_fit(options, said):
    given = {"base_url": "http://127.0.0.1:8000/v1", "model": "sums", "tokenizer": pair.ALIGNER, **options}
    with pytest.raises(ConfigurationError, match=said):
        ServerAligner(given.pop("base_url"), given.pop("model"), **given)


def long_draft():
    said = " ".join(["There is a shop. It is open."] * 12)
    return Draft([HumanMessage("Go on.")], said, "It is nice.")


def test_a_prompt_that_is_too_long_loses_the_oldest_half_of_the_prefix():
    with TokenServer(max_model_len=120) as small:
        aligner = ServerAligner(small.base_url, "sums", tokenizer=pair.ALIGNER, api_key=KEY)
        correction = aligner.invoke(long_draft())
        assert correction.prefix_cut > 0
        assert all(len(body["prompt"]) < 120 for body in small.requests)
        with pytest.raises(AlignerError, match="can attend to 120"):
            aligner.invoke(Draft([HumanMessage("Why? " * 200)], "", "So."))
    whole = pair.aligner().invoke(long_draft())
    assert whole.prefix_cut == 0


def test_without_a_tokenizer_it_is_the_server_that_says_what_is_too_long():
    with TokenServer(max_model_len=200) as small:
        aligner = ServerAligner(small.base_url, "revision", tokenizer=False, api_key=KEY, max_growth=8)
        with pytest.raises(AlignerError, match=r"did not come to an end|too long") as told:
            aligner.invoke(long_draft())
        prompts = [body["prompt"] for body in small.requests]
        assert prompts[0].startswith("##Question: Go on. | ##Answer_Prefix: There is a shop.")
        assert len(prompts[1]) < len(prompts[0])
        assert "nice" not in str(told.value)


def test_a_refusal_is_told_in_the_server_s_words_but_never_with_the_sentence():
    refusal = Refusal(400, "Invalid prompt: 'The shop opens at nine.'")
    aligner = ServerAligner("http://127.0.0.1:8000/v1", "sums", tokenizer=pair.ALIGNER, max_retries=0)
    told = aligner._service.explained(refusal, [SENTENCE.text], stopped=aligner._stop())
    assert "shop" not in str(told)
    assert "nine" in str(aligner._service.explained(refusal, ["Another."], stopped=aligner._stop()))


def test_a_refusal_by_a_chat_server_is_an_aligner_error():
    with LoopbackProvider(refusal="No such thing as temperature") as provider:
        aligner = ServerAligner(f"{provider.base_url}/v1", "any", template="prompted", max_retries=0)
        with pytest.raises(AlignerError, match="answered 400: No such thing as temperature"):
            aligner.invoke(SENTENCE)
