"""What was learned comes back exactly, from the folder alone: in every template, with and without a chat template."""

import json
import warnings

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import StreamAlignedChat, TransformersAligner
from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.local.trained import KEY
from stream_aligner_lc.testing import ScriptedChatModel
from tests.training.small_runs import ROWS, WHOLE, run, write_rows

SENTENCES = ("verdict", "stream-aligner")
ANSWERS = ("aligner", "aligner-v1", "verdict", "stream-aligner")


def corrections(aligner, rows):
    """Ask about every row as a loop would."""
    drafts = [Draft([HumanMessage(row["question"])], row["prefix"], row["last"]) for row in rows]
    return [(answer.text, answer.end) for answer in map(aligner.invoke, drafts)]


@pytest.fixture(params=["chat", "plain"])
def either_base(request):
    return request.getfixturevalue("base" if request.param == "chat" else "plain_base")


@pytest.mark.parametrize("template", SENTENCES)
def test_sentences_come_back_as_they_were_corrected(template, either_base, tmp_path):
    run(either_base, ROWS, tmp_path / "out", template=template)
    aligner = TransformersAligner(tmp_path / "out")
    ends = template == "verdict"
    assert corrections(aligner, ROWS) == [(row["correction"], row["end"] and ends) for row in ROWS]
    assert (aligner.template.name, aligner.granularity) == (template, "sentence")


@pytest.mark.parametrize("template", ANSWERS)
def test_whole_answers_come_back_as_they_were_corrected(template, either_base, tmp_path):
    run(either_base, WHOLE, tmp_path / "out", template=template, granularity="response")
    aligner = TransformersAligner(tmp_path / "out")
    assert corrections(aligner, WHOLE) == [(row["correction"], False) for row in WHOLE]
    assert (aligner.template.name, aligner.granularity) == (template, "response")


@pytest.mark.parametrize("template", SENTENCES)
def test_a_loop_says_what_was_learned(template, base, tmp_path):
    upstream, question = ScriptedChatModel("We add 3 and 4. So it is 8."), "What is 3 and 4?"
    said = [{"question": question, "prefix": "", "last": "We add 3 and 4.", "correction": "We add 3 and 4."}]
    run(base, [*ROWS, *said], tmp_path / "out", template=template)
    llm = StreamAlignedChat(upstream, TransformersAligner(tmp_path / "out"))
    reply = llm.invoke(question)
    assert reply.text == "We add 3 and 4. So it is 7."
    assert reply.response_metadata["stream_aligner"]["sentences"] == {"accepted": 1, "replaced": 1}


def test_a_loop_that_cuts_otherwise_than_was_learned_is_warned_about_and_no_other(base, tmp_path):
    run(base, WHOLE, tmp_path / "out", granularity="response", epochs=1)
    aligner = TransformersAligner(tmp_path / "out")
    with pytest.warns(UserWarning, match=r"out was trained to correct a response at a time.*granularity='response'"):
        StreamAlignedChat(ScriptedChatModel("A."), aligner)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        StreamAlignedChat(ScriptedChatModel("A."), aligner, granularity="response")


def test_a_named_template_wins_over_the_folders_own(base, tmp_path):
    run(base, ROWS, tmp_path / "out", template="stream-aligner", epochs=1)
    assert TransformersAligner(tmp_path / "out").template.name == "stream-aligner"
    assert TransformersAligner(tmp_path / "out", template="aligner").template.name == "aligner"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"template": "unheard"}, "'unheard', which this version does not know.*Install a newer one"),
        ({"template": ["verdict"]}, r"\['verdict'\], which this version does not know"),
        ({}, "the template None"),
    ],
)
def test_a_folder_that_names_no_known_template_is_refused(said, told, base, tmp_path):
    run(base, ROWS, tmp_path / "out", epochs=1)
    file = tmp_path / "out" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), KEY: said}))
    with pytest.raises(ValueError, match=told):
        TransformersAligner(tmp_path / "out")


def test_what_the_base_was_trained_for_does_not_bind_the_looks_on_the_way(base, tmp_path):
    run(base, ROWS, tmp_path / "first", max_tokens=60, epochs=1)
    assert TransformersAligner(tmp_path / "first").load()._corrector.max_tokens == 60
    long = [{**row, "question": f"{row['question']} {'Well. ' * 30}"} for row in ROWS]
    held_out = [{**row, "question": f"{row['question']} "} for row in long]
    options = {"held_out": write_rows(tmp_path / "h.jsonl", held_out), "figures_rows": 2}
    [*_, report] = run(tmp_path / "first", long, tmp_path / "second", **options).stages
    assert report.figures.failed == 0


def test_what_was_trained_further_says_what_it_is_now(base, tmp_path):
    run(base, ROWS, tmp_path / "first", template="stream-aligner", epochs=1)
    run(tmp_path / "first", WHOLE, tmp_path / "second", template="aligner", granularity="response", epochs=1)
    aligner = TransformersAligner(tmp_path / "second")
    assert (aligner.template.name, aligner.granularity) == ("aligner", "response")
    replies = [{"question": "Why?", "answer": "So."}]
    run(tmp_path / "first", replies, tmp_path / "third", template="reply", epochs=1)
    assert KEY not in json.loads((tmp_path / "third" / "config.json").read_text())
