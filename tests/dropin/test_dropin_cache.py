"""Caching: one key for what answers alike, another for what does not, and no upstream call on a hit."""

import functools

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.runnables import ConfigurableField, RunnableLambda

from stream_aligner_lc import Aligner, PromptedAligner, StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel

TEXT = "The sky is green. It rains."


class Replacer:
    """An aligner that is a method."""

    def __init__(self, word):
        self.word = word

    def fix(self, draft):
        return draft.text.replace("green", self.word)


class OwnAligner(Aligner):
    """What a user writes after reading the docstring of `Aligner`."""

    def __init__(self, word):
        self.word = word

    def invoke(self, input, config=None, **kwargs):
        return input.text.replace("green", self.word)


def replace(draft, word):
    return draft.text.replace("green", word)


def closure(word):
    return lambda draft: draft.text.replace("green", word)


def default(word):
    return lambda draft, *, word=word: draft.text.replace("green", word)


def chain(word):
    return RunnableLambda(lambda draft: draft.text.replace("green", word))


def policy(word):
    return PromptedAligner(ScriptedChatModel("CORRECTION: [[x]]"), policy=f"The sky is {word}.")


MAKERS = {
    "replacing": lambda word: ReplaceAligner(green=word),
    "scripted": lambda word: ScriptedAligner([word]),
    "policies": policy,
    "closures": closure,
    "keyword defaults": default,
    "methods": lambda word: Replacer(word).fix,
    "partials": lambda word: functools.partial(replace, word=word),
    "chains": chain,
    "own classes": OwnAligner,
}


def key(model):
    return model._get_llm_string()


def aligned(aligner=None, text=TEXT, **options):
    return StreamAlignedChat(ScriptedChatModel(text), aligner or AcceptAligner(), **options)


@pytest.mark.parametrize("maker", MAKERS)
def test_two_aligners_have_two_keys(maker):
    assert key(aligned(MAKERS[maker]("blue"))) != key(aligned(MAKERS[maker]("grey")))


@pytest.mark.parametrize("maker", ["replacing", "scripted", "policies", "closures", "keyword defaults", "chains"])
def test_equal_aligners_have_one_key(maker):
    assert key(aligned(MAKERS[maker]("blue"))) == key(aligned(MAKERS[maker]("blue")))


def test_two_upstreams_have_two_keys():
    assert key(aligned(text="One.")) != key(aligned(text="Two."))
    one, two = ScriptedChatModel(TEXT), ScriptedChatModel(TEXT)
    bound = StreamAlignedChat(one.bind(temperature=1), AcceptAligner())
    assert key(StreamAlignedChat(two.bind(temperature=0), AcceptAligner())) != key(bound)
    other = ScriptedChatModel("Else.")
    fallbacks = [StreamAlignedChat(one.with_fallbacks([each]), AcceptAligner()) for each in (two, other)]
    assert key(fallbacks[0]) != key(fallbacks[1])
    rebound = [
        StreamAlignedChat(one.with_fallbacks([each]).bind(temperature=0), AcceptAligner()) for each in (two, other)
    ]
    assert key(rebound[0]) != key(rebound[1])


@pytest.mark.parametrize(
    "options",
    [
        {"granularity": "paragraph"},
        {"feedback": False},
        {"align_first": 1},
        {"skip": ()},
        {"max_sentences": 1},
        {"reasoning": "drop"},
        {"continuation": "instruct"},
        {"temperature": 0.5},
        {"max_tokens": 3},
        {"stop": ["x"]},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_that_change_the_reply_change_the_key(options):
    assert key(aligned(**options)) != key(aligned())


def test_the_key_is_the_same_in_another_process_and_holds_no_secret():
    assert key(aligned(api_key="sk-1")) == key(aligned(api_key="sk-1"))
    assert "sk-1" not in key(aligned(api_key="sk-1"))
    assert " at 0x" not in key(aligned())


def test_a_hit_makes_no_upstream_call_and_gives_the_aligned_reply(invoke):
    model = aligned(ReplaceAligner(green="blue"), cache=InMemoryCache())
    replies = [invoke(model, "Go on.").text for _ in range(3)]
    assert replies == ["The sky is blue. It rains."] * 3
    assert len(model.llm.calls) == 2
    invoke(model, "Another question.")
    assert len(model.llm.calls) == 4


def test_one_cache_serves_two_aligners(invoke):
    cache = InMemoryCache()
    replies = [invoke(aligned(maker("blue"), cache=cache), "Go on.").text for maker in (MAKERS["replacing"], closure)]
    assert replies == ["The sky is blue. It rains."] * 2
    assert invoke(aligned(ReplaceAligner(green="grey"), cache=cache), "Go on.").text == "The sky is grey. It rains."
    assert invoke(aligned(cache=cache), "Go on.").text == TEXT


@pytest.mark.parametrize("maker", ["methods", "chains", "own classes", "keyword defaults"])
def test_a_cached_reply_is_never_another_aligners(invoke, maker):
    cache = InMemoryCache()
    for word in ("blue", "grey"):
        assert invoke(aligned(MAKERS[maker](word), cache=cache), "Go on.").text == f"The sky is {word}. It rains."


def test_a_call_with_other_arguments_is_not_a_hit(invoke):
    model = aligned(cache=InMemoryCache())
    invoke(model, "Go on.")
    assert invoke(model, "Go on.", stop=["rains"]).text.rstrip() == "The sky is green. It"


def test_a_configured_upstream_is_cached_by_its_configuration(invoke):
    upstream = ScriptedChatModel(TEXT).configurable_fields(model_name=ConfigurableField(id="model"))
    model = StreamAlignedChat(upstream, AcceptAligner(), cache=InMemoryCache())
    names = [
        invoke(model, "Go on.", {"configurable": {"model": name}}).response_metadata["model_name"]
        for name in ("one", "two", "one")
    ]
    assert names == ["one", "two", "one"]


def test_streams_are_not_cached(collect):
    model = aligned(cache=InMemoryCache())
    collect(model, "Go on.")
    collect(model, "Go on.")
    assert len(model.llm.calls) == 2
