"""A person accepts, edits or rejects a correction, and the reply goes on from what was decided."""

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from stream_aligner_lc import ConfigurationError, Correction, StreamAlignedChat, build_graph
from stream_aligner_lc.corrections import Decision
from stream_aligner_lc.reviews import read_answer
from stream_aligner_lc.testing import ReplaceAligner, ScriptedAligner, ScriptedChatModel

TEXT = "One is bad. Two is fine.\n\nThree is bad too. Four."
ASK = {"messages": [("user", "Go on.")]}
THREAD = {"configurable": {"thread_id": "1"}}
CORRECTION = Decision("replaced", "One is good.", "stop")


def reviewed(upstream=None, aligner=None, **options):
    options = {"checkpointer": InMemorySaver(), "interrupt_on": "replaced", **options}
    return build_graph(upstream or ScriptedChatModel(TEXT), aligner or ReplaceAligner({"bad": "good"}), **options)


def shown(state):
    (interrupt,) = state["__interrupt__"]
    return interrupt.value


def answered(run, graph, answers, thread=THREAD):
    """Run the graph to its end with the answers of a person, and return what the person was shown and the state."""
    seen, state = [], run(graph, ASK, thread)
    for answer in answers:
        seen.append(shown(state))
        state = run(graph, Command(resume=answer), thread)
    return seen, state


def counts(state):
    return state["messages"][-1].response_metadata["stream_aligner"]["sentences"]


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        ("accept", CORRECTION),
        ("reject", Decision("kept", "One is bad.")),
        ({"text": " One is so-so. "}, Decision("replaced", "One is so-so.", "stop")),
        ({"text": "One is bad."}, Decision("kept", "One is bad.")),
        ({"text": " "}, Decision("removed", "", "stop")),
        ("Accept", None),
        ("", None),
        (True, None),
        ({}, None),
        ({"text": None}, None),
        ({"text": "One.", "more": 1}, None),
        (["accept"], None),
    ],
)
def test_what_a_person_answers_is_read(answer, decision):
    assert read_answer(answer, draft="One is bad.", correction=CORRECTION) == decision


def test_a_person_accepts_edits_and_rejects(run):
    seen, state = answered(run, reviewed(), ["accept", {"text": "Three is so-so."}])
    assert state["messages"][-1].text == "One is good. Two is fine.\n\nThree is so-so. Four."
    assert counts(state) == {"replaced": 2, "accepted": 2}
    assert seen == [
        {"draft": "One is bad.", "correction": "One is good.", "prefix": "", "index": 0},
        {
            "draft": "Three is bad too.",
            "correction": "Three is good too.",
            "prefix": "One is good. Two is fine.",
            "index": 2,
        },
    ]
    _, state = answered(run, reviewed(), ["reject", "reject"])
    assert state["messages"][-1].text == TEXT
    assert counts(state) == {"kept": 2, "accepted": 2}


@pytest.mark.parametrize("missing", ["changed", "left", "around", "aligner_effort"])
def test_a_review_goes_on_from_a_checkpoint_that_knew_less(run, missing):
    graph = reviewed()
    run(graph, ASK, THREAD)
    older = {key: value for key, value in graph.get_state(THREAD).values["progress"].items() if key != missing}
    graph.update_state(THREAD, {"progress": older}, as_node="aligner")
    run(graph, None, THREAD)
    for _ in range(2):
        state = run(graph, Command(resume="accept"), THREAD)
    assert state["messages"][-1].text == TEXT.replace("bad", "good")


def test_the_upstream_goes_on_from_an_edited_text(run):
    upstream = ScriptedChatModel(TEXT)
    answered(run, reviewed(upstream), [{"text": "One is so-so."}, "accept"])
    assert [prompt[-1].text for prompt in upstream.prompts][1] == "One is so-so."


def test_the_stream_is_closed_while_a_person_decides(run):
    upstream = ScriptedChatModel("One is bad. " * 200, delay=0.001)
    run(reviewed(upstream), ASK, THREAD)
    assert [call.is_closed for call in upstream.calls] == [True]
    assert not upstream.calls[0].is_finished


def test_the_aligner_is_not_asked_again_for_what_was_reviewed(run):
    aligner = ReplaceAligner({"bad": "good"})
    answered(run, reviewed(aligner=aligner), ["accept", "what?", "reject"])
    assert [draft.text for draft in aligner.drafts] == ["One is bad.", "Two is fine.", "Three is bad too.", "Four."]


@pytest.mark.parametrize("answer", ["yes", {"edit": "x"}, 1, {"text": 2}])
def test_an_answer_that_says_nothing_is_asked_for_again(run, answer):
    seen, state = answered(run, reviewed(), [answer, answer, "accept", "accept"])
    problem = seen[1].pop("problem")
    assert repr(answer) in problem
    assert "'accept', 'reject' or {'text'" in problem
    assert seen[2].pop("problem") == problem
    assert seen[0] == seen[1] == seen[2]
    assert state["messages"][-1].text == TEXT.replace("bad", "good")


def test_a_correction_that_ends_the_reply_ends_it_once_it_is_accepted(run):
    def ending():
        return reviewed(aligner=ScriptedAligner({0: Correction("One is over.", end=True)}))

    _, state = answered(run, ending(), ["accept"])
    assert state["messages"][-1].text == "One is over."
    assert state["messages"][-1].response_metadata["finish_reason"] == "stop"
    _, state = answered(run, ending(), ["reject"])
    assert state["messages"][-1].text == TEXT


def test_a_removed_or_accepted_sentence_asks_nobody(run):
    _, state = answered(run, reviewed(aligner=ScriptedAligner({1: ""})), [])
    assert counts(state) == {"accepted": 3, "removed": 1}


@pytest.mark.parametrize("mode", ["values", "updates", "custom", "debug"])
def test_every_stream_goes_on_after_a_review(stream, mode):
    graph, modes, said = reviewed(), [mode, "messages", "updates"], []
    for answer in (ASK, Command(resume="accept"), Command(resume={"text": "Three is so-so."})):
        received = stream(graph, answer, THREAD, stream_mode=modes)
        assert mode in {kind for kind, _ in received} or (mode, answer) == ("custom", ASK)
        said.append("".join(item[0].text for kind, item in received if kind == "messages"))
    assert said == ["", "One is good. Two is fine.", "\n\nThree is so-so. Four."]


def test_as_a_subgraph_it_asks_through_the_graph_around_it(run):
    inner = reviewed(checkpointer=None)
    outer = StateGraph(MessagesState).add_node("answer", inner).add_edge(START, "answer")
    graph = outer.compile(checkpointer=InMemorySaver())
    seen, state = answered(run, graph, [{"text": "One is so-so."}, "accept"])
    assert [each["draft"] for each in seen] == ["One is bad.", "Three is bad too."]
    assert state["messages"][-1].text == "One is so-so. Two is fine.\n\nThree is good too. Four."


def test_a_record_tells_of_the_text_that_a_person_chose(run):
    records = []
    answered(run, reviewed(on_record=records.append), ["reject", {"text": "Three is so-so."}])
    assert [(each["draft"], each["text"], each["verdict"]) for each in records] == [
        ("One is bad.", "One is bad.", "kept"),
        ("Two is fine.", "Two is fine.", "accepted"),
        ("Three is bad too.", "Three is so-so.", "replaced"),
        ("Four.", "Four.", "accepted"),
    ]


def test_without_a_checkpointer_it_says_what_is_missing_before_any_call(run):
    upstream = ScriptedChatModel(TEXT)
    graph = reviewed(upstream, checkpointer=None)
    outer = StateGraph(MessagesState).add_node("answer", graph).add_edge(START, "answer").compile()
    for each in (graph, outer):
        with pytest.raises(ConfigurationError, match=r"interrupt_on='replaced' needs a checkpointer"):
            run(each, ASK)
    assert upstream.calls == []


@pytest.mark.parametrize("value", ["accepted", True, "", ["replaced"]])
def test_other_values_are_refused(value):
    with pytest.raises(ConfigurationError, match="`interrupt_on` must be 'replaced' or None"):
        reviewed(interrupt_on=value)


def test_the_chat_model_has_nobody_to_ask():
    with pytest.raises(ConfigurationError, match="interrupt_on"):
        StreamAlignedChat(ScriptedChatModel(TEXT), interrupt_on="replaced")
