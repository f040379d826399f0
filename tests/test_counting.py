"""Tokens that nobody reports: counted by the model's own encoding where that is at hand, and never by a network."""

import base64
import hashlib
import socket

import pytest
import tiktoken
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_openai import ChatOpenAI
from tiktoken import load, registry
from tiktoken_ext import openai_public

from stream_aligner_lc import AcceptAligner, ConfigurationError, PromptedAligner, StreamAlignedChat, counting
from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.counting import TokenCounter, is_at_hand
from stream_aligner_lc.sums import pair
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel
from tests.continuation.loopback import LoopbackProvider
from tests.dropin.upstreams import VerbatimModel

NAME = "o200k_base"
TEXT = "hello hello <|endoftext|>"
MESSAGES = [SystemMessage("hello"), HumanMessage("hello hello")]


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """An empty cache of tiktoken's, and nothing in memory."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(registry, "ENCODINGS", {})
    return tmp_path


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Fail wherever something outside of this machine is looked for, also where the failure is caught."""
    tried = []
    look_up = socket.getaddrinfo

    def noted(host, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost", "::1"):
            tried.append(host)
            raise OSError(f"There is no network: {host}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    yield tried
    assert tried == []


@pytest.fixture
def encoding(cache, monkeypatch):
    """An encoding of five letters at once, in the cache under the name that tiktoken gives its file."""
    words = [bytes([each]) for each in range(256)] + [b"he", b"hel", b"hell", b"hello"]
    content = b"".join(base64.b64encode(word) + b" %d\n" % rank for rank, word in enumerate(words))
    file, _ = counting._FILES[NAME]
    url, digest = counting._PLACE + file, hashlib.sha256(content).hexdigest()

    def constructor():
        ranks = load.load_tiktoken_bpe(url, expected_hash=digest)
        return {"name": NAME, "pat_str": r"\w+|\W+", "mergeable_ranks": ranks, "special_tokens": {"<|endoftext|>": 260}}

    monkeypatch.setitem(counting._FILES, NAME, (file, digest))
    monkeypatch.setattr(registry, "ENCODING_CONSTRUCTORS", {NAME: constructor})
    path = cache / hashlib.sha1(url.encode()).hexdigest()
    path.write_bytes(content)
    return path


def openai(**options):
    return ChatOpenAI(**{"model": "gpt-4o-mini", "api_key": "none", **options})


def loaded(llm, other=None):
    counter = TokenCounter(llm, other)
    counter.load()
    return counter


@pytest.mark.parametrize("name", counting._FILES)
def test_the_files_are_those_that_tiktoken_itself_asks_for(name, monkeypatch):
    asked = []
    monkeypatch.setattr(
        openai_public, "load_tiktoken_bpe", lambda url, expected_hash: asked.append((url, expected_hash)) or {}
    )
    openai_public.ENCODING_CONSTRUCTORS[name]()
    file, digest = counting._FILES[name]
    assert asked == [(counting._PLACE + file, digest)]


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-5", "openai/gpt-4.1"])
def test_a_model_whose_encoding_is_in_the_cache_is_counted_by_it(encoding, model):
    counter = loaded(openai(model=model))
    assert counter.by == NAME
    assert counter.text(TEXT) == len(tiktoken.get_encoding(NAME).encode_ordinary(TEXT))
    assert counter.messages(MESSAGES) == 3 * 2 + 1 + 3


@pytest.mark.parametrize("damage", ["missing", "changed", "cache off"])
def test_without_the_file_it_is_approximate_and_nothing_is_downloaded_or_deleted(encoding, monkeypatch, damage):
    if damage == "missing":
        encoding.unlink()
    elif damage == "changed":
        encoding.write_bytes(encoding.read_bytes()[:-9])
    else:
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    before = encoding.exists() and encoding.read_bytes()
    counter = loaded(openai())
    assert counter.by == "approximately"
    assert counter.own(TEXT) is None
    assert counter.text(TEXT) == -(-len(TEXT) // 4)
    assert counter.messages(MESSAGES) == count_tokens_approximately(MESSAGES)
    assert (encoding.exists() and encoding.read_bytes()) == before


def test_an_encoding_in_memory_needs_no_file(encoding):
    tiktoken.get_encoding(NAME)
    encoding.unlink()
    assert is_at_hand(NAME)
    assert loaded(openai()).by == NAME


def test_another_tokenizer_counts_where_the_model_has_none_as_soon_as_it_is_there():
    there = []
    counter = loaded(FakeListChatModel(responses=["x"]), lambda text: len(text) if there else None)
    assert counter.by == "approximately"
    there.append(True)
    assert counter.by == "aligner"
    assert counter.text("hello") == 5
    assert counter.messages(MESSAGES) == 3 * 2 + 5 + 11


def test_a_text_never_counts_nothing():
    assert loaded(openai()).text("") == 0
    assert loaded(openai()).text("a") == loaded(openai(), lambda text: 0).text("a") == 1


@pytest.mark.parametrize("make", [openai, lambda: FakeListChatModel(responses=["x"])], ids=["openai", "hub"])
def test_get_num_tokens_downloads_nothing(make):
    model = StreamAlignedChat(make(), AcceptAligner())
    assert model.get_num_tokens("hello there.") == 3
    assert model.get_num_tokens_from_messages(MESSAGES) == count_tokens_approximately(MESSAGES)


@pytest.mark.parametrize("make", [openai, lambda: FakeListChatModel(responses=["x"])], ids=["openai", "hub"])
def test_get_token_ids_that_would_download_a_tokenizer_is_an_error_that_says_what_to_do(make):
    with pytest.raises(ConfigurationError, match="custom_get_token_ids"):
        StreamAlignedChat(make(), AcceptAligner()).get_token_ids("hello")
    own = FakeListChatModel(responses=["x"], custom_get_token_ids=lambda text: [len(text)])
    assert StreamAlignedChat(own, AcceptAligner()).get_token_ids("hello") == [5]


def test_get_num_tokens_is_the_upstreams_where_it_has_what_it_needs(encoding):
    model = StreamAlignedChat(openai(), AcceptAligner())
    assert model.get_num_tokens("hello") == openai().get_num_tokens("hello") == 1
    assert model.get_num_tokens_from_messages(MESSAGES) == openai().get_num_tokens_from_messages(MESSAGES)


def tokens_of(message):
    return message.response_metadata["stream_aligner"]["upstream_tokens"]


def test_a_call_that_was_closed_is_estimated_by_the_models_own_encoding(encoding, collect):
    replies = iter([["hello", " hello", " is", " green.", *[" hello hello."] * 50], [" It is.", " So."]])
    with LoopbackProvider(lambda body: next(replies)) as provider:
        model = StreamAlignedChat(
            openai(base_url=f"{provider.base_url}/v1"),
            ReplaceAligner(green="blue"),
            lookahead=0,
            continuation="instruct",
        )
        chunks = collect(model, "hello?")
    said = tokens_of(chunks[-1])
    assert said["estimated"]
    assert said["by"] == [NAME]
    # Letter by letter, all but "hello"; as chunks it would be a fifth of that.
    assert said["output"] >= loaded(openai()).text("hello hello is green.") > 10


def test_an_aligner_with_a_tokenizer_counts_for_an_upstream_that_has_none():
    aligner = pair.aligner()
    aligner.load()
    said = tokens_of(StreamAlignedChat(ScriptedChatModel("It is fine.", usage=False), aligner).invoke("What is it?"))
    assert said["by"] == ["aligner"]
    assert said["input"] == 3 + aligner.num_tokens("What is it?")


@pytest.mark.parametrize(
    "inner", [pair.upstream(), ScriptedChatModel("It is fine.")], ids=["with a tokenizer", "without"]
)
def test_an_aligned_upstream_is_counted_as_the_one_inside(inner):
    aligned = StreamAlignedChat(inner, AcceptAligner())
    counters = [TokenCounter(each) for each in (inner, aligned, StreamAlignedChat(aligned, AcceptAligner()))]
    for counter in counters:
        counter.load()
    assert len({(counter.by, counter.text("Start with 18. Plus 25.")) for counter in counters}) == 1


def test_a_provider_that_reports_nothing_and_sends_the_whole_reply_at_once_is_not_nearly_free():
    reply = TEXT * 40
    message = StreamAlignedChat(ScriptedChatModel(reply, chunking=10_000, usage=False), AcceptAligner()).invoke(
        "hello?"
    )
    assert tokens_of(message)["output"] == -(-len(reply) // 4)
    assert tokens_of(message)["by"] == ["approximately"]


def test_a_call_of_a_tool_counts_too():
    call = {"name": "look_up", "args": {"word": "hello" * 8}, "id": "1"}
    turn = AIMessage("", tool_calls=[call])
    message = StreamAlignedChat(ScriptedChatModel([turn], usage=False), AcceptAligner()).invoke("hello?")
    assert tokens_of(message)["output"] >= 10


def test_what_is_reported_is_said_to_be():
    said = tokens_of(StreamAlignedChat(ScriptedChatModel("It rains."), AcceptAligner()).invoke("hello?"))
    assert (said["estimated"], said["by"]) == (False, [])


def test_max_tokens_is_shared_out_by_the_models_own_count():
    upstream = ScriptedChatModel(
        "The sky is green. It rains. It pours.", chunking=1000, custom_get_token_ids=lambda text: [*range(len(text))]
    )
    StreamAlignedChat(upstream, ReplaceAligner(green="blue"), max_tokens=30).invoke("hello?")
    assert upstream.calls[1].kwargs["max_tokens"] == 30 - len("The sky is blue.")


def test_a_prompted_aligner_keeps_to_its_models_own_count():
    """A prompt that fits approximately does not, where its model counts each letter."""
    prefix = "It rains. It pours. " * 40
    draft = Draft([HumanMessage("Well?")], prefix.strip(), "It is wet.", "sentence", 80)
    answer = "CORRECTION: [[It is wet.]]\nEOS: [[FALSE]]"
    bare, counted = (
        PromptedAligner(model, max_input_tokens=2000).invoke(draft)
        for model in (
            ScriptedChatModel([answer]),
            ScriptedChatModel([answer], custom_get_token_ids=lambda text: [*range(len(text))]),
        )
    )
    assert bare.prefix_cut == 0
    assert counted.prefix_cut > 0


def test_a_model_that_is_not_openais_is_not_counted_as_if_it_were(encoding):
    assert loaded(openai(model="mistral-large")).by == "approximately"
    assert loaded(VerbatimModel([["x"]])).by == "approximately"
