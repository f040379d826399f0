"""An aligner that keeps failing is not asked any more: `max_aligner_faults`."""

import asyncio
import logging

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from stream_aligner_lc import ConfigurationError, Correction, StreamAlignedChat, build_graph
from stream_aligner_lc.testing import AcceptAligner, ScriptedAligner, ScriptedChatModel

SENTENCES = [f"Sentence number {number}." for number in range(8)]
TEXT = " ".join(SENTENCES)
OPENED = "the rest of the reply is shown as drafted (max_aligner_faults)"


def failing_at(*numbers):
    return ScriptedAligner({number: RuntimeError("broken") for number in numbers})


def asked(aligner):
    return [draft.index for draft in aligner.drafts]


@pytest.mark.parametrize(
    ("most", "failing", "expected"),
    [
        (1, [2], [0, 1, 2]),
        (2, [2, 3], [0, 1, 2, 3]),
        (2, [0, 2, 4, 6], list(range(8))),
        (3, [1, 2, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6]),
        (None, range(8), list(range(8))),
        (8, range(8), list(range(8))),
    ],
)
def test_after_so_many_faults_in_a_row_nothing_more_is_asked(reply, most, failing, expected):
    aligner = failing_at(*failing)
    message = reply(ScriptedChatModel(TEXT), aligner, on_aligner_error="keep", max_aligner_faults=most)
    assert message.text == TEXT
    assert asked(aligner) == expected
    totals = message.response_metadata["stream_aligner"]
    assert totals["aligner_faults"] == len(set(failing) & set(expected))
    assert totals["sentences"].get("kept", 0) == len({*failing, *range(8)} - set(expected)) + totals["aligner_faults"]


def test_the_record_of_each_sentence_says_how_it_found_the_breaker(reply):
    records = []
    options = {"on_aligner_error": "keep", "max_aligner_faults": 2, "on_record": records.append}
    message = reply(ScriptedChatModel(TEXT), failing_at(0, 2, 3), **options)
    assert [record["breaker"] for record in records] == ["closed"] * 3 + ["opened"] + ["open"] * 4
    assert [record["verdict"] for record in records] == ["kept", "accepted", *["kept"] * 6]
    assert "broken" in records[3]["error"]
    assert "was not asked: it had failed on 2 sentence(s) in a row, and max_aligner_faults" in records[4]["error"]
    assert message.response_metadata["stream_aligner"]["breaker"] == "open"


def test_while_it_is_closed_the_totals_say_so(reply):
    message = reply(ScriptedChatModel(TEXT), failing_at(1), on_aligner_error="keep", max_aligner_faults=2)
    assert message.response_metadata["stream_aligner"]["breaker"] == "closed"


def test_one_warning_is_logged_when_it_opens_and_quotes_nothing(reply, caplog):
    with caplog.at_level(logging.WARNING, logger="stream_aligner_lc"):
        reply(ScriptedChatModel(TEXT), failing_at(1, 2), on_aligner_error="keep", max_aligner_faults=2)
    (warning,) = [record.getMessage() for record in caplog.records if "max_aligner_faults" in record.getMessage()]
    assert OPENED in warning
    assert "failed on 2 sentence(s)" in warning
    assert "Sentence number" not in warning


def test_what_needs_no_aligner_neither_closes_nor_opens_it(reply):
    text = "One.\n\n```\nx = 1\n```\n\nTwo. Three. Four."
    aligner = failing_at(*range(9))
    message = reply(ScriptedChatModel(text), aligner, on_aligner_error="keep", max_aligner_faults=2)
    assert message.text == text
    assert len(aligner.drafts) == 2


def test_the_next_reply_asks_again(reply):
    aligner = failing_at(0)
    options = {"on_aligner_error": "keep", "max_aligner_faults": 1}
    for _ in range(2):
        reply(ScriptedChatModel("One. Two."), aligner, **options)
    assert asked(aligner) == [0, 0]


def test_an_aligner_that_is_passed_over_is_not_warmed_either(reply):
    class Warm(AcceptAligner):
        def __init__(self):
            self.warmed = []

        def invoke(self, input, config=None, **kwargs):
            raise RuntimeError("broken")

        async def ainvoke(self, input, config=None, **kwargs):
            raise RuntimeError("broken")

        def warm(self, draft):
            self.warmed.append(draft.index)

    aligner = Warm()
    reply(ScriptedChatModel(TEXT), aligner, on_aligner_error="keep", max_aligner_faults=2, lookahead=0)
    assert aligner.warmed
    assert max(aligner.warmed) < 2


def test_waiting_drafts_are_passed_over_as_well(reply):
    class Joint(AcceptAligner):
        def __init__(self):
            self.asked = []

        def correct_many(self, drafts):
            self.asked.append(drafts[0].index)
            raise RuntimeError("broken")

    aligner = Joint()
    upstream = ScriptedChatModel(TEXT, chunking=len(TEXT))
    message = reply(upstream, aligner, on_aligner_error="keep", max_aligner_faults=3, lookahead=8)
    assert message.text == TEXT
    assert aligner.asked == [0, 1, 2]


def test_it_opens_in_the_middle_of_what_one_call_answered(reply):
    class Joint(AcceptAligner):
        def __init__(self):
            self.asked = []

        def correct_many(self, drafts):
            self.asked += [draft.index for draft in drafts]
            return [Correction("\ufffd" if draft.index < 2 else "Good one.") for draft in drafts]

    records, aligner = [], Joint()
    options = {"on_aligner_error": "keep", "max_aligner_faults": 2, "on_record": records.append}
    message = reply(ScriptedChatModel(TEXT, chunking=len(TEXT)), aligner, lookahead=8, **options)
    assert message.text == TEXT
    assert max(aligner.asked) > 2
    assert [record["breaker"] for record in records] == ["closed", "opened", *["open"] * 6]
    assert {record["verdict"] for record in records} == {"kept"}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_resumed_reply_knows_that_it_is_open(is_async):
    class Dying(ScriptedChatModel):
        """Say four sentences; go on from the released ones in the second life."""

        def turn(self, messages, **kwargs):
            said = super().turn(messages, **kwargs)
            return said if len(messages) > 1 else [" ".join(SENTENCES[:4]) + " ", KeyboardInterrupt()]

    def run(graph, input):
        config = {"configurable": {"thread_id": "1"}}
        if is_async:
            return asyncio.run(graph.ainvoke(input, config))
        return graph.invoke(input, config)

    saver, aligner = InMemorySaver(), failing_at(*range(8))
    options = {"on_aligner_error": "keep", "max_aligner_faults": 2, "checkpointer": saver, "lookahead": 0}
    with pytest.raises(KeyboardInterrupt):
        run(build_graph(Dying(TEXT), aligner, **options), {"messages": [HumanMessage("Go on.")]})
    assert asked(aligner) == [0, 1]
    message = run(build_graph(Dying(TEXT), aligner, **options), None)["messages"][-1]
    assert message.text == TEXT
    assert asked(aligner) == [0, 1]
    assert message.response_metadata["stream_aligner"]["breaker"] == "open"
    assert message.response_metadata["stream_aligner"]["aligner_faults"] == 2


@pytest.mark.parametrize("build", [StreamAlignedChat, build_graph])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_aligner_faults": 0, "on_aligner_error": "keep"}, r"`max_aligner_faults`.*at least 1, got 0.*None"),
        ({"max_aligner_faults": 1.5, "on_aligner_error": "keep"}, r"`max_aligner_faults`.*1\.5"),
        ({"max_aligner_faults": True, "on_aligner_error": "keep"}, r"`max_aligner_faults`.*True"),
        ({"max_aligner_faults": 2}, r"got 2 beside on_aligner_error='raise'.*on_aligner_error='keep', or None"),
        ({"max_aligner_faults": 2, "on_aligner_error": "stop"}, r"got 2 beside on_aligner_error='stop'"),
    ],
)
def test_a_number_that_could_never_count_is_refused(build, options, message):
    with pytest.raises(ConfigurationError, match=message):
        build(ScriptedChatModel("One."), AcceptAligner(), **options)
