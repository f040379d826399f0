"""What is seen of what is held out: the loss, what the model does with it, and which weights are kept for it."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from stream_aligner_lc.aligners.base import Aligner
from stream_aligner_lc.corrections import Correction
from stream_aligner_lc.errors import AlignerError, ConfigurationError
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED
from stream_aligner_lc.local.verdicts import form_of
from stream_aligner_lc.prompts import template_named
from stream_aligner_lc.training import run as running
from stream_aligner_lc.training.callbacks import figures_in
from stream_aligner_lc.training.figures import Figures, chosen, figures_of
from stream_aligner_lc.training.samples import Sample
from stream_aligner_lc.training.working import WorkingFolder
from tests.local.small_models import tokenizer
from tests.training.small_runs import many_rows, run, write_rows
from tests.training.test_tokens import summed_loss

# Few rows, learned by heart at a high rate: what is held out is soon understood less and less.
OVERFIT = {"evaluate_every": 2, "epochs": 12, "rate": 1e-2, "copy_share": 0.0, "batch": 4}


@pytest.fixture
def overfit(tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", many_rows(8))
    others = [{**row, "correction": f"No, {row['last']}"} for row in many_rows(40)[8:]]
    return rows, {**OVERFIT, "held_out": write_rows(tmp_path / "held_out.jsonl", others)}


def without_result(trainer, base, **options):
    raise KeyboardInterrupt


def looks(part):
    newest = max((part / "correct").glob("checkpoint-*"), key=lambda each: int(each.name.rpartition("-")[2]))
    log = json.loads((newest / "trainer_state.json").read_text())["log_history"]
    return {entry["step"]: entry["eval_loss"] for entry in log if "eval_loss" in entry}


def test_the_weights_of_the_best_look_are_kept_even_by_a_run_that_goes_on_elsewhere(
    base, overfit, tmp_path, monkeypatch
):
    rows, options = overfit
    with monkeypatch.context() as patched:
        patched.setattr(running, "save", without_result)
        with pytest.raises(KeyboardInterrupt):
            run(base, rows, tmp_path / "cut", **options)
    part = WorkingFolder(tmp_path / "cut").folder
    losses = looks(part)
    best = min(losses, key=losses.get)
    assert best < max(losses)
    assert losses[max(losses)] > losses[best] + 0.1
    wanted = (part / "correct" / f"checkpoint-{best}" / "model.safetensors").read_bytes()
    shutil.move(part, WorkingFolder(tmp_path / "moved").folder)
    for name in ("moved", "undisturbed"):
        outcome = run(base, rows, tmp_path / name, **options)
        [report] = outcome.stages
        assert (report.best_step, report.held_out_loss) == (best, losses[best])
        assert report.steps == max(losses)
        kept = AutoModelForCausalLM.from_pretrained(tmp_path / name).state_dict()
        (tmp_path / f"{name}.wanted").mkdir()
        shutil.copytree(tmp_path / name, tmp_path / f"{name}.wanted", dirs_exist_ok=True)
        (tmp_path / f"{name}.wanted" / "model.safetensors").write_bytes(wanted)
        best_ones = AutoModelForCausalLM.from_pretrained(tmp_path / f"{name}.wanted").state_dict()
        assert all(torch.equal(kept[key], value) for key, value in best_ones.items())


def test_the_last_step_is_looked_at_whatever_the_distance_between_looks(base, overfit, tmp_path):
    rows, options = overfit
    [report] = run(base, rows, tmp_path / "out", **{**options, "evaluate_every": 1000, "epochs": 2}).stages
    assert report.best_step == report.steps == 4


def test_the_held_out_loss_is_that_of_the_learned_tokens(base, tmp_path):
    held_out = many_rows(12)[8:]
    options = {"held_out": write_rows(tmp_path / "h.jsonl", held_out), "copy_share": 0.0, "batch": 4}
    [report] = run(base, many_rows(8), tmp_path / "out", epochs=1, rate=1e-12, **options).stages
    form = form_of(Encoder(tokenizer()), template_named("verdict"))
    rows = [form.row(*(row[name] for name in ("question", "prefix", "last", "correction"))) for row in held_out]
    num_learned = sum(label != NOT_LEARNED for row in rows for label in row.labels)
    loss = summed_loss(AutoModelForCausalLM.from_pretrained(base), rows) / num_learned
    assert report.held_out_loss == pytest.approx(loss, rel=1e-5)


class Told(Aligner):
    """Say of each sentence what it was told to."""

    def __init__(self, answers):
        self.answers = answers

    def invoke(self, input, config=None, **kwargs):
        answer = self.answers[input.text]
        if isinstance(answer, Exception):
            raise answer
        return answer


WRONG = [Sample("Why?", "", f"wrong {number}", f"right {number}", False, "") for number in range(4)]
FINE = [Sample("Why?", "", f"fine {number}", f"fine {number}", False, "") for number in range(5)]


def test_what_an_aligner_does_is_counted():
    aligner = Told(
        {
            "wrong 0": "right 0", "wrong 1": " right 1\n", "wrong 2": "wrong 2", "wrong 3": Correction("other"),
            "fine 0": "fine 0", "fine 1": "fine 1 ", "fine 2": "finer", "fine 3": AlignerError("no end"), "fine 4": "",
        }
    )  # fmt: skip
    assert figures_of(aligner, [*WRONG, *FINE]) == Figures(
        to_change=4, repaired=0.5, changed=0.75, standing=5, left_alone=0.4, broken=pytest.approx(0.6), failed=1
    )


def test_an_answer_that_failed_changed_nothing():
    aligner = Told({sample.last: AlignerError("no end") for sample in WRONG})
    assert figures_of(aligner, WRONG) == Figures(4, 0.0, 0.0, 0, 0.0, 0.0, 4)


def test_of_nothing_there_are_no_shares():
    assert figures_of(Told({}), []) == Figures(0, 0.0, 0.0, 0, 0.0, 0.0, 0)


def test_an_error_of_another_kind_is_not_counted_away():
    with pytest.raises(ConfigurationError):
        figures_of(Told({"wrong 0": ConfigurationError("no model")}), WRONG[:1])


def test_half_of_what_is_counted_is_to_change_where_there_is_so_much():
    wanted_of = {
        (50, 50, 20): (10, 10), (3, 50, 20): (3, 17), (50, 3, 20): (17, 3), (2, 3, 20): (2, 3), (50, 50, 1): (0, 1),
        (50, 0, 1): (1, 0),
    }  # fmt: skip
    for (num_changing, num_standing, count), wanted in wanted_of.items():
        changing = [Sample("Why?", "", f"{number}", "right", False, "") for number in range(num_changing)]
        standing = [Sample("Why?", "", "fine", "fine", False, f"{number}") for number in range(num_standing)]
        found = chosen([*changing, *standing], count)
        num_found = sum(each.last != each.correction for each in found)
        assert (num_found, len(found) - num_found) == wanted
        assert len(set(found)) == len(found)
        assert found == chosen([*changing, *standing], count)


@pytest.mark.parametrize("template", ["verdict", "stream-aligner"])
def test_figures_of_every_look_stand_in_the_log_and_those_of_the_best_in_the_report(template, base, tmp_path, capfd):
    rows = many_rows(4)
    options = {
        "held_out": write_rows(tmp_path / "h.jsonl", [{**row, "question": row["question"] + " "} for row in rows])
    }
    outcome = run(
        base, rows, tmp_path / "out", template=template, figures_rows=4, evaluate_every=20, epochs=80, **options
    )
    figures = outcome.stages[-1].figures
    assert (figures.to_change, figures.standing) == (2, 2)
    assert figures.left_alone == 1.0 - figures.broken
    assert figures.repaired > 0
    err = capfd.readouterr().err
    best = f"correct, step {outcome.stages[-1].best_step}: held-out loss {outcome.stages[-1].held_out_loss:.4f}, "
    told = f"repaired {figures.repaired:.1%}, left alone {figures.left_alone:.1%}, broken {figures.broken:.1%}"
    assert any(line.endswith(best + told) for line in err.replace("\r", "\n").splitlines())


def test_counting_leaves_no_trace_in_the_weights(base, tmp_path):
    options = {"held_out": write_rows(tmp_path / "h.jsonl", many_rows(12)[8:]), "evaluate_every": 2, "epochs": 4}
    for name, count in (("with", 4), ("without", 0)):
        run(base, many_rows(8), tmp_path / name, figures_rows=count, **options)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("with", "without")]
    assert weights[0] == weights[1]


def test_an_entry_of_the_log_without_figures_has_none():
    figures = Figures(4, 0.5, 0.75, 5, 0.4, 0.6, 1)
    entry = {f"eval_{name}": value for name, value in figures.as_dict().items()}
    assert figures_in({**entry, "eval_loss": 1.0}) == figures
    assert figures_in({"eval_loss": 1.0}) is None


def test_a_model_that_runs_away_is_an_error_and_no_result(base, tmp_path):
    with pytest.raises(ConfigurationError, match=r"has run away: its weights are no numbers.*lower `rate` than 1.0"):
        run(base, many_rows(8), tmp_path / "out", rate=1.0, epochs=60, weight_decay=1e30, copy_share=0.0)
    assert not (tmp_path / "out").exists()
