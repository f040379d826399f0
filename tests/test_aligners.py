"""Everything that a user may pass as an aligner, in both colours."""

import asyncio
import threading

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from stream_aligner_lc import (
    AlignerError,
    AlignerTimeout,
    Correction,
    Draft,
    PromptedAligner,
    StreamAlignedChat,
)
from stream_aligner_lc.aligners import AcceptAligner, Aligner, FunctionAligner, RunnableAligner, as_aligner
from stream_aligner_lc.testing import ReplaceAligner, ScriptedAligner, ScriptedChatModel

TEXT = "One is bad. Two."


def text_of(chunks):
    return "".join(chunk.text for chunk in chunks)


def correct(draft):
    return draft.text.replace("bad", "good")


async def acorrect(draft):
    await asyncio.sleep(0)
    return draft.text.replace("bad", "good")


class Callable:
    def __call__(self, draft):
        return correct(draft)


class AsyncCallable:
    async def __call__(self, draft):
        return await acorrect(draft)


class ByInvoke(Aligner):
    def invoke(self, input, config=None, **kwargs):
        return AIMessage(correct(input))


echo_llm = GenericFakeChatModel(messages=iter(()))
prompt = ChatPromptTemplate.from_messages([("system", "Context: {question} {prefix}"), ("human", "{text}")])
say = RunnableLambda(lambda value: AIMessage(value.to_messages()[-1].text.replace("bad", "good")))


@pytest.mark.parametrize(
    "aligner",
    [
        correct,
        acorrect,
        Callable(),
        AsyncCallable(),
        ByInvoke(),
        ByInvoke().with_retry(),
        ByInvoke().with_fallbacks([AcceptAligner()]),
        lambda draft: Correction(correct(draft)),
        RunnableLambda(correct),
        RunnableLambda(acorrect) if False else RunnableLambda(correct, acorrect),
        prompt | say,
        prompt | say | StrOutputParser(),
        (prompt | say).with_retry(),
        RunnableLambda(Draft.as_dict) | prompt | say,
        RunnablePassthrough.assign(note=lambda _: "x") | prompt | say,
        ReplaceAligner({"bad": "good"}),
    ],
)
def test_functions_runnables_chains_and_aligners_all_correct(collect, aligner):
    assert text_of(collect(StreamAlignedChat(ScriptedChatModel(TEXT), aligner), "Go on.")) == "One is good. Two."


async def test_an_async_function_works_in_sync_code_inside_a_running_loop():
    chat = StreamAlignedChat(ScriptedChatModel(TEXT), acorrect)
    assert chat.invoke("Go on.").text == "One is good. Two."


def answers(*texts):
    return ScriptedChatModel(list(texts))


def test_a_prompted_aligner_keeps_to_the_protocol(collect):
    llm = answers("It is wrong.\nCORRECTION: [[One is good.]]\nEOS: [[FALSE]]", "CORRECTION: [[Two.]]\nEOS: [[TRUE]]")
    chat = StreamAlignedChat(ScriptedChatModel(TEXT), PromptedAligner(llm, policy="Say good, never bad."))
    assert text_of(collect(chat, "What is one?")) == "One is good. Two."
    system, human = llm.prompts[0]
    assert "Say good, never bad." in system.text
    assert "What is one?" in human.text
    assert "[[One is bad.]]" in human.text
    assert "FIXED PART OF THE REPLY: [[One is good.]]" in llm.prompts[1][1].text


def test_a_prompt_that_is_too_long_loses_the_older_half_of_the_prefix(collect):
    records, fine = [], [f"Sentence number {n} is here." for n in range(40)]
    llm = ScriptedChatModel([f"CORRECTION: [[{text}]]" for text in fine])
    aligner = PromptedAligner(llm, max_input_tokens=450)
    chat = StreamAlignedChat(ScriptedChatModel(" ".join(fine)), aligner, on_record=records.append)
    assert text_of(collect(chat, "Go on.")) == " ".join(fine)
    assert records[0]["prefix_cut"] == 0
    assert records[-1]["prefix_cut"] > 0
    prefix = llm.prompts[-1][1].text.partition("REPLY: [[")[2].partition("]]")[0]
    assert prefix.startswith("Sentence number")
    assert prefix.endswith("Sentence number 38 is here.")


def test_a_prompt_that_cannot_be_shortened_is_an_error_that_says_so(collect):
    aligner = PromptedAligner(answers("CORRECTION: [[x]]"), max_input_tokens=10)
    with pytest.raises(AlignerError, match="max_input_tokens=10"):
        collect(StreamAlignedChat(ScriptedChatModel("One."), aligner), "Go on.")


def test_the_models_profile_bounds_the_prompt():
    llm = ScriptedChatModel("x", profile={"max_input_tokens": 1234})
    assert PromptedAligner(llm).max_input_tokens == 1234


def test_a_chat_model_becomes_a_prompted_aligner():
    aligner = as_aligner(ScriptedChatModel("x"), ScriptedChatModel("y"))
    assert isinstance(aligner, PromptedAligner)
    assert isinstance(as_aligner(ScriptedChatModel("x").bind(stop=["y"]), ScriptedChatModel("y")), PromptedAligner)
    with_fallbacks = ScriptedChatModel("x").with_fallbacks([ScriptedChatModel("z")])
    assert isinstance(as_aligner(with_fallbacks, ScriptedChatModel("y")), PromptedAligner)


def test_a_prompted_aligner_asks_again_and_then_gives_up(collect):
    llm = answers("No idea.", "CORRECTION: [[One is good.]]\nEOS: [[FALSE]]", "Hm.", "Hm.")
    chat = StreamAlignedChat(ScriptedChatModel(TEXT), PromptedAligner(llm))
    with pytest.raises(AlignerError, match="2 times without `CORRECTION") as caught:
        collect(chat, "Go on.")
    assert caught.value.released == "One is good."


def test_a_prompted_aligner_that_gives_up_may_keep_the_draft(collect):
    chat = StreamAlignedChat(ScriptedChatModel(TEXT), PromptedAligner(answers(*["?"] * 9)), on_aligner_error="keep")
    chunks = collect(chat, "Go on.")
    assert text_of(chunks) == TEXT
    assert chunks[-1].response_metadata["stream_aligner"]["sentences"] == {"kept": 2}


@pytest.mark.parametrize(
    ("policy", "shown", "reason"),
    [("keep", "One. Two. Three.", "stop"), ("stop", "One.", "aligner_error")],
)
def test_a_failing_aligner_is_handled_as_the_policy_says(collect, policy, shown, reason):
    aligner = ScriptedAligner({1: RuntimeError("broken")})
    chat = StreamAlignedChat(ScriptedChatModel("One. Two. Three."), aligner, on_aligner_error=policy)
    chunks = collect(chat, "Go on.")
    assert text_of(chunks) == shown
    assert chunks[-1].response_metadata["finish_reason"] == reason


def test_a_failing_aligner_raises_by_default_and_shows_nothing_of_the_sentence(collect):
    aligner = ScriptedAligner({1: RuntimeError("broken")})
    upstream = ScriptedChatModel("One. Two. Three.")
    with pytest.raises(AlignerError, match="sentence 1 with RuntimeError") as caught:
        collect(StreamAlignedChat(upstream, aligner), "Go on.")
    assert caught.value.released == "One."
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert upstream.calls[0].is_closed


def test_an_aligner_that_takes_too_long_is_cancelled(collect):
    cancelled, let_go = [], threading.Event()

    class Slow(Aligner):
        def invoke(self, input, config=None, **kwargs):
            let_go.wait(250)
            return input.text

        def cancel(self, draft):
            cancelled.append(draft.text)
            let_go.set()

    chat = StreamAlignedChat(ScriptedChatModel("One. Two."), Slow(), aligner_timeout=0.05)
    with pytest.raises(AlignerTimeout, match=r"aligner_timeout=0\.05"):
        collect(chat, "Go on.")
    assert cancelled == ["One."]
    let_go.clear()
    kept = StreamAlignedChat(ScriptedChatModel("One."), Slow(), aligner_timeout=0.05, on_aligner_error="keep")
    assert text_of(collect(kept, "Go on.")) == "One."


def test_warm_is_told_the_prefix_before_each_sentence(collect):
    class Warm(AcceptAligner):
        def __init__(self):
            self.seen = []

        def warm(self, draft):
            self.seen.append((draft.prefix, draft.text))

    aligner = Warm()
    collect(StreamAlignedChat(ScriptedChatModel("One. Two.", delay=0.02), aligner), "Go on.")
    assert aligner.seen[0] == ("", "")
    assert ("One.", "") in aligner.seen


def test_correct_many_stops_at_the_first_change():
    drafts = [Draft([], "", text) for text in ("One.", "Two is bad.", "Three.")]
    expected = [Correction("One."), Correction("Two is good.")]
    assert ReplaceAligner({"bad": "good"}).correct_many(drafts) == expected
    assert asyncio.run(ReplaceAligner({"bad": "good"}).acorrect_many(drafts)) == expected


@pytest.mark.parametrize("answers", [[], [Correction("a")] * 5])
def test_an_aligner_that_answers_the_wrong_number_of_drafts_is_an_error(collect, answers):
    class Wrong(AcceptAligner):
        def correct_many(self, drafts):
            return answers

    with pytest.raises(AlignerError, match="correct_many"):
        collect(StreamAlignedChat(ScriptedChatModel("One."), Wrong()), "Go on.")


def test_without_an_aligner_the_upstream_corrects_itself_and_a_warning_says_so(monkeypatch):
    monkeypatch.delenv("STREAM_ALIGNER_MODEL", raising=False)
    with pytest.warns(UserWarning, match="one more call"):
        chat = StreamAlignedChat(ScriptedChatModel("One."))
    assert isinstance(chat.aligner, PromptedAligner)


def test_the_environment_names_a_model(monkeypatch):
    monkeypatch.setenv("STREAM_ALIGNER_MODEL", "no/such/model")
    with pytest.raises(ValueError, match="no/such/model"):
        StreamAlignedChat(ScriptedChatModel("One."))


def test_two_functions_of_one_line_have_two_identities():
    first, second = FunctionAligner(lambda d: d.text + "a"), FunctionAligner(lambda d: d.text + "b")
    same = [FunctionAligner(correct), FunctionAligner(correct)]
    assert first.identity != second.identity
    assert same[0].identity == same[1].identity
    assert RunnableAligner(prompt | say).identity["runnable"]
