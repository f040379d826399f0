"""What the bundled pair is trained on: whole prompts as served, and nothing wrong among what is learned."""

from itertools import islice, pairwise

import pytest

from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED, RevisionForm
from stream_aligner_lc.local.verdicts import Judgement, VerdictForm
from stream_aligner_lc.prompts import TEMPLATES
from stream_aligner_lc.sums.problems import answer_of
from stream_aligner_lc.sums.rows import aligner_rows, upstream_rows
from stream_aligner_lc.sums.tokenizer import END, make_tokenizer


@pytest.fixture(scope="module")
def encoder():
    return Encoder(make_tokenizer())


@pytest.fixture(scope="module")
def form(encoder):
    return RevisionForm(encoder, TEMPLATES["stream-aligner"])


@pytest.fixture(scope="module")
def judging(encoder):
    return VerdictForm(encoder, TEMPLATES["verdict"])


def learned(encoder, row):
    """The texts of the runs of learned tokens."""
    runs, ids = [], []
    for label in [*row.labels, NOT_LEARNED]:
        if label != NOT_LEARNED:
            ids.append(label)
        elif ids:
            runs, ids = [*runs, encoder.tokenizer.decode(ids)], []
    return runs


def whole(encoder, row):
    return encoder.tokenizer.decode(row.ids)


def is_right(sentence):
    left, _, right = sentence.strip().rstrip(".").partition(" = ")
    return eval(left) == int(right)


def test_labels_are_the_tokens_themselves(encoder, form):
    for row in [*islice(upstream_rows(encoder, seed=0), 50), *islice(aligner_rows(form, seed=0), 50)]:
        assert all(label in (NOT_LEARNED, token) for token, label in zip(row.ids, row.labels, strict=True))


def test_the_upstream_is_asked_as_it_will_be_served(encoder):
    for row in islice(upstream_rows(encoder, seed=1), 50):
        question, _, answer = whole(encoder, row).partition("<|end|><|assistant|>")
        assert question.startswith("<|user|>")
        assert answer.endswith(END)


def test_the_upstream_does_not_learn_the_results_that_were_corrected_for_it(encoder):
    skipped = 0
    for row in islice(upstream_rows(encoder, seed=2), 300):
        said = whole(encoder, row).partition("<|assistant|>")[2].removesuffix(END)
        shown = "".join(learned(encoder, row)).removesuffix(END)
        skipped += said != shown
        assert answer_of(said) is not None
    assert 20 < skipped < 150


def test_the_aligner_learns_a_step_that_follows_from_the_prefix(encoder, form):
    kinds = {"copied": 0, "corrected": 0}
    for row in islice(aligner_rows(form, seed=3), 500):
        prompt, _, answer = whole(encoder, row).partition("<|end|><|assistant|>")
        draft = prompt.partition("##Answer_Last_Sentence: ")[2].partition(" | ##")[0]
        prefix = prompt.partition("##Answer_Prefix: ")[2].partition(" | ##")[0]
        answer = answer.removesuffix(END)
        assert learned(encoder, row)[-1] == answer + END
        if answer.startswith("The answer is"):
            assert answer_of(answer) == int(prefix.rstrip(".").rpartition("= ")[2])
        else:
            assert is_right(answer)
        kinds["copied" if draft == answer else "corrected"] += 1
    assert 150 < kinds["copied"] < 300, kinds


def test_the_aligner_learns_the_right_steps_of_its_prefix_too(encoder, form):
    steps = [
        sentence
        for row in islice(aligner_rows(form, seed=4), 300)
        for run in learned(encoder, row)[:-1]
        for sentence in run.split(". ")
        if sentence.rstrip(". ")[-1:].isdigit()
    ]
    assert len(steps) > 200
    assert all(map(is_right, steps))


def test_some_problems_come_after_others_of_the_same_conversation(encoder, form):
    rows = [*islice(upstream_rows(encoder, seed=5, earlier=0.5), 100)]
    told = [whole(encoder, row).count("How many") for row in rows]
    assert {1, 2, 3} == set(told)
    for row in islice(aligner_rows(form, seed=5, earlier=1.0), 50):
        prompt = whole(encoder, row)
        assert prompt.startswith("<|user|>##Question: User: ")
        assert "\n\nAssistant: " in prompt
        # What was said to the earlier problem is not learned, even where it reads the same.
        first = next(at for at, label in enumerate(row.labels) if label != NOT_LEARNED)
        assert first > len(encoder.tokenizer(prompt.partition("##Answer_Prefix")[0])["input_ids"]) - 2


class Judged:
    """A row of the verdict template, taken apart: the sentences of its reply and what is learned after each."""

    def __init__(self, form, row):
        decode = form.encoder.tokenizer.decode
        start = row.ids.index(form.encoder.tokenizer.convert_tokens_to_ids("<|assistant|>")) + 1
        mark = row.ids.index(form.encoder.end_of_answer, start)
        points = [at for at in range(start, mark) if decode(row.ids[at : at + 1]) == "."]
        self.spans = [slice(*span) for span in pairwise([start, *(at + 1 for at in points)])]
        self.sentences = [decode(row.ids[span]).strip() for span in self.spans]
        # The label of what stands after a sentence.
        self.judgements = [form.judgement(row.labels[span.stop]) for span in self.spans]
        self.correction = decode(row.ids[mark + 1 :]).removesuffix(END)
        # The first token of a later sentence stands where the verdict of the one before is learned.
        texts = [slice(span.start + (number > 0), span.stop) for number, span in enumerate(self.spans)]
        self.learned = [drop(row.labels[span]) == row.ids[span] for span in texts]
        first = row.ids[self.spans[-1].start : texts[-1].start]
        begun = drop(row.labels[texts[-1]])
        self.begun = decode([*first, *begun]).strip() if begun else ""
        self.others = [row.labels[:start], row.labels[mark + 1 :], row.ids[mark + 1 :]]


def drop(labels):
    return [label for label in labels if label != NOT_LEARNED]


@pytest.fixture(scope="module")
def judged(judging):
    return [Judged(judging, row) for row in islice(aligner_rows(judging, seed=3), 500)]


def test_after_every_sentence_the_aligner_learns_whether_it_stands(judged):
    wrong = 0
    for each in judged:
        *before, last = each.judgements
        for sentence, judgement in zip(each.sentences, before, strict=False):
            assert judgement == Judgement(replaces=not is_right(sentence), end=False)
            wrong += judgement.replaces
        right = each.correction if last.replaces else each.sentences[-1]
        assert (each.correction != "") == last.replaces
        assert right != each.sentences[-1] or not last.replaces
        assert last.end == right.startswith("The answer is")
        if last.end and before:
            assert answer_of(right) == int(each.sentences[-2].rstrip(".").rpartition("= ")[2])
        elif not last.end:
            assert is_right(right)
    kinds = [each.judgements[-1] for each in judged]
    assert 20 < wrong < 100
    assert all(kinds.count(Judgement(replaces, end)) > 20 for replaces in (False, True) for end in (False, True))


def test_of_a_row_with_verdicts_a_correction_is_learned_whole_and_a_question_not_at_all(judged):
    for each in judged:
        question, labels, ids = each.others
        assert set(question) == {NOT_LEARNED}
        assert labels == ids


def test_a_sentence_is_learned_if_it_stands_and_else_as_far_as_the_right_one_begins_as_it_does(judged):
    for each in judged:
        assert each.learned == [not judgement.replaces for judgement in each.judgements]
        if each.judgements[-1].replaces:
            assert each.correction.startswith(each.begun)


@pytest.mark.parametrize("template", ["stream-aligner", "verdict"])
def test_a_seed_draws_the_same_rows(template, form, judging):
    made = {"stream-aligner": form, "verdict": judging}[template]
    assert list(islice(aligner_rows(made, seed=9), 20)) == list(islice(aligner_rows(made, seed=9), 20))
    assert list(islice(aligner_rows(made, seed=9), 20)) != list(islice(aligner_rows(made, seed=10), 20))


def test_every_digit_is_a_token_of_its_own_and_any_text_survives():
    tokenizer = make_tokenizer()
    assert tokenizer.tokenize("1234") == ["1", "2", "3", "4"]
    for text in ("14 + 27 = 41.", "naïve café, 東京 🙂", "##Question: | x\n\ty  z"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert make_tokenizer().get_vocab() == tokenizer.get_vocab()
