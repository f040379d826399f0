"""What a row holds: the aligned reply, and the bare one, which parts from it where something was first changed."""

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from stream_aligner_lc.corrections import Correction
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedAligner, ScriptedChatModel
from tests.annotation.doubles import Editor, Upstream


def test_a_row_is_exactly_this(place):
    place.ask("How is it?")
    place.export(Upstream({"How is it?": "It rains. It is bad. It is fine."}), ReplaceAligner(bad="good"))
    assert place.rows == [
        {
            "prompt": [{"role": "user", "content": "How is it?"}],
            "chosen": [{"role": "assistant", "content": "It rains. It is good. It is fine."}],
            "rejected": [{"role": "assistant", "content": "It rains. It is bad. It is fine."}],
            "id": "0",
            "source": "prompts.jsonl, line 1",
            "upstream": "upstream",
            "aligner": "replace",
            "sentences": {"accepted": 2, "replaced": 1},
            "replaced": 1,
        }
    ]


def test_a_conversation_stands_in_the_row_as_it_was_asked(place):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "Well?"},
    ]
    place.prompts.write_text(json.dumps({"messages": messages}) + "\n")
    upstream = Upstream({})
    place.export(upstream)
    assert place.rows[0]["prompt"] == messages
    turns = [SystemMessage, HumanMessage, AIMessage, HumanMessage]
    assert [type(message) for message in upstream.prompts[0]] == turns


def test_the_bare_reply_goes_on_from_the_first_changed_draft_alone(place):
    place.ask("What?")
    upstream = Upstream({"What?": "One. Two bad. Three. Four bad. Five."})
    place.export(upstream)
    assert place.sides == [("One. Two good. Three. Four good. Five.", "One. Two bad. Three. Four bad. Five.")]
    prefixes = [prompt[-1].text for prompt in upstream.prompts if prompt[-1].type == "ai"]
    assert prefixes == ["One. Two good.", "One. Two good. Three. Four good.", "One. Two bad."]


def test_what_the_upstream_says_after_the_draft_is_no_part_of_what_it_says_after_the_correction(place):
    place.ask("What?")
    # First the aligned reply and its continuation, then the bare one's.
    upstream = ScriptedChatModel(["It is bad. Lost.", " So it ends well.", " So it ends badly."])
    place.export(upstream, concurrency=1)
    assert place.sides == [("It is good. So it ends well.", "It is bad. So it ends badly.")]


def test_replies_that_do_not_share_their_start_are_asked_for_from_the_start(place):
    place.ask("What?")
    upstream = ScriptedChatModel(["Yes. It is bad. Lost.", " Fine.", "No. Never."])
    place.export(upstream, shared=False, concurrency=1)
    assert place.sides == [("Yes. It is good. Fine.", "No. Never.")]
    assert [message.type for message in upstream.prompts[-1]] == ["human"]


@pytest.mark.parametrize(
    "text",
    ["One bad. Two. Three bad. Four.", "bad.", "One.\n\n- bad\n- two\n\nThree. Four.", "  One.  bad!\nThree.\n\n"],
)
def test_an_upstream_that_always_says_the_same_makes_the_same_pair_in_either_way(place, text):
    place.ask("What?")
    place.export(Upstream({"What?": text}))
    shared = place.out.read_bytes()
    place.export(Upstream({"What?": text}), shared=False, overwrite=True)
    assert place.out.read_bytes() == shared
    assert place.sides[0][1] == text.strip()


def test_a_removed_sentence_is_a_change_too(place):
    place.ask("What?")
    place.export(Upstream({"What?": "One. Bad.\n\nThree. Four."}), ScriptedAligner({1: ""}))
    assert place.sides == [("One.\n\nThree. Four.", "One. Bad.\n\nThree. Four.")]
    assert place.rows[0]["sentences"] == {"accepted": 3, "removed": 1}
    assert place.rows[0]["replaced"] == 0


def test_a_correction_that_ends_the_reply_ends_the_chosen_one_alone(place):
    place.ask("What?")
    place.export(Upstream({"What?": "Well. It is bad. Then."}), Editor({}, ends=("It is bad.",)))
    assert place.sides == [("Well. It is good.", "Well. It is bad. Then.")]


def test_a_whole_reply_that_was_changed_is_its_own_bare_one(place):
    place.ask("What?")
    upstream = Upstream({"What?": "It is bad. Well."})
    place.export(upstream, granularity="response")
    assert place.sides == [("It is good. Well.", "It is bad. Well.")]
    assert len(upstream.calls) == 1


def test_equal_replies_say_nothing_and_are_written_only_if_wanted(place):
    place.ask("What?", "Why?")
    replies = {"What?": "Fine. Good.", "Why?": "It is bad."}
    upstream = Upstream(replies)
    summary = place.export(upstream)
    assert (summary.pairs, summary.same, summary.rows, summary.done) == (1, 1, 1, 2)
    assert [row["id"] for row in place.rows] == ["1"]
    summary = place.export(Upstream(replies), include_same=True, overwrite=True)
    assert (summary.pairs, summary.same) == (1, 1)
    assert [row.get("same") for row in place.rows] == [True, None]
    assert place.sides[0] == ("Fine. Good.", "Fine. Good.")


@pytest.mark.parametrize("shared", [True, False])
def test_a_reply_that_was_not_changed_is_asked_for_again_only_where_it_may_differ(place, shared):
    place.ask("What?")
    upstream = Upstream({"What?": "Fine."})
    assert place.export(upstream, AcceptAligner(), shared=shared).same == 1
    assert len(upstream.calls) == 1 + (not shared)


def test_what_differs_in_outer_whitespace_is_the_same(place):
    place.ask("What?")
    assert place.export(ScriptedChatModel(["Fine.\n", "\nFine."]), AcceptAligner(), shared=False).same == 1


def test_code_that_is_not_aligned_stands_in_both(place):
    place.ask("What?")
    text = "Bad.\n\n```\nbad()\n```\n\nbad."
    place.export(Upstream({"What?": text}))
    assert place.sides == [("Bad.\n\n```\nbad()\n```\n\ngood.", text)]


def test_a_chat_model_is_told_the_policy(place):
    place.ask("What?")
    aligner = Editor({})
    summary = place.export(Upstream({}), aligner, policy="Nothing bad.")
    assert "\nNothing bad.\n" in aligner.prompts[0][0].text
    assert place.rows[0]["aligner"] == "prompted:teacher"
    assert place.sides == [("It is good. It is fine.", "It is bad. It is fine.")]
    assert summary.teacher.output > 0


def test_a_limit_of_tokens_holds_for_the_bare_reply_as_a_whole(place):
    place.ask("What?")
    upstream = Upstream({"What?": "One two. Three bad. Five six. Seven eight. Nine ten."})
    place.export(upstream, ScriptedAligner({1: Correction("Three.", end=True)}), max_tokens=9)
    assert upstream.calls[-1].kwargs["max_tokens"] == 5
    assert place.sides == [("One two. Three.", "One two. Three bad. Five six. Seven eight. Nine")]


def test_where_the_limit_is_reached_with_the_draft_it_is_not_gone_on_from(place):
    place.ask("What?")
    upstream = Upstream({"What?": "One two. Three bad. Five six."})
    place.export(upstream, ScriptedAligner({1: Correction("Three.", end=True)}), max_tokens=4)
    assert place.sides == [("One two. Three.", "One two. Three bad.")]
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("usage", [True, False])
def test_what_the_bare_reply_cost_counts(place, usage):
    place.ask("What?")
    upstream = Upstream({"What?": "It is bad. Well. So it goes."}, usage=usage)
    summary = place.export(upstream)
    # At least what the two calls wrote that came to their end, and some of the one that was given up.
    assert summary.upstream.output >= sum(len(call.sent) for call in upstream.calls[1:])
    place.export(Upstream({"What?": "Well. So it goes."}), overwrite=True)
    bare = Upstream({"What?": "Well. So it goes."}, usage=usage)
    again = place.export(bare, shared=False, overwrite=True)
    assert again.upstream.input >= 2
    assert again.upstream.estimated is not usage


def test_an_upstream_that_cannot_be_continued_is_told_to_go_on_in_both(place):
    place.ask("What?")
    upstream = ScriptedChatModel(["It is bad.\n\nLost.", "It ends well.", "It ends badly."])
    place.export(upstream, continuation="instruct", concurrency=1)
    assert place.sides == [("It is good.\n\nIt ends well.", "It is bad.\n\nIt ends badly.")]
    assert [prompt[-2].text for prompt in upstream.prompts[1:]] == ["It is good.", "It is bad."]


def test_an_upstream_that_failed_in_between_is_taken_for_one_reply(place):
    place.ask("What?")
    upstream = ScriptedChatModel([["One.\n\n", "Two", ConnectionError()], " It is bad.", "", " So."])
    place.export(upstream, upstream_retries=1, concurrency=1)
    assert place.sides == [("One. It is good.", "One. It is bad. So.")]


def test_where_the_aligned_reply_stops_the_bare_one_stops_too(place):
    place.ask("What?")
    place.export(Upstream({"What?": "It is bad. Now STOP here. Well."}), stop=["STOP"])
    assert place.sides == [("It is good. Now", "It is bad. Now")]


def test_more_than_the_rows_need_is_not_written(place):
    place.ask("What?")
    place.export()
    assert place.out.read_text().count("\n") == 1
    assert {path.name for path in place.folder.iterdir()} == {"prompts.jsonl", "pairs.jsonl"}
