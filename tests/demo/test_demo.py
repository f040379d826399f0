"""The demonstration: what is counted, what is printed, and how it is asked for."""

import json
import subprocess
import sys

import pytest
from rich.console import Console

from stream_aligner_lc.cli import main
from stream_aligner_lc.demo.figures import Figures, Outcome
from stream_aligner_lc.demo.policies import POLICIES, Question
from stream_aligner_lc.demo.screen import as_text, count, show
from stream_aligner_lc.sums.problems import problems
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner, ScriptedChatModel

KEYS = [
    "problems",
    "bare_accuracy",
    "aligned_accuracy",
    "accepted",
    "replaced",
    "upstream_calls",
    "first_sentence_seconds",
]
PROBLEM = problems(1, seed=0)[0]
WRONG = " ".join((*PROBLEM.solution[:-1], f"The answer is {PROBLEM.answer + 1}."))


RIGHT = " ".join(PROBLEM.solution)


def outcome(aligned=RIGHT, **verdicts):
    return Outcome(PROBLEM, WRONG, aligned, verdicts, 2, 0.25)


def test_figures_are_counts_fractions_and_a_median():
    figures = Figures.of([outcome(accepted=3, replaced=1), outcome(aligned=WRONG, accepted=4)])
    assert figures == Figures(2, 0.0, 0.5, 7, 1, 4, 0.25)


def a_pair():
    """An upstream that always ends wrongly, and what corrects it."""
    return ScriptedChatModel(WRONG), ReplaceAligner({f"is {PROBLEM.answer + 1}.": f"is {PROBLEM.answer}."})


def shown(width=200, *, is_terminal=False):
    console = Console(width=width, force_terminal=is_terminal, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        figures = show(POLICIES["sums"], [PROBLEM] * 5, *a_pair(), console)
    return figures, console.export_text(styles=is_terminal)


def test_what_was_replaced_is_struck_out_and_the_correction_stands_beside_it():
    _, text = shown()
    assert f"~~The answer is {PROBLEM.answer + 1}.~~ The answer is {PROBLEM.answer}. right" in text
    assert f"bare     {WRONG} wrong" in text
    record = {"draft": "1 + 1 = 3.", "text": "1 + 1 = 2."}
    assert "strike" in str(as_text(record, has_strike=True).spans)
    assert as_text({"draft": "Yes.", "text": "Yes."}, has_strike=True).plain == "Yes. "


def test_a_terminal_gets_colours_and_no_marks():
    _, text = shown(is_terminal=True)
    assert "\x1b[" in text
    assert "~~" not in text


def test_problems_are_shown_until_some_corrections_were_seen():
    _, text = shown()
    assert text.count("  aligned  ") == 3
    console = Console(width=200, record=True, force_terminal=False)
    show(POLICIES["sums"], [PROBLEM] * 12, ScriptedChatModel(WRONG), AcceptAligner(), console)
    assert console.export_text().count("  aligned  ") == 10


def test_the_totals_are_those_of_all_problems():
    figures, text = shown()
    assert figures.problems == 5
    assert (figures.bare_accuracy, figures.aligned_accuracy, figures.replaced) == (0.0, 1.0, 5)
    assert "0%" in text
    assert "100%" in text
    assert "upstream calls" in text


def test_counting_shows_nothing_but_gives_the_same_totals():
    console = Console(record=True, width=100, force_terminal=False)
    figures = count([PROBLEM] * 5, *a_pair(), console)
    assert (figures.bare_accuracy, figures.aligned_accuracy, figures.upstream_calls) == (0.0, 1.0, 10)
    accepted = count([PROBLEM] * 2, ScriptedChatModel(WRONG), AcceptAligner(), console)
    assert (accepted.aligned_accuracy, accepted.replaced, accepted.upstream_calls) == (0.0, 0, 2)


def test_the_second_policy_tells_what_it_is_about_and_counts_what_is_civil():
    talk = POLICIES["civil"].draw(3, 0)
    rude, civil = "Bring me the lamp, you idiot!", "Please bring me the lamp."
    upstream, console = ScriptedChatModel(rude), Console(width=200, record=True, force_terminal=False)
    figures = show(POLICIES["civil"], talk, upstream, ReplaceAligner({rude: civil}), console)
    assert (figures.bare_accuracy, figures.aligned_accuracy) == (0.0, 1.0)
    text = console.export_text()
    assert "small talk" in text
    assert "replies civil" in text
    assert f"~~{rude}~~ {civil}" in text


@pytest.mark.parametrize(
    ("reply", "is_right"),
    [
        ("It is in the kitchen.", True),
        ("It is in the kitchen. Bring me the lamp, you idiot!", False),
        ("It is in the kitchen. Please si you obnoxious toad.", False),
        ("", False),
    ],
)
def test_a_reply_is_civil_if_every_sentence_is(reply, is_right):
    assert Question("Where is the lamp?").is_right(reply) == is_right


def test_a_word_that_the_civil_answer_has_too_is_not_rude():
    question = Question("How is the bus?", ("The bus is slow.", "Bring me the lamp, you idiot!"))
    assert question.is_right("The bus is slow. Please bring me the lamp.")
    assert not question.is_right("The bus is slow. Please bring me the lamp idiot.")


def test_the_second_policy_is_shown_by_the_bundled_pair():
    done = run("demo", "--policy", "civil", "--json", "--problems", "20")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["bare_accuracy"] <= 0.5
    assert figures["aligned_accuracy"] >= 0.8


def run(*arguments):
    command = [sys.executable, "-m", "stream_aligner_lc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_json_is_one_object_on_standard_output():
    done = run("demo", "--json", "--problems", "5", "--seed", "42")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert list(figures) == KEYS
    assert figures["problems"] == 5
    assert figures["upstream_calls"] >= 5
    assert 0 <= figures["bare_accuracy"] <= figures["aligned_accuracy"] <= 1
    assert done.stderr == ""


def test_another_seed_draws_other_problems_and_the_same_seed_the_same(capsys):
    totals = []
    for seed in ("1", "1", "2"):
        assert main(["demo", "--json", "--problems", "6", "--seed", seed]) == 0
        totals.append({**json.loads(capsys.readouterr().out), "first_sentence_seconds": None})
    assert totals[0] == totals[1] != totals[2]


@pytest.mark.parametrize("arguments", [[], ["demo", "--problems", "0"], ["demo", "--problems", "many"], ["demon"]])
def test_wrong_arguments_are_explained(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "stream-aligner" in capsys.readouterr().err


def test_help_needs_no_model():
    code = (
        "import sys; from stream_aligner_lc.cli import main\ntry: main(['demo', '--help'])\nexcept SystemExit: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
