"""Problems whose lowest loss is known: it is the lowest, and evaluations say how far away it is."""

import math

import pytest
import torch

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.linear.least_squares import minimum
from hessianfree_lab.training.problems.linear.model import LinearParams, generated
from server.training.sessions import records_of, session

CPU = torch.device("cpu")
FEW = {"cases": 60, "features": 8}
KNOWN = [
    ("least-squares", FEW),
    ("least-squares", FEW | {"l2": 0.1}),
    ("least-squares", {"dataset": "diabetes"}),
    ("logistic-regression", FEW),
    ("logistic-regression", {"dataset": "breast-cancer", "l2": 1e-3}),
    ("matrix-factorization", {"rows": 9, "columns": 7}),
    ("matrix-factorization", {"rows": 9, "columns": 7, "noise": 0.3, "rank": 2}),
    ("matrix-factorization", {"rows": 9, "columns": 7, "noise": 0.3, "rank": 3, "l2": 0.01}),
    ("matrix-factorization", {"rows": 9, "columns": 7, "matrix_rank": 2, "rank": 2, "observed": 0.8}),
]


def build(name, dtype=torch.float64, **params):
    problem = PROBLEMS[name]
    return problem.build(problem.params(**params), 0, CPU, dtype)


def gradient_norm(task):
    loss, _ = task.forward()
    slopes = torch.autograd.grad(loss, task.parameters)
    return torch.cat([slope.flatten() for slope in slopes]).norm().item()


@pytest.mark.parametrize(("name", "params"), KNOWN)
def test_a_long_descent_ends_at_the_optimum_and_never_below(name, params):
    task = build(name, **params)
    first = task.evaluate()["suboptimality"]
    descent = torch.optim.LBFGS(
        task.parameters,
        max_iter=3_000,
        tolerance_grad=1e-10,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        descent.zero_grad()
        loss = task.forward()[0]
        loss.backward()
        return loss

    descent.step(closure)
    left = task.evaluate()["suboptimality"]
    assert gradient_norm(task) < 1e-6
    assert -1e-14 < left < 1e-9 * first


def test_the_loss_at_first_is_that_of_knowing_nothing():
    task = build("logistic-regression", **FEW)
    assert task.forward()[0].item() == pytest.approx(math.log(2), rel=1e-12)
    task = build("least-squares", **FEW)
    assert task.forward()[0].item() == pytest.approx(0.5 * task.batch.targets.square().mean().item())
    found = task.evaluate()
    exact = minimum(task.batch.inputs, task.batch.targets, 0.0)
    assert found["suboptimality"] == pytest.approx(task.forward()[0].item() - exact)


def test_suboptimality_is_told_where_float32_sees_no_difference():
    task = build("least-squares", dtype=torch.float32, **FEW | {"noise": 0.0})
    exact = torch.linalg.lstsq(task.batch.inputs.double(), task.batch.targets.double()).solution
    with torch.no_grad():
        task.parameters[0].copy_(exact.T)
    assert task.parameters[0].dtype == torch.float32
    assert 0 < task.evaluate()["suboptimality"] < 1e-12


def test_generated_features_are_conditioned_as_asked_for():
    params = LinearParams(cases=40, features=6, condition_number=1e6)
    training, rest = generated(params, torch.Generator().manual_seed(0))
    values = torch.linalg.eigvalsh(training.T @ training / 40)
    expected = torch.logspace(-6, 0, 6, dtype=torch.float64)
    torch.testing.assert_close(values, expected, rtol=1e-6, atol=0)
    assert rest.shape == training.shape


def test_more_features_than_cases_are_refused():
    with pytest.raises(
        InvalidRequest, match=r"problem_params\.features = 50: must be <= problem_params\.cases = 20"
    ):
        build("logistic-regression", cases=20)


def test_an_optimum_that_is_not_known_is_not_told():
    seen = {"rows": 9, "columns": 7, "observed": 0.8}
    for params in ({"noise": 0.1}, {"rank": 2}, {"l2": 0.1}):
        found = build("matrix-factorization", **seen | params).evaluate()
        assert found.keys() == {"eval_loss"}


def test_entries_are_those_of_a_matrix_of_that_rank():
    task = build("matrix-factorization", rows=9, columns=7, matrix_rank=3, rank=3, condition_number=4.0)
    matrix = torch.zeros(9, 7, dtype=torch.float64)
    places = task.batch.inputs
    matrix[places[:, 0], places[:, 1]] = task.batch.targets
    assert len(places.unique(dim=0)) == 63
    values = torch.linalg.svdvals(matrix)
    assert values[3] < 1e-12
    assert (values[0] / values[2]).item() == pytest.approx(4)
    assert matrix.square().mean().item() == pytest.approx(1)


@pytest.mark.parametrize("name", ["least-squares", "logistic-regression"])
def test_hessian_free_comes_close_and_says_so(name):
    params = {"problem_params": FEW, "optimizer_params": {"damping": 1e-3}, "dtype": "float64"}
    records = records_of(session(name, steps=8, **params))
    assert records[-1].metrics["suboptimality"] < 1e-3 * records[0].metrics["suboptimality"]
