"""Norms and angles of a step, and the norms of its layers, as the records tell of them."""

import math

import pytest
import torch
from torch import nn

from hessianfree_lab.training.layer_norms import MOST_LAYERS, LayerNorms
from server.training.sessions import ON_ALL_CASES, records_of, session

# Hessian-free says so when a step's model misled it; the metrics say it too.
pytestmark = pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")

OF_A_LAYER = "parameter_norm."


def vector(task):
    return torch.cat([p.detach().flatten() for p in task.parameters]).double()


def layers_of(record):
    return {name: value for name, value in record.metrics.items() if name.startswith(OF_A_LAYER)}


@pytest.mark.parametrize("optimizer", ON_ALL_CASES)
def test_norms_and_the_angle_are_those_of_gradient_and_step(optimizer):
    running = session("digits-classifier", optimizer, dtype="float64", steps=3)
    steps = iter(running)
    for _ in range(3):
        before = vector(running.task)
        loss, _ = running.task.forward()
        gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, running.task.parameters)])
        metrics = next(steps)[0].metrics
        way = vector(running.task) - before
        assert metrics["parameter_norm"] == pytest.approx(before.norm().item(), rel=1e-12)
        assert metrics["gradient_norm"] == pytest.approx(gradient.norm().item(), rel=1e-9)
        assert metrics["step_norm"] == pytest.approx(way.norm().item(), rel=1e-9)
        if (optimizer, running.step) == ("soap", 1):  # which only begins its statistics
            assert metrics["step_norm"] == 0
            continue
        cosine = (-(gradient @ way) / gradient.norm() / way.norm()).clamp(-1, 1).item()
        assert metrics["step_angle"] == pytest.approx(math.degrees(math.acos(cosine)), abs=1e-4)


def test_an_optimizer_that_works_within_the_gradients_does_not_change_what_is_told():
    """torch's Nesterov momentum of many tensors at once adds to the gradients in place."""
    params = {"lr": 0.1, "momentum": 0.9, "nesterov": True}
    told = []
    for foreach in (False, True):
        running = session("digits-classifier", "sgd", optimizer_params=params, dtype="float64")
        running.driver._optimizers[0].param_groups[0]["foreach"] = foreach
        told.append([record.metrics for record in records_of(running)])
    for one, many in zip(*told, strict=True):
        assert one["gradient_norm"] == pytest.approx(many["gradient_norm"], rel=1e-12)
        assert one["step_angle"] == pytest.approx(many["step_angle"], rel=1e-6)


def test_a_step_that_goes_nowhere_has_no_angle():
    params = {"lr": 40.0, "use_linesearch": False, "reject_worse": True}
    records = records_of(session("rosenbrock", steps=30, optimizer_params=params))
    rejected = [record.metrics for record in records if not record.metrics["accepted"]]
    assert rejected
    for metrics in rejected:
        assert metrics["step_norm"] == 0
        assert "step_angle" not in metrics


def test_the_norms_of_layers_make_up_that_of_all():
    for record in records_of(session("digits-classifier", dtype="float64")):
        layers = layers_of(record)
        assert len(layers) > 1
        total = math.sqrt(sum(norm**2 for norm in layers.values()))
        assert total == pytest.approx(record.metrics["parameter_norm"], rel=1e-12)


def test_layers_are_told_less_often_where_steps_are_short():
    records = records_of(session("digits-classifier", "sgd", steps=22))
    assert [record.step for record in records if layers_of(record)] == [1, 11, 21]
    total = math.sqrt(sum(norm**2 for norm in layers_of(records[10]).values()))
    assert total == pytest.approx(records[10].metrics["parameter_norm"], rel=1e-5)


def test_a_problem_without_layers_has_the_norm_of_all_alone():
    for record in records_of(session("himmelblau")):
        assert layers_of(record) == {}
        assert "parameter_norm" in record.metrics


class Deep(nn.Module):
    """Forty layers, the last ones largest, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.own = nn.Parameter(torch.full((3,), 2.0))
        self.layers = nn.ModuleList([nn.Linear(1, 1 + i) for i in range(40)])
        self.add_module("odd name!", nn.Linear(100, 1))


def test_the_largest_layers_are_kept_under_names_that_metrics_may_have():
    model = Deep()
    norms = LayerNorms(model)
    norms.measure()
    found = norms.read()
    assert len(found) == MOST_LAYERS
    assert next(iter(found)) == "parameter_norm.layers.13"
    linear = model.get_submodule("layers.39")
    assert found["parameter_norm.layers.39"] == pytest.approx(
        math.hypot(linear.weight.norm().item(), linear.bias.norm().item()), rel=1e-6
    )
    assert "parameter_norm.odd_name_" in found
    assert norms.read() == {}, "nothing was measured since"


def test_what_is_measured_is_of_that_moment():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    norms = LayerNorms(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
        norms.measure()
        for parameter in model.parameters():
            parameter.fill_(5.0)
    assert norms.read() == pytest.approx({f"parameter_norm.{i}": math.sqrt(6) for i in range(2)})


@pytest.mark.parametrize("optimizer", ["hessianfree", "sgd", "lbfgs"])
def test_seconds_add_up_to_the_time_of_the_step(optimizer):
    before = 0.0
    for record in records_of(session("digits-classifier", optimizer)):
        told = {name: value for name, value in record.metrics.items() if name.startswith("seconds_")}
        assert told["seconds_rest"] >= 0
        assert sum(told.values()) == pytest.approx(record.seconds - before, rel=1e-6)
        before = record.seconds


def test_the_ends_of_the_spectrum_that_cg_saw():
    for record, trace in session("digits-classifier"):
        smallest, largest = trace.ritz_values[0], trace.ritz_values[-1]
        assert (record.metrics["ritz_smallest"], record.metrics["ritz_largest"]) == (smallest, largest)
        assert record.metrics["ritz_condition"] == largest / smallest
        assert trace.loss == record.metrics["loss"]


@pytest.mark.filterwarnings("ignore:Directional curvature pAp")
def test_there_is_no_condition_where_curvature_is_negative():
    params = {"curvature_opt": "hessian", "damping": 1e-3}
    ((record, trace),) = list(session("himmelblau", steps=1, optimizer_params=params))
    assert trace.ritz_values[0] < 0
    assert record.metrics["ritz_smallest"] == trace.ritz_values[0]
    assert "ritz_condition" not in record.metrics
