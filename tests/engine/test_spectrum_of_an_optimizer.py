"""`HessianFree.spectrum` and `acc_spectrum`: the right matrix, and not a trace left behind."""

import copy

import pytest
import torch
from torch import nn

from engine import buffered, problems
from engine.replaying import recurrent
from hessianfree import HessianFree
from hessianfree.errors import ClosureError
from hessianfree.execution import Execution


def all_of(problem, **options):
    """Options with which the extremes are those of the dense matrix to many digits."""
    return {"probes": 2, "iterations": problem.dimension, **options}


def ask(opt, problem, way, curvature_opt="ggn", **options):
    if way == "step":
        return opt.spectrum(problem.forward, curvature_opt, **options)
    return opt.acc_spectrum(problem.model, problem.loss_function, problem.batches(), curvature_opt, **options)


@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("name", ["mse", "cross-entropy", "coupled", "frozen"])
def test_extremes_and_trace_are_those_of_the_dense_matrix(name, curvature_opt, way):
    problem = problems.make(name)
    exact = torch.linalg.eigvalsh(problem.dense(curvature_opt))
    opt = HessianFree(problem.parameters, curvature_opt="ggn", damping=10.0)  # the damping is no part of it
    found = ask(opt, problem, way, curvature_opt, **all_of(problem, probes=30))
    assert found.dimension == problem.dimension
    assert found.largest == pytest.approx(exact[-1].item(), rel=1e-8)
    assert found.smallest == pytest.approx(exact[0].item(), abs=1e-8 * exact[-1].item())
    assert abs(found.trace - exact.sum().item()) < 4 * found.trace_error


def test_weight_decay_and_the_sign_are_those_of_the_reports():
    problem = problems.make("mse")
    exact = torch.linalg.eigvalsh(problem.dense_hessian())
    decayed = HessianFree(problem.parameters, weight_decay=0.5)
    found = decayed.spectrum(problem.forward, "hessian", **all_of(problem))
    assert found.smallest == pytest.approx(exact[0].item() + 0.5, rel=1e-8)
    maximizing = HessianFree(problem.parameters, weight_decay=0.5, maximize=True)
    found = maximizing.spectrum(problem.forward, "hessian", **all_of(problem))
    assert found.largest == pytest.approx(exact[-1].item() - 0.5, rel=1e-8)


@pytest.mark.parametrize("products", ["plain", "recorded"])
def test_replayed_products_have_the_same_spectrum(products):
    problem = recurrent(6)
    exact = torch.linalg.eigvalsh(problem.dense_ggn())
    opt = HessianFree(problem.parameters, execution=Execution(products=products))
    found = opt.spectrum(problem.forward, **all_of(problem))
    assert found.largest == pytest.approx(exact[-1].item(), rel=1e-7)


@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize("name", sorted(buffered.LAYERS))
def test_training_goes_on_to_the_bit_and_so_do_buffers_and_random_numbers(name, way):
    """Dropout draws, buffers change: two equal trainings, one of them looked at between its steps."""
    ends = []
    for looks in (False, True):
        model, data = buffered.made(name)
        model = nn.Sequential(model, nn.Dropout(0.2))
        with torch.random.fork_rng():
            torch.manual_seed(7)
            opt = HessianFree(model.parameters())
            for _ in range(3):
                if looks:
                    look(opt, model, data, way)
                buffered.advance(opt, model, data, way)
            if looks:
                look(opt, model, data, way)
            ends.append((torch.get_rng_state(), copy.deepcopy(model.state_dict()), opt.state_dict()))
    (state, model_without, without), (looked_at, model_with, with_looks) = ends
    assert torch.equal(state, looked_at)
    buffered.assert_equal(model_with, model_without)
    assert without["param_groups"] == with_looks["param_groups"]
    assert without["state"].keys() == with_looks["state"].keys()
    for key, value in without["state"].items():
        same = torch.equal(value, with_looks["state"][key]) if torch.is_tensor(value) else None
        assert same if same is not None else value == with_looks["state"][key], key


def look(opt, model, data, way):
    inputs, targets = data
    if way == "step":
        opt.spectrum(
            lambda: (nn.functional.mse_loss(outputs := model(inputs), targets), outputs),
            probes=1,
            iterations=3,
        )
    else:
        batches = [(inputs[:5], targets[:5]), (inputs[5:], targets[5:])]
        opt.acc_spectrum(model, nn.functional.mse_loss, batches, probes=1, iterations=3)


def test_a_spectrum_counts_as_no_step_and_measures_no_graph():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, execution=Execution(graph_memory_bytes=0))
    with pytest.warns(UserWarning, match="graph_memory_bytes = 0"):
        opt.spectrum(problem.forward)
    assert opt.last_report is None
    assert opt.state["init_losses"] == []
    assert all(p.grad is None for p in problem.parameters)
    with pytest.warns(UserWarning, match="graph_memory_bytes = 0"):  # a step finds out by itself
        opt.step(problem.forward)


def test_parameters_are_as_before_when_forward_raises_or_curvature_is_not_finite():
    problem = problems.make("mse")
    before = problem.vector()
    opt = HessianFree(problem.parameters)

    def infinite():
        loss, outputs = problem.forward()
        return loss * torch.inf, outputs

    with pytest.raises(ClosureError, match="not finite"):
        opt.spectrum(infinite)
    with pytest.raises(ZeroDivisionError):
        opt.spectrum(lambda: 1 / 0)
    assert torch.equal(problem.vector(), before)


def test_an_unknown_curvature_is_refused():
    problem = problems.make("mse")
    with pytest.raises(ValueError, match='curvature_opt must be "ggn" or "hessian"; got \'fisher\''):
        HessianFree(problem.parameters).spectrum(problem.forward, "fisher")
