"""The released text is kept in pages: a matter of cost, never of what is said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from stream_aligner_lc import StreamAlignedChat, build_graph
from stream_aligner_lc.pages import PAGE, Transcript, extend_released, pieces_of
from stream_aligner_lc.testing import AcceptAligner, ScriptedAligner, ScriptedChatModel

some = settings(max_examples=50)
SIZES = st.lists(st.integers(0, 2 * PAGE), max_size=8)
ASK = {"messages": [("user", "Go on.")]}
THREAD = {"configurable": {"thread_id": "1"}}


def batches_of(sizes):
    """Return pieces, all different, cut into batches of those sizes."""
    numbers = iter(range(sum(sizes)))
    return [[f" {next(numbers)}" for _ in range(size)] for size in sizes]


@some
@given(SIZES)
def test_pages_hold_the_pieces_in_their_order_and_all_but_the_last_are_full(sizes):
    batches = batches_of(sizes)
    pages = extend_released([], batches)
    assert pieces_of(pages) == [piece for batch in batches for piece in batch]
    assert {len(page) for page in pages[:-1]} <= {PAGE}
    assert all(0 < len(page) <= PAGE for page in pages)


@some
@given(SIZES, st.data())
def test_how_writes_are_batched_changes_nothing(sizes, data):
    batches = batches_of(sizes)
    if batches and data.draw(st.booleans(), label="another reply begins"):
        anew = data.draw(st.integers(0, len(batches) - 1))
        batches[anew] = [None, *batches[anew]]
    cut = data.draw(st.integers(0, len(batches)))
    one_by_one = []
    for batch in batches:
        one_by_one = extend_released(one_by_one, [batch])
    in_two = extend_released(extend_released(None, batches[:cut]), batches[cut:])
    assert one_by_one == in_two == extend_released(None, batches)


@some
@given(SIZES)
def test_a_page_that_was_seen_never_changes(sizes):
    pages, seen = [], []
    for batch in batches_of(sizes):
        pages = extend_released(pages, [batch])
        seen.append((pages, [list(page) for page in pages]))
    assert all(pages == copied for pages, copied in seen)


@some
@given(SIZES, st.integers(0, 3 * PAGE))
def test_pieces_from_a_number_on_are_those_after_it(sizes, start):
    pages = extend_released([], batches_of(sizes))
    assert pieces_of(pages, start) == pieces_of(pages)[start:]


@some
@given(SIZES, st.data())
def test_the_text_is_that_of_the_pieces_whatever_was_seen_before(sizes, data):
    transcript, pages, text = Transcript(), [], ""
    for batch in batches_of(sizes):
        before, pages, text = pages, extend_released(pages, [batch]), text + "".join(batch)
        match data.draw(st.sampled_from(["nobody asks", "asked", "told", "resumed"])):
            case "asked":
                assert transcript.text(pages) == text
            case "told" if batch:
                transcript.text(before)
                transcript.extend(batch, text)
            case "resumed":
                transcript = Transcript()
    assert transcript.text(pages) == text
    assert transcript.text(extend_released(pages, [[None, "New."]])) == "New."


@settings(max_examples=4)
@given(st.integers(PAGE, PAGE + 20), st.data())
def test_a_reply_over_several_pages_is_the_same_after_a_resume(sentences, data):
    text = " ".join(f"Sentence {number}." for number in range(sentences))
    broken_at = data.draw(st.integers(1, sentences - 1) | st.sampled_from([PAGE - 2, PAGE - 1]))
    saver = InMemorySaver()
    broken = build_graph(
        ScriptedChatModel(text), ScriptedAligner({broken_at: RuntimeError("killed")}), checkpointer=saver
    )
    with pytest.raises(Exception, match=r"failed on sentence [0-9]+ with RuntimeError"):
        broken.invoke(ASK, THREAD)
    aligner = ScriptedAligner({})
    state = build_graph(ScriptedChatModel(text), aligner, checkpointer=saver).invoke(None, THREAD)
    assert state["messages"][-1].text == text
    assert [draft.index for draft in aligner.drafts] == list(range(broken_at, sentences))


def test_a_reply_of_thousands_of_sentences_takes_one_upstream_call(collect):
    text = " ".join(f"Sentence {number}." for number in range(2000))
    upstream = ScriptedChatModel(text)
    assert "".join(chunk.text for chunk in collect(StreamAlignedChat(upstream, AcceptAligner()), "Go on.")) == text
    assert len(upstream.calls) == 1
