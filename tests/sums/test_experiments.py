"""The experiments: what they are made of, the loop that they emulate, and the page that comes out."""

import importlib
import json
import random
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage

from stream_aligner_lc.aligners import AcceptAligner
from stream_aligner_lc.sums.problems import draw
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel

FOLDER = Path(__file__).parents[2] / "examples" / "sums"
DOCS = Path(__file__).parents[2] / "docs" / "experiments"


@pytest.fixture(scope="module", autouse=True)
def _beside_the_script():
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


def part(name):
    return importlib.import_module(f"studied.{name}")


def test_every_way_of_answering_uses_an_aligner_that_is_trained_and_is_shown_somewhere():
    plans, page, findings = part("plans"), part("page"), part("findings")
    assert {way.aligner for way in plans.WAYS.values()} - {None} == set(plans.ARMS)
    shown = {way for labels in page.LABELS.values() for _, way in labels}
    merged = {way for ways in findings.MERGED.values() for way in ways}
    assert set(plans.WAYS) <= shown | merged
    assert shown <= set(plans.WAYS) | set(findings.MERGED)


def test_a_whole_reply_goes_on_from_what_its_wrong_steps_say(monkeypatch):
    rows, rng = part("rows"), random.Random(3)
    # Other errors may be about the number that a step begins with.
    monkeypatch.setattr(rows, "NOISE", 0.0)
    replies = [(problem, rows.slipping(rng, problem)) for problem in (draw(rng) for _ in range(200))]
    said = [(problem, reply) for problem, reply in replies if reply is not None]
    wrong = [(problem, reply) for problem, reply in said if reply != " ".join(problem.solution)]
    assert 0.4 < len(wrong) / len(said) < 0.9
    for _, reply in said:
        steps = re.findall(r"(\d+) [-+*] \d+ = (\d+)\.", reply)
        assert all(before[1] == after[0] for before, after in pairwise(steps))
        assert reply.endswith(f"The answer is {steps[-1][1]}.")


def test_rows_of_replies_are_corrected_to_the_solution():
    row = next(part("rows").reply_rows(seed=0))
    assert row["correction"].endswith(".")
    assert "The answer is" in row["correction"]
    assert (row["prefix"], row["end"]) == ("", True)


def test_the_published_loop_has_the_rest_written_anew_for_every_sentence():
    upstream = ScriptedChatModel("One. Two. Three.")
    said = part("published").reply(upstream, AcceptAligner(), "Count.")
    assert (said.text, said.calls) == ("One. Two. Three.", 4)
    assert [prompt[-1] for prompt in upstream.prompts][1:] == [
        AIMessage("One."),
        AIMessage("One. Two."),
        AIMessage("One. Two. Three."),
    ]


def test_the_published_loop_goes_on_from_corrections():
    upstream = ScriptedChatModel("Bad one. Two.")
    said = part("published").reply(upstream, ReplaceAligner({"Bad one.": "Good one."}), "Count.")
    assert said.text == "Good one. Two."
    assert upstream.prompts[1][-1] == AIMessage("Good one.")


def test_the_published_loop_ends_after_sixteen_rounds():
    upstream = ScriptedChatModel(["Again. And again."] * 40)
    assert part("published").reply(upstream, AcceptAligner(), "Go on.").calls == 16


def test_figures_are_of_all_seeds_and_problems_are_what_is_drawn_anew():
    findings = part("findings")
    one = [{"right": True, "written": 20, "shown": 10}, {"right": False, "written": 10, "shown": 10}]
    other = [{"right": True, "written": 10, "shown": 10}, {"right": True, "written": 10, "shown": 10}]
    figures = findings.answered([one, other])
    assert findings.rights([one, other]) == [1.0, 0.5]
    assert (figures["right"]["value"], figures["right"]["size"]) == (0.75, 2)
    assert figures["by set"] == [0.5, 1.0]
    assert figures["waste"]["value"] == 1.25


def test_a_name_that_the_page_does_not_know_is_refused():
    with pytest.raises(KeyError):
        part("page").filled("{{right nonsense}}", {"answers": {}})


def results():
    return json.loads((DOCS / "results.json").read_text(encoding="utf-8"))


def test_the_page_is_that_of_the_figures_beside_it(tmp_path):
    part("page").write(results(), tmp_path)
    for file in tmp_path.glob("*.*"):
        if file.suffix != ".svg":
            assert file.read_text(encoding="utf-8") == (DOCS / file.name).read_text(encoding="utf-8"), file.name
    assert {file.name for file in tmp_path.glob("*.svg")} == {file.name for file in DOCS.glob("*.svg")}


def test_every_experiment_says_what_was_found():
    page = (DOCS / "README.md").read_text(encoding="utf-8")
    assert "NOTE" not in page
    assert "{{" not in page
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [section[0] for section in sections] == list("abcdefg")
    assert all("**Claim**" in section and "**Found**" in section for section in sections)


def test_the_figures_are_of_as_many_problems_and_seeds_as_they_should_be():
    about, answers = results()["about"], results()["answers"]
    assert about["problems"] >= 500
    assert all(each["right"]["size"] == about["problems"] for each in answers.values())
    few = {name for name, each in answers.items() if len(each["by set"]) < len(about["seeds"])}
    assert {name.partition("-")[0] for name in few} <= {"shown", "brief", "long", "strange"}
    assert all(model["minutes"] <= 10 for model in results()["models"].values())
