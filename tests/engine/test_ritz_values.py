"""Ritz values from CG's coefficients: those of the dense matrix on the space that CG has seen, for no product."""

import dataclasses

import pytest
import torch

from engine import problems
from hessianfree import HessianFree, SolveTrace
from hessianfree.cg import ConjugateGradient
from hessianfree.stopping import IterationLimit

NO_OTHER_STOP = (IterationLimit(),)


def trace_of(solution):
    return SolveTrace(
        stop=solution.reason,
        loss=0.0,
        damping=0.0,
        model_values=solution.model_values,
        residual_norms=solution.residual_norms,
        alphas=solution.alphas,
        betas=solution.betas,
        kept=(),
        chosen_iteration=solution.last,
        preconditioned=False,
        line_search=(),
    )


def projected(A, M, start, iterations):
    """Eigenvalues of L'AL (M = LL') on the Krylov space of L'(start): by Gram-Schmidt, none of CG's formulas."""
    L = torch.linalg.cholesky(M)
    B, vectors = L.T @ A @ L, [L.T @ start]
    for _ in range(iterations - 1):
        Q = torch.linalg.qr(torch.stack(vectors, 1))[0]
        vectors = [*Q.T, B @ Q[:, -1]]
    Q = torch.linalg.qr(torch.stack(vectors, 1))[0]
    return torch.linalg.eigvalsh(Q.T @ B @ Q)


def system(eigenvalues, seed=0):
    generator = torch.Generator().manual_seed(seed)
    n = len(eigenvalues)
    Q = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
    return Q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ Q.T, torch.randn(
        n, generator=generator, dtype=torch.float64
    )


POSITIVE = [0.3, 1.0, 2.0, 3.5, 7.0, 11.0, 20.0, 31.0]
INDEFINITE = [-4.0, -0.5, 1.0, 2.0, 5.0, 9.0, 14.0, 20.0]


@pytest.mark.filterwarnings("ignore:Directional curvature:UserWarning")
@pytest.mark.parametrize("iterations", [1, 2, 4, 6, 8])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("eigenvalues", [POSITIVE, INDEFINITE], ids=["definite", "indefinite"])
def test_they_are_the_matrix_on_the_krylov_space(eigenvalues, preconditioned, warm, iterations):
    A, b = system(eigenvalues)
    M = system([0.2, 0.5, 0.6, 0.9, 1.1, 1.4, 1.5, 2.0], seed=1)[0]
    M = M if preconditioned else torch.eye(8, dtype=torch.float64)
    x0 = system(POSITIVE, seed=2)[1] if warm else torch.zeros_like(b)
    solver = ConjugateGradient(max_iter=iterations, stopping=NO_OTHER_STOP)
    solution = solver.solve(
        lambda v: A @ v, b, x0 if warm else None, (lambda v: M @ v) if preconditioned else None
    )
    expected = projected(A, M, b - A @ x0, iterations)
    torch.testing.assert_close(
        torch.tensor(trace_of(solution).ritz_values(), dtype=torch.float64), expected, rtol=1e-6, atol=1e-7
    )


@pytest.mark.filterwarnings("ignore:Directional curvature:UserWarning")
def test_having_seen_all_of_the_space_they_are_the_eigenvalues_of_MA():
    A, b = system(INDEFINITE)
    M = system([0.2, 0.5, 0.6, 0.9, 1.1, 1.4, 1.5, 2.0], seed=1)[0]
    solution = ConjugateGradient(max_iter=8, stopping=NO_OTHER_STOP).solve(
        lambda v: A @ v, b, None, lambda v: M @ v
    )
    expected = torch.linalg.eigvals(M @ A).real.sort().values
    assert (expected < 0).sum() == 2
    assert trace_of(solution).ritz_values() == pytest.approx(expected.tolist(), rel=1e-6)


@pytest.mark.parametrize("multiplicity", [2, 3])
def test_an_exact_solution_ends_them(multiplicity):
    """b has parts in so many eigenspaces: after as many iterations the residual is rounding, and CG may run on."""
    A = torch.diag(torch.tensor([2.0, 4.0, 8.0, 16.0], dtype=torch.float64))
    b = torch.zeros(4, dtype=torch.float64)
    b[:multiplicity] = 1.0
    solution = ConjugateGradient(max_iter=multiplicity).solve(lambda v: A @ v, b)
    assert trace_of(solution).ritz_values() == pytest.approx([2.0, 4.0, 8.0][:multiplicity])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0])
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("which", ["alphas", "betas"])
def test_a_breakdown_leaves_what_was_sound(which, at, bad):
    A, b = system(POSITIVE)

    def solved(iterations):
        solver = ConjugateGradient(max_iter=iterations, stopping=NO_OTHER_STOP)
        return trace_of(solver.solve(lambda v: A @ v, b))

    trace = solved(4)
    coefficients = list(getattr(trace, which))
    coefficients[at] = bad
    broken = dataclasses.replace(trace, **{which: tuple(coefficients)})
    assert broken.ritz_values() == pytest.approx(solved(at + (which == "betas")).ritz_values())


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("decay", [0.0, 0.95])
def test_a_step_shows_the_negative_curvature_of_the_hessian(decay):
    """Also from a warm start. All of the space is seen, so the smallest value is the smallest eigenvalue."""
    scales = torch.tensor([-3.0, 1.0, 4.0, 6.0], dtype=torch.float64)
    x = torch.nn.Parameter(torch.tensor([1.0, 0.5, -0.3, 0.7], dtype=torch.float64))
    opt = HessianFree([x], "hessian", damping=0.5, adapt_damping=False, cg_decay_x0=decay)
    for _ in range(2):
        opt.step(lambda: (0.5 * (scales * x**2).sum() + 0.3 * x.sum(), None))
        assert opt.last_trace.ritz_values()[0] == pytest.approx(-2.5, rel=1e-6)


@pytest.mark.parametrize("weight_decay", [0.0, 0.4])
def test_of_a_step_they_lie_in_the_spectrum_of_the_preconditioned_matrix(weight_decay):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, damping=2.0, weight_decay=weight_decay, adapt_damping=False)
    M = torch.linspace(0.5, 1.5, problem.dimension, dtype=torch.float64)
    for _ in range(3):
        A = problem.dense_ggn() + (2.0 + weight_decay) * torch.eye(problem.dimension, dtype=torch.float64)
        spectrum = torch.linalg.eigvalsh(M.sqrt()[:, None] * A * M.sqrt())
        opt.step(problem.forward, M_func=lambda v: M * v)
        values = opt.last_trace.ritz_values()
        assert len(values) == opt.last_report.cg_iterations
        assert spectrum[0] - 1e-9 <= values[0] <= values[-1] <= spectrum[-1] + 1e-9
        assert values[-1] == pytest.approx(spectrum[-1].item(), rel=1e-2)


def test_they_cost_no_product():
    problem = problems.make("mse")
    calls, dense = [], problem.dense_ggn()
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward, mvp=lambda v: calls.append(1) or dense @ v)
    done = len(calls)
    assert opt.last_trace.ritz_values()
    assert len(calls) == done == opt.last_report.curvature_products
