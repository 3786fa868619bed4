"""maximize=True: -f is minimized, and everything told is about f."""

import dataclasses

import pytest
import torch

from engine import problems
from engine.runs import SWITCHES
from hessianfree import HessianFree, StepReport
from hessianfree.execution import Execution
from hessianfree.loss_slice import LossSlice

SAME_FOR_BOTH_SIGNS = {
    "gradient_norm",
    "parameter_norm",
    "damping",
    "trust_radius",
    "reduction_ratio",
    "predicted_reduction",
    "actual_reduction",
    "cg_iterations",
    "cg_stop",
    "cg_chosen_iteration",
    "negative_curvature",
    "step_scale",
    "step_norm",
    "step_angle",
    "accepted",
    "rejection",
    "curvature_products",
    "loss_evaluations",
    "gradient_equivalents",
}


def negated(problem):
    """The closure of -f, with outputs of which -f is a function."""

    def forward():
        loss, outputs = problem.forward()
        return -loss, outputs

    return forward


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_maximizing_minus_f_is_minimizing_f(switches, curvature_opt):
    up, down = problems.make("mse"), problems.make("mse")
    settings = {"curvature_opt": curvature_opt, "damping": 8.0, "lr": 1.5, "weight_decay": 0.01, **switches}
    execution = Execution(loss_slice=LossSlice(scales=(0.5, 2.0)))
    maximizer = HessianFree(up.parameters, maximize=True, execution=execution, **settings)
    minimizer = HessianFree(down.parameters, execution=execution, **settings)
    for _ in range(3):
        assert maximizer.step(negated(up)) == pytest.approx(-minimizer.step(down.forward), rel=1e-12)
        told, expected = maximizer.last_report, minimizer.last_report
        assert told.loss == pytest.approx(-expected.loss, rel=1e-12)
        assert told.loss_after == pytest.approx(-expected.loss_after, rel=1e-12)
        for name in SAME_FOR_BOTH_SIGNS:
            value = getattr(expected, name)
            same = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
            assert getattr(told, name) == same, name
        trace, expected_trace = maximizer.last_trace, minimizer.last_trace
        assert trace.loss == pytest.approx(-expected_trace.loss, rel=1e-12)
        assert trace.kept == tuple(
            (i, None if loss is None else pytest.approx(-loss)) for i, loss in expected_trace.kept
        )
        assert [loss for _, loss in trace.line_search] == pytest.approx(
            [-loss for _, loss in expected_trace.line_search]
        )
        assert [value for point in trace.slice for value in point] == pytest.approx(
            [value for s, loss, model in expected_trace.slice for value in (s, -loss, -model)]
        )
        assert trace.model_values == pytest.approx(expected_trace.model_values)
    assert maximizer.state["init_losses"] == pytest.approx([-x for x in minimizer.state["init_losses"]])
    assert maximizer.state["final_losses"] == pytest.approx([-x for x in minimizer.state["final_losses"]])
    torch.testing.assert_close(up.vector(), down.vector(), rtol=0, atol=1e-12)


def test_every_field_of_the_report_has_been_thought_of():
    fields = {field.name for field in dataclasses.fields(StepReport)}
    seconds = {name for name in fields if name.startswith("seconds_")}
    assert fields == SAME_FOR_BOTH_SIGNS | seconds | {"loss", "loss_after", "peak_memory_bytes"}


def test_a_likelihood_rises():
    problem = problems.make("cross-entropy")
    opt = HessianFree(problem.parameters, maximize=True)
    values = [opt.step(negated(problem)) for _ in range(5)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(-problem.forward()[0].item(), rel=1e-12)


def test_accumulated_steps_maximize_too():
    problem, other = problems.make("mse"), problems.make("mse")
    opt, reference = (HessianFree(p.parameters, maximize=m) for p, m in ((problem, True), (other, False)))

    def reward(outputs, targets):
        return -problem.loss_function(outputs, targets)

    value = opt.acc_step(problem.model, reward, problem.batches())
    expected = reference.acc_step(other.model, other.loss_function, other.batches())
    assert value == pytest.approx(-expected, rel=1e-12)


def test_a_given_gradient_and_product_are_those_of_the_function_itself():
    problem, other = problems.make("mse"), problems.make("mse")
    dense, gradient = -other.dense_ggn(), -other.dense_gradient()
    opt, reference = (HessianFree(p.parameters, maximize=True) for p in (problem, other))
    value = reference.step(negated(other), grad=gradient, mvp=lambda v: dense @ v)
    assert opt.step(negated(problem)) == pytest.approx(value, rel=1e-10)


def test_the_product_of_a_closure_is_not_changed_in_place():
    """mvp may answer a tensor of its own."""
    x = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    own = torch.full((3,), 4.0, dtype=torch.float64)  # the Hessian, -2, times CG's first direction, -2
    opt = HessianFree([x], maximize=True, cg_max_iter=1)
    opt.step(lambda: (-(x**2).sum(), None), grad=-2 * x.detach(), mvp=lambda v: own)
    assert torch.equal(own, torch.full((3,), 4.0, dtype=torch.float64))


def test_the_penalty_is_subtracted():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, maximize=True, weight_decay=0.5)
    expected = -problem.forward()[0].item() - 0.25 * (problem.vector() ** 2).sum().item()
    opt.step(negated(problem))
    assert opt.last_report.loss == pytest.approx(expected, rel=1e-12)
