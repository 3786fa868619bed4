"""Structural damping against the dense matrix of a tiny recurrent net."""

import math

import pytest
import torch
from torch import nn
from torch.func import jacrev

from engine import problems
from hessianfree import HessianFree, Method
from hessianfree.cg import ConjugateGradient
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.errors import ClosureError
from hessianfree.execution import Execution
from hessianfree.stopping import IterationLimit, ResidualTolerance
from hessianfree.structural_damping import StructuralDamping, logistic_distance, squared_distance

EXACT = ConjugateGradient(
    max_iter=None, stopping=(IterationLimit(), ResidualTolerance(relative=1e-13)), keep=()
)
WEIGHT, DAMPING = 0.7, 2.0


class TinyRecurrentNet(nn.Module):
    """Answers the last output, and the inputs of the units at all times [N, T, H]."""

    def __init__(self):
        super().__init__()
        self.into, self.within, self.out = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x):
        hidden, inputs = x.new_zeros(len(x), 3), []
        for t in range(x.shape[1]):
            inputs.append(self.into(x[:, t]) + self.within(hidden))
            hidden = torch.tanh(inputs[-1])
        return self.out(hidden), torch.stack(inputs, 1)


class OfTheOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = nn.MSELoss()

    def forward(self, outputs, targets):
        return self.loss(outputs[0] if isinstance(outputs, tuple) else outputs, targets)


class RecurrentProblem(problems.Problem):
    """Its dense matrices take the output alone for what the loss is a function of."""

    def _call(self, vector):
        return super()._call(vector)[0]

    def hidden_at(self, vector):
        return super()._call(vector)[1]

    def dense_structure(self, distance):
        """J_h' D J_h for the mean over cases."""
        start = self.hidden_at(self.vector()).detach()
        J = jacrev(lambda vector: self.hidden_at(vector).reshape(-1))(self.vector())
        D = jacrev(jacrev(lambda h: distance(h.reshape(start.shape), start)))(start.reshape(-1))
        return J.T @ D @ J / len(start)


@pytest.fixture
def problem():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RecurrentProblem(
            model=TinyRecurrentNet().double(),
            loss_function=OfTheOutput(),
            inputs=torch.randn(6, 4, 2).double(),
            targets=torch.randn(6, 1).double(),
        )


EXECUTIONS = {
    "plain": Execution(products="plain"),
    "recorded": Execution(products="recorded"),
    "nothing kept": Execution(products="plain", graph_memory_bytes=0),
}


def hidden(outputs):
    return outputs[1]


def optimizer(
    problem,
    *,
    damping=DAMPING,
    execution=EXECUTIONS["plain"],
    maximize=False,
    curvature=GaussNewton,
    **settings,
):
    structure = StructuralDamping(of=hidden, **{"weight": WEIGHT, **settings})
    method = Method(solver=EXACT, structure=structure, curvature=curvature)
    return HessianFree.from_method(
        problem.parameters, method, damping=damping, execution=execution, maximize=maximize
    )


def solution(problem, distance=squared_distance, *, damping=DAMPING, factor=1, dense="dense_ggn"):
    """Of the dense system of `factor` times the problem, for a structure that is `abs(factor)` times as heavy."""
    B, S = factor * getattr(problem, dense)(), abs(factor) * problem.dense_structure(distance)
    A = B + damping * (WEIGHT * S + torch.eye(len(B), dtype=B.dtype))
    assert torch.linalg.eigvalsh(A)[0] > 0
    return torch.linalg.solve(A, -factor * problem.dense_gradient())


def solution_of(opt):
    return opt.state["x0"] / 0.95


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("distance", [squared_distance, logistic_distance])
@pytest.mark.filterwarnings("ignore:The graph of a step takes")
def test_a_step_solves_the_system_of_the_dense_matrix(problem, distance, execution):
    expected = solution(problem, distance)
    opt = optimizer(problem, distance=distance, execution=EXECUTIONS[execution])
    opt.step(problem.forward)
    torch.testing.assert_close(solution_of(opt), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("execution", ["plain", "nothing kept"])
@pytest.mark.parametrize("sizes", [(6,), (2, 4)])
def test_an_accumulated_step_solves_it_too(problem, sizes, execution):
    expected = solution(problem)
    opt = optimizer(problem, execution=EXECUTIONS[execution])
    opt.acc_step(problem.model, problem.loss_function, problem.batches(sizes))
    torch.testing.assert_close(solution_of(opt), expected, rtol=1e-7, atol=1e-9)


def test_losses_that_are_sums_take_the_sum_over_cases(problem):
    """A sum over six cases is six times the mean."""
    expected = solution(problem, factor=6)
    opt = optimizer(problem, cases=None)

    def summed(outputs, targets):
        return len(targets) * problem.loss_function(outputs, targets)

    opt.acc_step(problem.model, summed, problem.batches((2, 4)), reduction="sum")
    torch.testing.assert_close(solution_of(opt), expected, rtol=1e-7, atol=1e-9)


def test_the_hessian_gains_the_same(problem):
    expected = solution(problem, dense="dense_hessian")
    opt = optimizer(problem, curvature=Hessian)
    opt.step(problem.forward)
    torch.testing.assert_close(solution_of(opt), expected, rtol=1e-7, atol=1e-9)


def test_a_climb_is_damped_and_not_driven_by_it(problem):
    """With the Hessian of -f the term still has the damping's sign."""
    expected = solution(problem, damping=20.0, factor=-1, dense="dense_hessian")
    opt = optimizer(problem, damping=20.0, curvature=Hessian, maximize=True)
    opt.step(problem.forward)
    torch.testing.assert_close(solution_of(opt), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("distance", [squared_distance, logistic_distance])
def test_loss_and_gradient_stay(problem, distance):
    opt = optimizer(problem, distance=distance)
    loss, gradient = problem.forward()[0].item(), problem.dense_gradient()
    after = opt.step(problem.forward)
    assert opt.last_report.loss == loss
    assert opt.last_report.gradient_norm == pytest.approx(gradient.norm().item(), rel=1e-12)
    assert after == problem.forward()[0].item()


@pytest.mark.parametrize("execution", ["plain", "recorded"])
def test_the_term_follows_the_damping_from_step_to_step(problem, execution):
    opt = optimizer(problem, execution=EXECUTIONS[execution])
    for damping in (DAMPING, 30.0, 0.5):
        opt.param_groups[0]["damping"] = damping
        expected = solution(problem, damping=damping)
        opt.step(problem.forward)
        torch.testing.assert_close(solution_of(opt), expected, rtol=1e-6, atol=1e-8)


def test_the_squared_distance_has_the_identity():
    h = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    D = jacrev(jacrev(lambda now: squared_distance(now, h)))(h)
    torch.testing.assert_close(D, torch.eye(5, dtype=torch.float64))


def test_the_logistic_distance_is_that_of_tanh_at_twice_its_input():
    a = torch.linspace(-2, 2, 5, dtype=torch.float64)
    D = jacrev(jacrev(lambda now: logistic_distance(2 * now, 2 * a)))(a)
    torch.testing.assert_close(D.diagonal(), 1 - torch.tanh(a) ** 2)


@pytest.mark.parametrize("weight", [-1.0, math.inf, math.nan])
def test_a_weight_out_of_bounds_is_refused(weight):
    with pytest.raises(ValueError, match="weight must be >= 0"):
        StructuralDamping(of=hidden, weight=weight)


def test_nothing_to_damp_is_said(problem):
    method = Method(structure=StructuralDamping(of=lambda outputs: outputs[0].detach()))
    opt = HessianFree.from_method(problem.parameters, method)
    with pytest.raises(ClosureError, match="picked no tensor"):
        opt.step(problem.forward)
