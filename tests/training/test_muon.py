"""Muon for the matrices: it learns, it says so, and a run that was interrupted goes on to the same bits."""

import pytest
import torch
from safetensors.torch import load_file

from stream_aligner_lc import TransformersAligner
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.training.callbacks import Marking
from stream_aligner_lc.training.optimizing import Together, muon_of
from stream_aligner_lc.training.settings import Settings
from tests.local.small_models import small_llama
from tests.training.small_runs import ROWS, many_rows, run
from tests.training.test_what_comes_out import corrections

MUON = {"muon_rate": 3e-3}


class StopError(Exception):
    """Stands for whatever ends a process."""


def settings(**options):
    return Settings(model="m", rows=["r"], out="o", **{"rate": 1e-3, "muon_rate": 1e-2, **options})


@pytest.mark.parametrize("options", [{}, {"lora_rank": 4, "rate": 1e-2, "muon_rate": 1e-2}])
def test_two_rows_are_learned_by_heart(base, tmp_path, options):
    run(base, ROWS, tmp_path / "out", **{**MUON, **options})
    aligner = TransformersAligner(tmp_path / "out")
    assert corrections(aligner, ROWS) == [(row["correction"], row["end"]) for row in ROWS]


def test_the_card_says_how_the_matrices_were_trained(base, tmp_path):
    run(base, ROWS, tmp_path / "out", **{**MUON, "epochs": 1})
    assert "* matrices: Muon at a rate of 0.003" in (tmp_path / "out" / "README.md").read_text()


def test_a_run_that_was_interrupted_goes_on_to_the_same_bits(base, tmp_path, monkeypatch):
    rows = many_rows(12)
    options = {**MUON, "schedule": "linear", "epochs": 4, "evaluate_every": 4, "held_out_share": 0.2}
    run(base, rows, tmp_path / "whole", **options)
    with monkeypatch.context() as patch:

        def stop(self, args, state, control, **_):
            if state.global_step == 10:
                raise StopError

        patch.setattr(Marking, "on_step_end", stop, raising=False)
        with pytest.raises(StopError):
            run(base, rows, tmp_path / "cut", **options)
    assert not (tmp_path / "cut").exists()
    run(base, rows, tmp_path / "cut", **options)
    whole, cut = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_matrices_are_muons_and_what_has_a_row_for_each_token_is_not():
    model = small_llama(vocab_size=64)
    muon, adam = muon_of(model, settings()).optimizers
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    matrices = {named[id(each)] for group in muon.param_groups for each in group["params"]}
    others = {named[id(each)] for group in adam.param_groups for each in group["params"]}
    assert matrices
    assert all("proj" in name for name in matrices)
    assert {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"} <= others
    assert matrices | others == set(named.values())


def test_a_schedule_sets_the_rates_of_both_also_after_a_state_was_loaded():
    model = small_llama(vocab_size=64)
    together = muon_of(model, settings())
    together.load_state_dict(together.state_dict())
    schedule = torch.optim.lr_scheduler.LambdaLR(together, lambda step: 0.5)
    schedule.step()
    assert [each.param_groups[0]["lr"] for each in together.optimizers] == [0.005, 0.0005]


def test_a_step_with_no_gradient_changes_nothing():
    model = small_llama(vocab_size=64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    together = muon_of(model, settings())
    assert together.step(lambda: 7.0) == 7.0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_torch_without_muon_is_told(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ConfigurationError, match=r"has no Muon; 2\.9 has.*leave out `muon_rate`"):
        muon_of(small_llama(vocab_size=64), settings())


def test_weights_that_are_shared_out_are_told():
    model = small_llama(vocab_size=64)
    model.model.layers[0].mlp.up_proj.weight = torch.nn.Parameter(torch.empty(0, 8))
    with pytest.raises(ConfigurationError, match=r"whole matrices, and .*up_proj.weight.*shared out"):
        muon_of(model, settings())


def test_two_optimizers_are_one_to_what_holds_them():
    assert issubclass(Together, torch.optim.Optimizer)
    together = muon_of(small_llama(vocab_size=64), settings())
    assert [group["lr"] for group in together.param_groups] == [0.01, 0.001]
    together.zero_grad()
