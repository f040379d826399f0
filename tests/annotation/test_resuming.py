"""The same command again: what is kept, what is asked a second time, and what is refused."""

import errno
import shutil

import pytest

from stream_aligner_lc import ChatTransformers, ConfigurationError
from stream_aligner_lc.rows.writing import WriteError
from stream_aligner_lc.sums import pair
from tests.annotation.doubles import QUESTIONS, REPLIES, Editor, StatusError, Upstream, asked, fill_disk


def test_what_was_spent_before_counts_in_the_totals(place):
    place.ask(*QUESTIONS)
    whole = place.annotate(Upstream(REPLIES), concurrency=1)
    place.out.unlink()
    place.annotate(Upstream(REPLIES), Editor({"About Question 11?": StatusError(500)}), concurrency=1)
    resumed = place.annotate(Upstream(REPLIES), concurrency=1)
    assert (resumed.rows, resumed.verdicts, resumed.done) == (whole.rows, whole.verdicts, whole.done)
    assert resumed.teacher == whole.teacher
    assert resumed.upstream.output >= whole.upstream.output


def test_two_local_models_of_one_name_are_not_taken_for_the_same(place):
    away = [True]

    def teacher(draft):
        if away and "Add 4" in draft.question:
            raise StatusError(500)
        return draft.text

    models = []
    for name in ("one", "two"):
        shutil.copytree(pair.UPSTREAM, place.folder / name / "model")
        models.append(ChatTransformers(str(place.folder / name / "model"), device="cpu", temperature=0))
    place.ask("Start with 12. Add 30.", "Start with 3. Add 4.")
    assert place.annotate(models[0], teacher).done == 1
    with pytest.raises(ConfigurationError, match=r"upstream was .*one/model.* and is .*two/model"):
        place.annotate(models[1], teacher)
    away.clear()
    assert place.annotate(models[0], teacher).written


def test_only_the_first_prompts_are_taken_and_more_may_follow_later(place, monkeypatch, undisturbed):
    upstream = Upstream({**REPLIES, "Question 1?": StatusError(500)})
    summary = place.annotate(upstream, limit=3)
    assert (summary.prompts, summary.done) == (3, 2)
    again = Upstream(REPLIES)
    assert place.annotate(again).written
    assert asked(again) == set(QUESTIONS) - {"Question 0?", "Question 2?"}
    assert place.out.read_bytes() == undisturbed


def interrupted(place, **options):
    """Leave a journal behind in which all but one prompt are finished."""
    place.ask(*QUESTIONS)
    assert not place.annotate(Upstream({**REPLIES, "Question 5?": StatusError(500)}), **options).written


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "Something else."}, "policy was"),
        ({"upstream": Upstream(REPLIES, model_name="other")}, "upstream was .*'upstream'.* and is .*'other'"),
        ({"teacher": Editor({}, model_name="other")}, "teacher was"),
        ({"granularity": "paragraph"}, "granularity was 'sentence' and is 'paragraph'"),
        ({"max_sentences": 3}, "max_sentences was None and is 3"),
        ({"temperature": 0.5}, "temperature was None and is 0.5"),
        ({"feedback": False}, "feedback was True and is False"),
        ({"skip": ()}, "skip was"),
    ],
)
def test_other_work_is_refused_with_what_differs_and_started_anew_if_told_to(place, options, said):
    interrupted(place)
    before = place.journal.read_bytes()
    with pytest.raises(ConfigurationError, match=f"{said}.*--restart"):
        place.annotate(**{"upstream": Upstream(REPLIES), **options})
    assert place.journal.read_bytes() == before
    anew = Upstream(REPLIES)
    assert place.annotate(**{"upstream": anew, **options}, restart=True).written
    assert asked(options.get("upstream", anew)) == set(QUESTIONS)


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_other_prompts_are_refused_and_what_is_finished_is_kept(place, change):
    interrupted(place)
    before = place.journal.read_bytes()
    if change == "gone":
        place.prompts.write_text("".join(place.prompts.read_text().splitlines(keepends=True)[1:]))
    else:
        place.prompts.write_text(place.prompts.read_text().replace("Question 0?", "Question zero?"))
    with pytest.raises(ConfigurationError, match=r"1 prompts that are gone or were changed.*'0'.*--restart"):
        place.annotate(Upstream(REPLIES))
    assert place.journal.read_bytes() == before


def test_what_does_not_show_in_the_rows_may_differ_when_work_goes_on(place, undisturbed):
    interrupted(place, concurrency=2, attempts=1)
    assert place.annotate(Upstream(REPLIES), concurrency=5, attempts=4, tries=2, upstream_retries=1).written
    assert place.out.read_bytes() == undisturbed


def test_a_journal_in_which_nothing_is_finished_keeps_nobody_from_other_work(place):
    place.ask("What?")
    assert not place.annotate(Upstream({"What?": StatusError(401)}, model_name="mistyped")).written
    assert place.annotate().written


def test_a_file_that_is_there_is_replaced_only_if_told_to(place):
    place.ask("What?")
    place.out.write_text("precious")
    upstream = Upstream({})
    with pytest.raises(ConfigurationError, match=r"rows\.jsonl.*--overwrite"):
        place.annotate(upstream)
    assert upstream.calls == []
    assert place.out.read_text() == "precious"
    assert not place.journal.exists()
    assert place.annotate(overwrite=True).written
    assert len(place.rows) == 2


def test_a_refused_restart_discards_nothing(place):
    interrupted(place)
    place.out.write_text("precious")
    before = place.journal.read_bytes()
    for restart in (True, False):
        with pytest.raises(ConfigurationError, match="--overwrite"):
            place.annotate(Upstream(REPLIES), restart=restart)
    assert place.journal.read_bytes() == before


def test_a_journal_that_is_torn_anywhere_leads_to_the_same_rows(place, undisturbed):
    interrupted(place)
    whole = place.journal.read_bytes()
    for size in range(0, len(whole), len(whole) // 12):
        place.journal.write_bytes(whole[:size])
        finished = max(whole[:size].count(b"\n") - 1, 0)
        again = Upstream(REPLIES)
        assert place.annotate(again).written
        assert place.out.read_bytes() == undisturbed
        assert len(asked(again)) >= len(QUESTIONS) - finished
        place.out.unlink()


def test_a_full_disk_keeps_what_is_finished(place, monkeypatch, undisturbed):
    fill_disk(monkeypatch, room=2500)
    with pytest.raises(WriteError, match=r"rows\.jsonl\.part.*No space.*same command"):
        place.annotate(Upstream(REPLIES), concurrency=2)
    monkeypatch.undo()
    assert place.journal.read_bytes().endswith(b"\n")
    finished = place.journal.read_bytes().count(b"\n") - 1
    assert 0 < finished < len(QUESTIONS)
    again = Upstream(REPLIES)
    assert place.annotate(again).written
    assert len(asked(again)) == len(QUESTIONS) - finished
    assert place.out.read_bytes() == undisturbed


def test_a_disk_that_is_full_at_the_very_end_keeps_all_rows(place, monkeypatch, undisturbed):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(WriteError, match=r"rows\.jsonl.*No space.*All rows are kept in .*rows\.jsonl\.part"):
        place.annotate(Upstream(REPLIES))
    monkeypatch.undo()
    assert {path.name for path in place.folder.iterdir()} == {"prompts.jsonl", "rows.jsonl.part"}
    again = Upstream(REPLIES)
    assert place.annotate(again).written
    assert again.calls == []
    assert place.out.read_bytes() == undisturbed
