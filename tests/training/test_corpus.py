"""What is read, what is held out, and what is copied first: decided by the rows themselves, the same every time."""

import json
import random
from types import SimpleNamespace

import pytest

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.forms import NOT_LEARNED
from stream_aligner_lc.rows.entry import Entry, RowError
from stream_aligner_lc.training.corpus import Faults, read_corpus
from stream_aligner_lc.training.order import arranged, plan
from stream_aligner_lc.training.samples import Reply, Sample, reply, sample, split
from stream_aligner_lc.training.settings import Settings
from stream_aligner_lc.training.stages import stages_of
from tests.local.small_models import tokenizer
from tests.training.small_runs import ROWS, many_rows, write_rows

ROW = ROWS[0]


def corpus_of(rows, tmp_path, *, name="rows.jsonl", **options):
    file = rows if isinstance(rows, str) else write_rows(tmp_path / name, rows)
    faults = Faults()
    settings = Settings(model="m", rows=[file], out="o", **options)
    return read_corpus(settings, faults, shows=False), faults


def questions(samples):
    return {each.question for each in samples}


def stages(corpus, *, limit=1024, **options):
    settings = Settings(model="m", rows=["r.jsonl"], out="o", **options)
    return stages_of(settings, corpus, tokenizer(), limit, Faults())


def test_no_question_stands_on_both_sides(tmp_path):
    rows = [row for number in range(300) for row in many_rows(2, question=f"What is {number}?")]
    corpus, faults = corpus_of(rows, tmp_path, held_out_share=0.2)
    assert not questions(corpus.trained) & questions(corpus.held_out)
    assert len(corpus.trained) + len(corpus.held_out) == 600
    assert 80 < len(corpus.held_out) < 160
    assert faults.count == 0


def test_what_is_held_out_depends_on_the_question_alone(tmp_path):
    rows = many_rows(300)
    held_out = questions(corpus_of(rows, tmp_path)[0].held_out)
    random.Random(1).shuffle(rows)
    assert questions(corpus_of(rows, tmp_path)[0].held_out) == held_out
    more = [*many_rows(200, question="How many are {}?"), *rows]
    held_out_of_more = questions(corpus_of(more, tmp_path)[0].held_out)
    assert held_out == {question for question in held_out_of_more if question.startswith("What")}
    assert questions(corpus_of(rows, tmp_path, seed=1)[0].held_out) != held_out


def test_about_the_share_is_held_out_that_was_asked_for():
    samples = [Sample(f"What is {number}?", "", "a", "b", False, "") for number in range(5000)]
    for share in (0.0, 0.02, 0.5, 1.0):
        assert abs(len(split(samples, share, seed=42)[1]) / 5000 - share) < 0.01


def test_a_file_of_its_own_is_what_is_held_out_and_its_questions_are_not_trained_on(tmp_path):
    held_out = write_rows(tmp_path / "held_out.jsonl", many_rows(3))
    corpus, _ = corpus_of(many_rows(10), tmp_path, held_out=held_out, held_out_share=0.5)
    assert questions(corpus.held_out) == {f"What is {number}?" for number in range(3)}
    assert questions(corpus.trained) == {f"What is {number}?" for number in range(3, 10)}


def test_everything_held_out_is_an_error_that_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothing to train on in .*rows.jsonl: 0 rows .* and 10 are held out"):
        corpus_of(many_rows(10), tmp_path, held_out_share=1.0)


def test_a_fifth_of_the_rows_is_copied_first(tmp_path):
    corpus, _ = corpus_of(many_rows(50), tmp_path, held_out_share=0.0)
    copy, main = stages(corpus)
    assert (copy.name, main.name) == ("copy", "correct")
    assert (len(copy.rows), len(main.rows), copy.held_out) == (10, 50, ())
    assert stages(corpus)[0].rows == copy.rows
    assert stages(corpus, seed=1)[0].rows != copy.rows
    assert len(stages(corpus, copy_share=0.5)[0].rows) == 25
    assert [stage.name for stage in stages(corpus, copy_share=0.0)] == ["correct"]


def test_no_verdict_is_learned_from_what_is_copied(tmp_path):
    corpus, _ = corpus_of(many_rows(50), tmp_path, held_out_share=0.0)
    ours = tokenizer()
    said = {f"So it is {number}.<|end|>" for number in range(50)}
    for row in stages(corpus)[0].rows:
        learned = [label for label in row.labels if label != NOT_LEARNED]
        assert ours.decode(learned) in said


def test_rows_that_do_not_fit_are_counted_once_and_are_neither_trained_on_nor_counted_as_trained(tmp_path):
    long = {**ROW, "question": "Why? " * 300}
    corpus, faults = corpus_of([*many_rows(4), long], tmp_path, held_out_share=0.0)
    settings = Settings(model="m", rows=["r.jsonl"], out="o")
    made = stages_of(settings, corpus, tokenizer(), 200, faults)
    assert len(made[-1].rows) == 4
    assert faults.count == 1
    assert str(faults.first[0]).startswith("rows.jsonl, line 5, field 'question': the row has ")
    report = corpus.report(settings, faults)
    assert (report.trained, report.skipped, report.changed) == (4, 1, 2)


def test_nothing_that_fits_is_an_error_before_anything_is_trained(tmp_path):
    corpus, faults = corpus_of(many_rows(4), tmp_path, held_out_share=0.0)
    with pytest.raises(
        ConfigurationError, match=r"4 rows cannot be used.*The first fault: rows.jsonl, line 1.*has \d+"
    ):
        stages_of(Settings(model="m", rows=["r.jsonl"], out="o"), corpus, tokenizer(), 5, faults)


BAD = {
    "no last": ({"question": "Why?", "prefix": "", "correction": "So."}, "field 'last': there is no such field"),
    "a number": ({**ROW, "last": 7}, "field 'last': must be a text, got 7"),
    "a blank sentence": ({**ROW, "last": " \n"}, "field 'last': must not be empty"),
    "no question": ({**ROW, "question": ""}, "field 'question': must not be empty"),
    "a correction that runs on": (
        {**ROW, "correction": "x" * 50_000}, "field 'correction': would not be taken as a correction: it has 50000 "
    ),
    "half a character": ({**ROW, "prefix": "\ud83d"}, "field 'prefix': holds half of a surrogate pair"),
    "an end that is none": ({**ROW, "end": "perhaps"}, "field 'end': must be true or false, got 'perhaps'"),
    "an end that is a number": ({**ROW, "end": 2}, "field 'end': must be true or false, got 2"),
    "an id that was there": ({**ROW, "id": "a"}, "field 'id': 'a' stands at rows.jsonl, line 1 already"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_row_that_cannot_be_used_is_counted_and_told_with_file_line_and_field(what, tmp_path):
    bad, said = BAD[what]
    corpus, faults = corpus_of([{**ROW, "id": "a"}, bad, ROW], tmp_path, held_out_share=0.0)
    assert (len(corpus.trained), faults.count) == (2, 1)
    assert faults.first[0].place == "rows.jsonl, line 2"
    with pytest.raises(AssertionError, match=f"rows.jsonl, line 2, {said}"):
        raise AssertionError(str(faults.first[0]))


def test_rows_of_a_reply_share_an_id(tmp_path):
    rows = [{**ROW, "id": "a", "index": number} for number in (0, 1, 1)]
    corpus, faults = corpus_of(rows, tmp_path, held_out_share=0.0)
    assert (len(corpus.trained), faults.count) == (2, 1)


def test_lines_that_are_no_utf8_are_counted(tmp_path):
    file = tmp_path / "rows.jsonl"
    good = json.dumps(ROW).encode()
    file.write_bytes(good + b'\n{"question": "\xff"}\n' + good + b"\n{\n")
    corpus, faults = corpus_of(str(file), tmp_path, held_out_share=0.0)
    assert (len(corpus.trained), faults.count) == (2, 2)
    assert "line 2" in str(faults.first[0])
    assert "UTF-8" in str(faults.first[0])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{\n"])
def test_a_file_without_a_row_is_an_error(content, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"There is nothing to read in '.*rows.jsonl'"):
        corpus_of(str(file), tmp_path)


def test_whole_answers_have_no_prefix(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"2 rows cannot.*line 1, field 'prefix': must be empty: a whole answer"
    ):
        corpus_of([ROW, ROW], tmp_path, granularity="response")


def test_a_table_says_in_words_where_a_reply_ends(tmp_path):
    file = tmp_path / "rows.csv"
    lines = [f"Why {number}?,,It is.,It was.,{end}" for number, end in enumerate(["True", "false", "", "TRUE", "7"])]
    file.write_text("\n".join(["question,prefix,last,correction,end", *lines]))
    corpus, faults = corpus_of(str(file), tmp_path, held_out_share=0.0)
    assert [each.end for each in corpus.trained] == [True, False, False, True]
    assert str(faults.first[0]).startswith("rows.csv, line 6, field 'end'")


def test_another_name_of_the_file_is_the_same_data_and_another_row_is_not(tmp_path):
    first = corpus_of(many_rows(5), tmp_path)[0].digest
    assert corpus_of(many_rows(5), tmp_path, name="other.jsonl")[0].digest == first
    assert corpus_of(many_rows(6), tmp_path)[0].digest != first
    assert corpus_of(many_rows(5)[::-1], tmp_path)[0].digest != first
    assert corpus_of(many_rows(5), tmp_path, held_out=write_rows(tmp_path / "h.jsonl", [ROW]))[0].digest != first


def test_a_sample_is_what_the_loop_will_ask_about():
    raw = {**ROW, "prefix": " We add.\n\n", "last": " So 8. ", "correction": "\nSo 7.", "end": None}
    assert sample(Entry(raw, "here")) == Sample(ROW["question"], " We add.", "So 8.", "So 7.", False, "here")
    assert sample(Entry({**raw, "correction": ""}, "here")).correction == ""


USER, SAID = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": " So. "}
TAKEN = {
    "a question": {"question": "Why?", "answer": "So."},
    "messages and an answer": {"messages": [USER], "answer": "So."},
    "messages to the end": {"messages": [USER, SAID]},
    "a preference": {"prompt": "Why?", "chosen": "So.", "rejected": "No."},
    "a preference in messages": {"prompt": [USER], "chosen": [SAID], "rejected": [SAID]},
}


@pytest.mark.parametrize("what", TAKEN)
def test_a_reply_is_taken_from_every_known_shape(what):
    assert reply(Entry(TAKEN[what], "here")) == Reply((("user", "Why?"),), "", "So.", "here")


def test_a_reply_goes_on_from_its_prefix():
    made = reply(Entry({"question": "Why?", "prefix": "Well.\n", "answer": " So."}, "here"))
    assert (made.prefix, made.text) == ("Well.", "So.")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"question": "Why?"}, "field 'answer': there is no such field"),
        ({"messages": [USER]}, "field 'answer': there is no such field"),
        ({"messages": [SAID], "answer": "So."}, "field 'messages': must end with a user's message"),
        ({"messages": [SAID]}, "field 'messages': must end with a user's message"),
        ({"messages": []}, "field 'messages': must be a list of messages"),
        ({"messages": "Why?"}, "field 'messages': must be a list of messages"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "field 'messages': must hold objects whose `role`"),
        ({"messages": [{"role": "user", "content": None}, SAID]}, "field 'messages': must be a text"),
        ({"prompt": "Why?", "chosen": []}, "field 'chosen': must be a text"),
        ({"prompt": [USER, SAID], "chosen": "So."}, "field 'messages': must end with a user's message"),
        ({"question": "Why?", "answer": ""}, "field 'answer': must not be empty"),
    ],
)
def test_a_reply_that_cannot_be_used_names_its_field(fields, said):
    with pytest.raises(RowError, match=said):
        reply(Entry(fields, "x.jsonl, line 1"))


def test_every_row_comes_once_an_epoch_and_full_batches_are_of_about_one_length():
    lengths = [random.Random(number).randint(1, 500) for number in range(1003)]
    order = arranged(lengths, batch=4, epochs=2.5, seed=42)
    assert len(order) == round(1003 * 2.5)
    assert sorted(order[:1003]) == sorted(order[1003:2006]) == list(range(1003))
    assert len(set(order[2006:])) == len(order[2006:])
    assert order == arranged(lengths, batch=4, epochs=2.5, seed=42)
    assert order != arranged(lengths, batch=4, epochs=2.5, seed=43)
    padding = [max(group) * 4 - sum(group) for group in batches(lengths, order[:1000])]
    shuffled = random.Random(0).sample(range(1003), 1000)
    assert sum(padding) < sum(max(group) * 4 - sum(group) for group in batches(lengths, shuffled)) / 5


def batches(lengths, order):
    return [[lengths[number] for number in order[at : at + 4]] for at in range(0, len(order), 4)]


def test_the_steps_follow_from_the_rows():
    assert plan(100, global_batch=8, warm_up=0.03, every=None) == (13, 1, 1)
    assert plan(1000, global_batch=8, warm_up=0.1, every=None) == (125, 13, 12)
    assert plan(1, global_batch=64, warm_up=0.0, every=None) == (1, 0, 1)
    assert plan(100, global_batch=8, warm_up=0.0, every=5).every == 5


def test_a_fault_beyond_the_first_ones_is_counted_alone():
    faults = Faults()
    for number in range(9):
        faults(SimpleNamespace(place=f"line {number}"))
    assert (faults.count, len(faults.first), len(faults.places)) == (9, 5, 9)
