"""Every error that this package raises: its message names what is wrong and the way out, and it travels whole."""

import asyncio
import copy
import io
import pickle
import threading

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

import stream_aligner_lc
from stream_aligner_lc import (
    AcceptAligner,
    AlignerError,
    AlignerTimeout,
    ConfigurationError,
    PromptedAligner,
    StreamAlignedChat,
    StreamAlignerError,
    UnusableAnswer,
    UpstreamError,
)
from stream_aligner_lc.cli import main
from stream_aligner_lc.evaluation import evaluate
from stream_aligner_lc.testing import ReplaceAligner, ScriptedAligner, ScriptedChatModel

TEXT = "First one. Bad one. Third one."
LET_GO = threading.Event()


async def slow(draft):
    let_go = LET_GO
    while draft.index == 1 and not let_go.is_set():
        await asyncio.sleep(0.005)
    return draft.text


def chat(upstream=None, aligner=None, **options):
    # A copy for every test: a script remembers how far it came.
    return lambda: StreamAlignedChat(
        copy.deepcopy(upstream or ScriptedChatModel(TEXT)), copy.deepcopy(aligner) or AcceptAligner(), **options
    )


# What raises it, its class, what the message must say in this order, and what had been released and drafted.
CASES = {
    "an option": (
        chat(granularity="word"), ConfigurationError, ["`granularity`", "'sentence'", "'word'"], None, None,
    ),
    "an unknown option": (chat(lookahed=1), ConfigurationError, ["'lookahed'", "lookahead"], None, None),
    "a number": (chat(lookahead=-1), ConfigurationError, ["`lookahead`", "-1", "Use 0"], None, None),
    "options that rule each other out": (
        chat(max_aligner_faults=3), ConfigurationError, ["`max_aligner_faults`", "3", "'raise'", "'keep'"], None, None,
    ),
    "no chat model": (chat("gpt-9"), ConfigurationError, ["'gpt-9'", "init_chat_model"], None, None),
    "an upstream that breaks": (
        chat(ScriptedChatModel([["First one. Bad", ConnectionError("gone")], ConnectionError("gone")]),
             upstream_retries=0),
        UpstreamError, ["ConnectionError('gone')", "1 times", "`upstream_retries`"], "First one.", None,
    ),
    "an upstream that ignores the prefix": (
        chat(FakeListChatModel(responses=[TEXT]), ReplaceAligner({"Bad": "Good"})),
        UpstreamError, ["ignores the prefix", "`continuation`", "feedback=False"], "First one. Good one.", None,
    ),
    "an aligner that raises": (
        chat(aligner=ScriptedAligner({1: ZeroDivisionError("by 0")})),
        AlignerError, ["sentence 1 with ZeroDivisionError;", "__cause__", "='keep'"], "First one.", "Bad one.",
    ),
    "an aligner that answers with a number": (
        chat(aligner=ScriptedAligner({1: 5})), AlignerError, ["got int", "to accept it"], "First one.", "Bad one.",
    ),
    "an answer that is unusable": (
        chat(aligner=ScriptedAligner({1: "x" * 2000})),
        UnusableAnswer, ["2000 characters", "1064", "on_aligner_error='keep'"], "First one.", "Bad one.",
    ),
    "an aligner without the protocol": (
        chat(aligner=PromptedAligner(FakeListChatModel(responses=["Fine."]), attempts=3)),
        UnusableAnswer, ["3 times", "CORRECTION", "on_aligner_error='keep'"], "", "First one.",
    ),
    "an aligner that takes too long": (
        chat(aligner=slow, aligner_timeout=0.05),
        AlignerTimeout, ["aligner_timeout=0.05", "sentence 1", "Raise the limit"], "First one.", "Bad one.",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _let_go(only_the_second_is_late, monkeypatch):
    # One for each test: what a test leaves behind could miss that it was set for a moment.
    let_go = threading.Event()
    monkeypatch.setitem(globals(), "LET_GO", let_go)
    yield
    let_go.set()


@pytest.mark.parametrize(("make", "kind", "said", "released", "draft"), CASES.values(), ids=list(CASES))
def test_an_error_says_what_is_wrong_and_the_way_out_and_is_the_same_after_a_journey(
    collect, make, kind, said, released, draft
):
    with pytest.raises(StreamAlignerError) as caught:
        collect(make(), "Go on.")
    error = caught.value
    assert type(error) is kind
    places = [str(error).find(each) for each in said]
    assert -1 not in places, (places, str(error))
    assert places == sorted(places), str(error)
    assert getattr(error, "released", None) == released
    assert getattr(error, "draft", None) == draft
    if draft:
        assert draft not in str(error)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert again.args == error.args
        assert str(again) == str(error)
        assert vars(again) == vars(error)
    LET_GO.set()


def test_work_that_is_not_whole_raises_the_base_of_all_and_the_command_says_it(tmp_path, capsys):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"id": "a", "question": "One?"}\n')
    failing = ScriptedChatModel([PermissionError("no key")] * 9)
    with pytest.raises(StreamAlignerError, match=r"1 of 1 prompts failed.*no key.*accept_failures=True") as caught:
        evaluate(prompts, failing, AcceptAligner(), out=tmp_path / "out", tries=1)
    assert type(caught.value) is StreamAlignerError
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert main(["report", str(tmp_path / "nothing.jsonl")]) == 1
    assert "nothing.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [ConfigurationError, UpstreamError, AlignerError, AlignerTimeout, UnusableAnswer])
def test_an_error_is_caught_by_its_family(kind):
    families = {ConfigurationError: ValueError, AlignerTimeout: TimeoutError}
    assert issubclass(kind, StreamAlignerError)
    assert issubclass(kind, families.get(kind, Exception))
    assert issubclass(AlignerTimeout, AlignerError)
    assert issubclass(UnusableAnswer, AlignerError)


def test_every_public_error_has_a_case():
    public = {getattr(stream_aligner_lc, name) for name in stream_aligner_lc.__all__}
    errors = {each for each in public if isinstance(each, type) and issubclass(each, Exception)}
    assert errors == {kind for _, kind, *_ in CASES.values()} | {StreamAlignerError}


def test_fields_survive_where_only_bytes_pass():
    for error in (
        UpstreamError("It broke.", released="One."),
        AlignerError("It failed.", released="One.", draft="Two."),
        AlignerTimeout("Too late.", released="One.", draft="Two."),
        UnusableAnswer("That is none.", released="One.", draft="Two."),
    ):
        file = io.BytesIO()
        pickle.Pickler(file, protocol=2).dump(error)
        again = pickle.loads(file.getvalue())
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
