"""Promise 3: a replacement restarts the upstream from exactly the released text, and nothing else does."""

import gc
import threading

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk

from stream_aligner_lc import Correction, StreamAlignedChat, UpstreamError
from stream_aligner_lc.intake import Intake
from stream_aligner_lc.segmentation import segment
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel

SPACES = st.sampled_from([" ", " ", "\n", "\n\n"])


def text_of(chunks):
    return "".join(chunk.text for chunk in chunks)


@st.composite
def replies(draw):
    """A reply of numbered sentences, which of them are replaced, and what the reader should see."""
    count = draw(st.integers(1, 9))
    replaced = draw(st.sets(st.integers(0, count - 1)))
    spaces = [draw(SPACES) for _ in range(count - 1)] + [""]
    raw = [f"Raw sentence number {n} stands here." for n in range(count)]
    shown = [f"Good sentence number {n}." if n in replaced else raw[n] for n in range(count)]
    join = lambda texts: "".join(text + space for text, space in zip(texts, spaces, strict=True))  # noqa: E731
    return join(raw), replaced, join(shown), count


@seed(20261121)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=replies(), chunking=st.sampled_from(["words", 1, 3, 10]), lookahead=st.integers(0, 3))
def test_k_replaced_sentences_take_k_more_calls_and_keep_the_layout(collect, case, chunking, lookahead):
    text, replaced, shown, count = case
    upstream = ScriptedChatModel(text, chunking=chunking)
    aligner = ScriptedAligner({n: f"Good sentence number {n}." for n in replaced})
    chat = StreamAlignedChat(upstream, aligner, lookahead=lookahead)
    chunks = collect(chat, "Go on.")
    assert text_of(chunks) == shown
    assert len(upstream.calls) == 1 + len(replaced)
    totals = chunks[-1].response_metadata["stream_aligner"]
    assert totals["upstream_calls"] == 1 + len(replaced)
    expected = {"accepted": count - len(replaced), "replaced": len(replaced)}
    assert totals["sentences"] == {name: number for name, number in expected.items() if number}


@seed(20261122)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=replies())
def test_every_restart_ends_with_exactly_the_released_text(collect, case):
    text, replaced, shown, _ = case
    upstream = ScriptedChatModel(text)
    collect(
        StreamAlignedChat(upstream, ScriptedAligner({n: f"Good sentence number {n}." for n in replaced})),
        "Go on.",
    )
    assert upstream.prompts[0] == [HumanMessage("Go on.")]
    for prompt, last in zip(upstream.prompts[1:], sorted(replaced), strict=True):
        *before, prefix = prompt
        assert before == [HumanMessage("Go on.")]
        assert isinstance(prefix, AIMessage)
        cores = [piece for piece in segment(shown) if piece.core][: last + 1]
        assert prefix.text == "".join(piece.text for piece in cores).rstrip()


def test_nothing_that_followed_a_replaced_sentence_is_shown(collect):
    upstream = ScriptedChatModel(["Bad one. STALE text. STALE again.", " Fresh text."])
    chunks = collect(StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"})), "Go on.")
    assert text_of(chunks) == "Good one. Fresh text."


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        (["Bad one.\n\nTwo.", "Two."], "Good one.\n\nTwo."),
        (["Bad one. Two.", "\n\nTwo."], "Good one.\n\nTwo."),
        (["Bad one:\n- first\n- second", "- first\n- second"], "Good one:\n- first\n- second"),
        (["- Bad one\n- two", "\n- two"], "- Good one\n- two"),
        (["1. Bad one.\n2. two.\n\nEnd.", "2. two.\n\nEnd."], "1. Good one.\n2. two.\n\nEnd."),
        (["Bad 一。二。", "二。"], "Good 一。二。"),
        (["你Bad。我好。", "我好。"], "你Good。我好。"),
        (
            ["Bad:\n\n```py\nx = 1\n```\n\nDone.", "```py\nx = 1\n```\n\nDone."],
            "Good:\n\n```py\nx = 1\n```\n\nDone.",
        ),
        (["Bad one. Two.", "Two."], "Good one. Two."),
        (["Bad one. Two.", "Good one.\n\nTwo."], "Good one.\n\nTwo."),
    ],
)
def test_paragraphs_lists_and_scripts_survive_the_seam(collect, script, shown):
    chat = StreamAlignedChat(ScriptedChatModel(script), ReplaceAligner({"Bad": "Good"}))
    assert text_of(collect(chat, "Go on.")) == shown


def test_a_removed_sentence_leaves_the_stream_open(collect):
    upstream = ScriptedChatModel("One. Remove me. Three.\n\nRemove me.\n\nFive.")
    chunks = collect(StreamAlignedChat(upstream, ReplaceAligner({"Remove me.": ""})), "Go on.")
    assert text_of(chunks) == "One. Three.\n\nFive."
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("chunks", "shown"),
    [
        (["One.\n\n", "Remove me.\n", "\nThree."], "One.\n\nThree."),
        (["One. ", "Remove me.\n", "\nThree."], "One.\n\nThree."),
        (["Remove me.\n", "\nThree."], "Three."),
    ],
)
def test_whitespace_that_comes_after_a_removal_adds_nothing_to_that_before_it(chunks, shown):
    removed = threading.Event()

    class Waiting(ScriptedChatModel):
        def _chunks(self, call):
            for chunk in super()._chunks(call):
                if chunk.message.content.startswith("\nT"):
                    assert removed.wait(250)
                yield chunk

    def note(record):
        if record["verdict"] == "removed":
            removed.set()

    upstream = Waiting([[AIMessageChunk(content=text) for text in chunks]])
    chat = StreamAlignedChat(upstream, ReplaceAligner({"Remove me.": ""}), on_record=note)
    assert chat.invoke("Go on.").text == shown


def test_several_removed_sentences_in_a_row_end_the_reply(collect):
    upstream = ScriptedChatModel("Remove me. " * 100)
    chunks = collect(StreamAlignedChat(upstream, ReplaceAligner({"Remove me.": ""})), "Go on.")
    assert text_of(chunks) == ""
    assert chunks[-1].response_metadata["finish_reason"] == "removed"


def test_a_replaced_last_sentence_is_asked_about_once_more_and_only_once(collect):
    upstream = ScriptedChatModel(["One. Bad.", " Bad too.", " Bad three."])
    chunks = collect(StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"})), "Go on.")
    assert text_of(chunks) == "One. Good. Good too."
    assert len(upstream.calls) == 2


def test_an_upstream_that_cannot_continue_is_not_asked_again_at_the_end(collect):
    upstream = ScriptedChatModel(["One. Bad."])
    chat = StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"}), continuation="instruct")
    assert text_of(collect(chat, "Go on.")) == "One. Good."


def test_an_upstream_that_has_no_more_to_say_ends_the_reply(collect):
    upstream = ScriptedChatModel(["Bad one. Two.", [AIMessageChunk(content="")]])
    assert text_of(collect(StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"})), "Go on.")) == "Good one."


def test_without_feedback_corrections_are_shown_and_the_stream_goes_on(collect):
    upstream = ScriptedChatModel("Bad one. Two is bad. Three.")
    chat = StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good", "bad": "good"}), feedback=False)
    assert text_of(collect(chat, "Go on.")) == "Good one. Two is good. Three."
    assert len(upstream.calls) == 1


def test_an_upstream_that_ignores_the_prefix_is_an_error_that_names_the_option(collect):
    upstream = FakeListChatModel(responses=["First one. Bad one. Third one."])
    chat = StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"}))
    with pytest.raises(UpstreamError, match="continuation") as caught:
        collect(chat, "Go on.")
    assert caught.value.released == "First one. Good one."


def test_an_upstream_that_ignores_the_prefix_behind_a_space_is_no_endless_loop(collect):
    upstream = ScriptedChatModel(["Bad one. Two."] + [" Bad one. Two."] * 50)
    chat = StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"}))
    with pytest.raises(UpstreamError, match="ignores the prefix"):
        collect(chat, "Go on.")
    assert len(upstream.calls) < 10


def _starting_over(text, *honest):
    """An upstream that says its whole text again after so many turns that go on."""
    return ScriptedChatModel([text, *honest, text])


@pytest.mark.parametrize(
    ("text", "honest", "released"),
    [
        ("Bad one. Two. Bad three.", [" Two. Bad three."], "Good one. Two. Good three."),
        ("Fine one. Bad two. Bad three.", [" Bad three."], "Fine one. Good two. Good three."),
        ("Drop me. Two. Bad three.", [], "Two. Good three."),
        ("Fine one. Drop me. Three. Bad four.", [], "Fine one. Three. Good four."),
    ],
)
def test_a_reply_that_is_said_over_again_later_is_an_error_as_well(collect, text, honest, released):
    chat = StreamAlignedChat(_starting_over(text, *honest), ReplaceAligner({"Bad": "Good", "Drop me.": ""}))
    with pytest.raises(UpstreamError, match=r"ignores the prefix.*`continuation`") as caught:
        collect(chat, "Go on.")
    assert caught.value.released == released


def test_a_paragraph_that_is_said_over_again_is_known_by_what_the_overlap_cut_of_it(collect):
    text = "The first sentence stands. A bad one follows it.\n\nOne more paragraph. A bad end."
    chat = StreamAlignedChat(
        _starting_over(text, "\n\nOne more paragraph. A bad end."), ReplaceAligner(bad="good"), granularity="paragraph"
    )
    with pytest.raises(UpstreamError, match="ignores the prefix") as caught:
        collect(chat, "Go on.")
    assert caught.value.released == text.replace("bad", "good")


def test_a_paragraph_whose_end_was_removed_is_known_as_well(collect):
    text = "The first sentence stands and stays. Drop me.\n\nThe end."
    with pytest.raises(UpstreamError, match="ignores the prefix"):
        collect(
            StreamAlignedChat(_starting_over(text), ReplaceAligner({"Drop me.": ""}), granularity="paragraph"), "Go on."
        )


def test_what_was_removed_may_be_said_again_where_nothing_followed_it(collect):
    turns = [["The first one is here. Drop me. ", ConnectionError()], "The first one is here. Drop me. The end."]
    chat = StreamAlignedChat(ScriptedChatModel(turns), ReplaceAligner({"Drop me.": ""}))
    assert text_of(collect(chat, "Go on.")) == "The first one is here. The end."


def test_a_reply_said_over_again_is_known_behind_a_stream_that_broke_off_after_whitespace(collect):
    """Raw text would pass as code here: the block that is open was all that the upstream had left to say."""
    block = "\n```\nx = 1\ny"
    upstream = ScriptedChatModel(
        [f"Bad one.{block}", [block, ConnectionError()], ["\n``", ConnectionError()], f"Bad one.{block}"]
    )
    with pytest.raises(UpstreamError, match="ignores the prefix") as caught:
        collect(StreamAlignedChat(upstream, ReplaceAligner(Bad="Good")), "Go on.")
    assert caught.value.released == "Good one.\n```\nx = 1"


def test_a_text_that_repeats_itself_is_no_error(collect):
    upstream = ScriptedChatModel("Bad day. Bad day. Fine day.")
    chat = StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"}))
    assert text_of(collect(chat, "Go on.")) == "Good day. Good day. Fine day."


def test_an_upstream_that_echoes_the_prefix_is_cut(collect, caplog):
    upstream = ScriptedChatModel(["The weather is bad today. Two.", "The weather is good today. Two goes on."])
    chunks = collect(StreamAlignedChat(upstream, ReplaceAligner({"bad": "good"})), "Go on.")
    assert text_of(chunks) == "The weather is good today. Two goes on."
    assert chunks[-1].response_metadata["stream_aligner"]["repeated_characters_cut"] > 0
    assert "continuation" in caplog.text


def test_restarts_are_bounded(collect):
    upstream = ScriptedChatModel(" ".join(f"Bad {n}." for n in range(50)))
    chat = StreamAlignedChat(upstream, ReplaceAligner({"Bad": "Good"}), max_restarts=3)
    chunks = collect(chat, "Go on.")
    assert text_of(chunks) == "Good 0. Good 1. Good 2. Good 3."
    assert chunks[-1].response_metadata["finish_reason"] == "max_restarts"


def test_an_aligner_may_end_the_reply_where_it_changes_a_sentence(collect):
    upstream = ScriptedChatModel("One. Two. Three.")
    chat = StreamAlignedChat(upstream, ScriptedAligner({1: Correction("Enough.", end=True)}))
    chunks = collect(chat, "Go on.")
    assert text_of(chunks) == "One. Enough."
    assert chunks[-1].response_metadata["finish_reason"] == "stop"
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(("end_on_accept", "shown"), [(False, "One. Two. Three."), (True, "One. Two.")])
def test_an_end_on_an_accepted_sentence_counts_only_if_asked_for(collect, end_on_accept, shown):
    aligner = ScriptedAligner({1: Correction("Two.", end=True)})
    chat = StreamAlignedChat(ScriptedChatModel("One. Two. Three."), aligner, end_on_accept=end_on_accept)
    assert text_of(collect(chat, "Go on.")) == shown


def test_a_fragment_cut_off_by_length_is_aligned_and_never_restarted(collect):
    upstream = ScriptedChatModel("One is fine. Two is bad and goes on for long. Three.")
    chat = StreamAlignedChat(upstream, ReplaceAligner({"bad": "good"}), max_tokens=7)
    chunks = collect(chat, "Go on.")
    assert text_of(chunks) == "One is fine. Two is good and"
    assert len(upstream.calls) == 1
    assert chunks[-1].response_metadata["finish_reason"] == "length"


def test_the_prefix_an_aligner_sees_is_the_released_text(collect):
    aligner = ReplaceAligner({"bad": "good"})
    collect(StreamAlignedChat(ScriptedChatModel("One is bad. Two. Three is bad. Four."), aligner), "Go on.")
    assert [(draft.prefix, draft.text, draft.index) for draft in aligner.drafts] == [
        ("", "One is bad.", 0),
        ("One is good.", "Two.", 1),
        ("One is good. Two.", "Three is bad.", 2),
        ("One is good. Two. Three is good.", "Four.", 3),
    ]


def test_waiting_drafts_are_handed_over_together_to_an_aligner_that_takes_many(collect):
    class Joint(AcceptAligner):
        def __init__(self):
            self.batches = []

        def correct_many(self, drafts):
            self.batches.append([(draft.prefix, draft.text) for draft in drafts])
            return [Correction(draft.text) for draft in drafts]

    aligner = Joint()
    sentences = [f"Sentence number {n}." for n in range(40)]
    text = " ".join(sentences)
    upstream = ScriptedChatModel([[AIMessageChunk(content=text)]])
    assert text_of(collect(StreamAlignedChat(upstream, aligner, lookahead=4), "Go on.")) == text
    assert max(map(len, aligner.batches)) > 1
    flat = [draft for batch in aligner.batches for draft in batch]
    assert [draft for _, draft in flat] == sentences
    assert all(prefix == " ".join(sentences[:n]) for n, (prefix, _) in enumerate(flat))


def test_a_reply_keeps_nothing_of_the_streams_that_it_has_left(collect):
    def live():
        gc.collect()
        return sum(isinstance(each, Intake) for each in gc.get_objects())

    before, seen = live(), []
    upstream = ScriptedChatModel(" ".join(f"Bad sentence number {number} is here." for number in range(12)))

    def correct(draft):
        seen.append(live() - before)
        return draft.text.replace("Bad", "Good")

    collect(StreamAlignedChat(upstream, correct), "Go on.")
    assert len(upstream.calls) == 13
    # The open one, and the one that was left last.
    assert max(seen) <= 2


def test_the_whitespace_at_the_end_stays_where_sentences_ran_free_behind_one_that_was_removed(collect):
    upstream = ScriptedChatModel("One is bad. Two is here.\n")
    chat = StreamAlignedChat(upstream, ReplaceAligner({"One is bad.": ""}), align_first=1)
    assert text_of(collect(chat, "Go on.")) == "Two is here.\n"


@pytest.mark.parametrize("told", ["", "\n"], ids=["nothing", "a line break"])
@pytest.mark.parametrize("is_read", [True, False], ids=["read before the verdict", "not yet read"])
def test_the_whitespace_at_the_end_is_that_of_the_last_call_whatever_was_read_of_the_one_before(collect, is_read, told):
    read = threading.Event()

    class Upstream(ScriptedChatModel):
        def _chunks(self, call):
            if call is not self.calls[0]:
                yield from super()._chunks(call)
                return
            yield ChatGenerationChunk(message=AIMessageChunk("One is here. Two is bad. "))
            if is_read:
                yield ChatGenerationChunk(message=AIMessageChunk(" \n\n"))
                yield self._last(call, "stop")
                read.set()
            else:
                yield ChatGenerationChunk(message=AIMessageChunk("Three"))
                yield ChatGenerationChunk(message=AIMessageChunk(" is here."))

    def correct(draft):
        if is_read:
            assert read.wait(60)
        return draft.text.replace("bad", "good")

    upstream = Upstream([None, told])
    assert text_of(collect(StreamAlignedChat(upstream, correct), "Go on.")) == f"One is here. Two is good.{told}"
    assert len(upstream.calls) == 2
