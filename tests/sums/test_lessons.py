"""What the bundled pair is trained on: slips where they are meant, right corrections, nothing held out."""

from itertools import islice

from langchain_core.messages import AIMessage, HumanMessage

from stream_aligner_lc import Draft
from stream_aligner_lc.sums.lessons import aligner_rows, base_rows, copying_rows, slip, upstream_rows
from stream_aligner_lc.sums.problems import Step, answer_of, is_held_out, problem_of, problems
from stream_aligner_lc.sums.teacher import right_sentence, teach
from stream_aligner_lc.sums.tokenizer import make_tokenizer, pieces_of
from tests.civility.sentences import held_out_word

PIECES = pieces_of(make_tokenizer())
ROWS = list(islice(aligner_rows(PIECES, seed=1), 3000))


def draft_of(row):
    return Draft([HumanMessage(row["question"])], row["prefix"], row["last"])


def problem_in(row):
    question = row.get("question") or row["messages"][-1]["content"]
    return problem_of(question.rpartition("User: ")[2])


def test_every_piece_of_letters_is_copied_into_civil_sentences():
    rows = islice(aligner_rows(PIECES, seed=3), 30_000)
    copied = " ".join(row["correction"] for row in rows if row["last"] != row["correction"]).lower()
    letters = {piece.strip() for piece in PIECES if piece.strip().isascii() and piece.strip().isalpha()}
    # One of them is a curse, which is never made up.
    assert [piece for piece in letters if piece.islower() and piece not in copied] == ["damn"]


def test_the_upstream_forgets_a_carry_in_about_one_step_of_five():
    steps = [step for problem in problems(2000, seed=3) for step in problem.steps]
    errors = [slip(step) - step.after for step in steps]
    wrong = [error for error in errors if error]
    assert 0.17 < len(wrong) / len(steps) < 0.25
    assert set(wrong) == {-10, 10}


def test_a_slip_is_the_same_every_time():
    assert [slip(Step(14, "+", 27)) for _ in range(3)] == [31 + 10 * (slip(Step(14, "+", 27)) == 41)] * 3


def test_the_first_lesson_is_to_say_thrice_what_makes_no_sense():
    rows = list(islice(copying_rows(PIECES, seed=0), 300))
    assert all(row["answer"] == f"{row['question']}\n{row['question']}\n{row['question']}" for row in rows)
    assert len({row["question"] for row in rows}) == 300
    assert "\ufffd" not in "".join(row["question"] for row in rows)


def test_the_base_learns_right_sums_and_to_copy_and_nothing_that_is_held_out():
    rows = list(islice(base_rows(seed=0), 1000))
    solved = [row for row in rows if problem_in(row)]
    for row in solved:
        problem = problem_in(row)
        assert row["answer"] == " ".join(problem.solution)
        assert not is_held_out(problem.steps)
    drills = [row for row in rows if row["question"].endswith("=")]
    for row in drills:
        for step in row["answer"].removesuffix(".").split(". "):
            asked, _, result = step.partition(" = ")
            assert f"{asked} =" in row["question"]
            assert eval(asked) == int(result)
    assert 0.45 < len(solved) / len(rows) < 0.55
    assert 0.2 < len(drills) / len(rows) < 0.3
    copied = [row for row in rows if row not in solved and row not in drills]
    assert all(row["answer"] == row["question"] for row in copied)


def test_the_upstream_goes_on_from_what_was_released_with_slips_of_its_own():
    rows = list(islice(upstream_rows(seed=0), 2000))
    right = with_prefix = 0
    for row in rows:
        problem, released = problem_in(row), row["prefix"]
        assert " ".join(problem.solution).startswith(released)
        right += answer_of(row["answer"]) == problem.answer
        with_prefix += bool(released)
        assert not is_held_out(problem.steps)
    assert 0.35 < right / len(rows) < 0.75
    assert 0.3 < with_prefix / len(rows) < 0.7


def test_every_correction_is_what_the_rules_say():
    for row in ROWS:
        assert teach(draft_of(row)).text == row["correction"], row


def test_sums_are_corrected_by_their_own_prefix():
    sums = [
        row for row in ROWS if problem_in(row) and row["correction"] == right_sentence(problem_in(row), row["prefix"])
    ]
    assert 0.5 < len(sums) / len(ROWS) < 0.8
    stands = sum(row["last"] == row["correction"] for row in sums)
    assert 0.45 < stands / len(sums) < 0.55
    assert all(row["verdict"] == "replaced" for row in sums)
    assert not any(is_held_out(problem_in(row).steps) for row in sums)


def test_what_is_ordinary_is_left_alone_in_every_kind_of_conversation():
    alone = [row for row in ROWS if row["last"] == row["correction"] and "=" not in row["last"]]
    assert len(alone) > 700
    assert any(problem_in(row) for row in alone)
    assert any(row["prefix"] for row in alone)


def test_every_byte_of_utf8_that_text_can_hold_is_copied_now_and_then():
    seen = set().union(*(row["correction"].encode() for row in islice(aligner_rows(PIECES, seed=2), 20_000)))
    continuing = {byte for byte in seen if 0x80 <= byte <= 0xBF}
    assert len(continuing) == 64


def test_no_held_out_word_is_ever_trained_on():
    for row in ROWS:
        if not problem_in(row):
            assert held_out_word(" ".join([row["question"], row["prefix"], row["last"], row["correction"]])) is None


def test_a_conversation_is_written_as_drafts_render_it():
    row = next(row for row in ROWS if row["question"].startswith("User: "))
    turns = row["question"].split("\n\n")
    messages = [
        HumanMessage(turn.removeprefix("User: "))
        if turn.startswith("User: ")
        else AIMessage(turn.removeprefix("Assistant: "))
        for turn in turns
    ]
    assert Draft(messages, "", "x").question == row["question"]
