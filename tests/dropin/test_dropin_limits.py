"""`stop` and `max_tokens` hold for the released reply: wherever they are set, and whoever brings them in."""

import pytest
from langchain_core.language_models import FakeListChatModel

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.dropin.upstreams import VerbatimModel, WholeModel, ended

TEXT = "Every day is green. It rains END and more. Never said."
BLUE = ReplaceAligner(green="blue")


def deaf(*texts):
    """Return an upstream that ignores `stop`."""
    return VerbatimModel([[text, ended()] for text in texts])


def placed(model, where, stop):
    if where == "constructor":
        return StreamAlignedChat(model, BLUE, stop=stop)
    if where == "bound inside":
        return StreamAlignedChat(model.bind(stop=stop), BLUE)
    if where == "bound outside":
        return StreamAlignedChat(model, BLUE).bind(stop=stop)
    return StreamAlignedChat(model, BLUE)


@pytest.mark.parametrize("stop", [["END"], "END"], ids=["list", "string"])
@pytest.mark.parametrize("where", ["call", "constructor", "bound inside", "bound outside"])
def test_a_stop_sequence_ends_the_reply_wherever_it_is_given(ask, where, stop):
    model = placed(deaf(TEXT, " It rains END and more."), where, stop)
    message = ask(model, "Go on.", **({"stop": stop} if where == "call" else {}))
    assert message.text == "Every day is blue. It rains"
    assert message.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("where", ["call", "constructor", "bound inside", "bound outside"])
def test_a_stop_sequence_reaches_every_upstream_call(ask, where):
    upstream = ScriptedChatModel(TEXT)
    model = placed(upstream, where, ["END"])
    ask(model, "Go on.", **({"stop": ["END"]} if where == "call" else {}))
    assert len(upstream.calls) == 2
    assert {tuple(call.stop or ()) for call in upstream.calls} == {("END",)}


def test_a_stop_of_the_call_wins_over_the_one_that_is_bound(ask):
    model = StreamAlignedChat(ScriptedChatModel(TEXT).bind(stop=["day"]), BLUE)
    assert ask(model, "Go on.", stop=["END"]).text.rstrip() == "Every day is blue. It rains"


def test_no_stop_is_passed_where_none_is_set(ask):
    model = StreamAlignedChat(ScriptedChatModel("It rains."), AcceptAligner())
    ask(model, "Go on.")
    assert model.llm.calls[0].stop is None


def test_a_stop_sequence_that_the_upstream_ignores_is_cut_all_the_same(ask):
    model = StreamAlignedChat(deaf("It rains. It pours END and more. So what?"), AcceptAligner())
    assert ask(model, "Go on.", stop=["END"]).text == "It rains. It pours"


def test_a_stop_sequence_that_a_correction_brings_ends_the_reply(ask):
    model = StreamAlignedChat(ScriptedChatModel(TEXT), ScriptedAligner({0: "It is blue END. Not shown."}))
    message = ask(model, "Go on.", stop=["END"])
    assert message.text == "It is blue"
    assert message.response_metadata["finish_reason"] == "stop"
    assert len(model.llm.calls) == 1


def test_a_stop_sequence_over_two_sentences_ends_the_reply(ask):
    model = StreamAlignedChat(deaf("One. Two. Three."), AcceptAligner())
    reply = ask(model, "Go on.", stop=["One. Two"]).text
    assert reply in ("", "One.")


def test_a_stop_sequence_over_the_seam_of_a_restart_ends_the_reply(ask):
    model = StreamAlignedChat(deaf("It is green.", " User: hello. More."), ScriptedAligner({0: "It is END."}))
    message = ask(model, "Go on.", stop=["END. User"])
    assert message.text in ("It is", "It is END.")
    assert message.response_metadata["finish_reason"] == "stop"


def test_a_stop_sequence_of_whitespace_holds_over_a_restart(ask):
    model = StreamAlignedChat(deaf("It is green.", "\n\nNew paragraph."), BLUE)
    assert ask(model, "Go on.", stop=["\n\n"]).text == "It is blue."


def test_the_earliest_of_several_stop_sequences_counts(ask):
    model = StreamAlignedChat(deaf("It rains, B and A. More."), AcceptAligner())
    assert ask(model, "Go on.", stop=["A", "B"]).text == "It rains,"


def test_a_fake_that_knows_no_stop_is_cut(ask):
    model = StreamAlignedChat(FakeListChatModel(responses=["It rains. It pours. So."]), AcceptAligner())
    assert ask(model, "Go on.", stop=["pours"]).text == "It rains. It"


def test_a_bare_and_an_aligned_model_end_alike_at_a_stop(ask):
    bare = ask(ScriptedChatModel(TEXT), "Go on.", stop=["END"]).text
    assert ask(StreamAlignedChat(ScriptedChatModel(TEXT), AcceptAligner()), "Go on.", stop=["END"]).text == bare


def limited(where, model, limit):
    if where == "constructor":
        return StreamAlignedChat(model, BLUE, max_tokens=limit)
    if where == "bound inside":
        return StreamAlignedChat(model.bind(max_tokens=limit), BLUE)
    return StreamAlignedChat(model, BLUE).bind(max_tokens=limit)


@pytest.mark.parametrize("limit", [4, 6, 9, 12])
@pytest.mark.parametrize("where", ["constructor", "bound inside", "bound outside"])
def test_max_tokens_holds_for_the_released_reply(ask, where, limit):
    text = "The sky is green. Grass is green. Leaves are green. It rains. It pours."
    message = ask(limited(where, ScriptedChatModel(text), limit), "Go on.")
    assert len(message.text.split()) <= limit
    assert message.text == " ".join(text.replace("green", "blue").split()[:limit])
    assert message.response_metadata["finish_reason"] == "length"


def test_a_reply_within_max_tokens_is_not_cut(ask):
    message = ask(StreamAlignedChat(ScriptedChatModel("It is green."), BLUE, max_tokens=3), "Go on.")
    assert message.text == "It is blue."


def test_max_tokens_holds_where_a_chunk_carries_many_tokens(ask):
    first = "The sky is green and wide and very high above all of us here. It rains a lot. "
    model = WholeModel(turns=[first, "It pours and pours."])
    ask(StreamAlignedChat(model, BLUE, max_tokens=16), "Go on.")
    limits = [options["max_tokens"] for _, options in model.asked]
    assert limits[0] == 16
    # Fourteen words are released by then: whatever a token is, fifteen cannot be left.
    assert all(limit < 8 for limit in limits[1:])


def test_a_reply_cut_off_by_length_is_aligned_and_not_asked_again(ask):
    upstream = VerbatimModel([["It rains. The sky is green and", ended("length")], ["never"]])
    message = ask(StreamAlignedChat(upstream, BLUE), "Go on.")
    assert message.text == "It rains. The sky is blue and"
    assert message.response_metadata["finish_reason"] == "length"
    assert len(upstream.calls) == 1


def test_max_sentences_holds(ask):
    message = ask(StreamAlignedChat(ScriptedChatModel("One. Two. Three."), BLUE, max_sentences=2), "Go on.")
    assert message.text == "One. Two."
    assert message.response_metadata["finish_reason"] == "length"
