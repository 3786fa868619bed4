"""Every curvature product against the dense matrix that torch.func makes, in float64."""

import pytest
import torch
from torch import nn

from engine import problems
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.errors import ClosureError
from hessianfree.parameters import Parameters

CURVATURES = {"ggn": GaussNewton, "hessian": Hessian}
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def curvature_of(problem, curvature_opt):
    loss, outputs = problem.forward()
    return CURVATURES[curvature_opt](loss, outputs, Parameters([problem.parameters]))


def random_vectors(problem, count):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(problem.dimension, generator=generator, dtype=torch.float64) for _ in range(count)]


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("name", problems.NAMES)
def test_product_is_that_of_the_dense_matrix_time_and_again(name, curvature_opt):
    problem = problems.make(name)
    dense = problem.dense(curvature_opt)
    assert dense.abs().max() > 1e-3
    product = curvature_of(problem, curvature_opt)
    for v in random_vectors(problem, 5):
        torch.testing.assert_close(product(v), dense @ v, **CLOSE)


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("name", problems.NAMES)
def test_all_columns_make_a_symmetric_matrix(name, curvature_opt):
    problem = problems.make(name)
    product = curvature_of(problem, curvature_opt)
    matrix = torch.stack([product(e) for e in torch.eye(problem.dimension, dtype=torch.float64)])
    torch.testing.assert_close(matrix, matrix.T, **CLOSE)
    torch.testing.assert_close(matrix, problem.dense(curvature_opt), **CLOSE)


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("name", problems.NAMES)
def test_gradient_is_that_of_torch_func(name, curvature_opt):
    problem = problems.make(name)
    curvature = curvature_of(problem, curvature_opt)
    for _ in range(2):
        torch.testing.assert_close(curvature.gradient(), problem.dense_gradient(), **CLOSE)
        curvature(torch.ones(problem.dimension, dtype=torch.float64))


@pytest.mark.parametrize("curvature_opt", CURVATURES)
def test_products_are_linear_and_leave_the_vector_alone(curvature_opt):
    problem = problems.make("coupled")
    product = curvature_of(problem, curvature_opt)
    v, w = random_vectors(problem, 2)
    before = v.clone()
    combined = product(2 * v - 3 * w)
    torch.testing.assert_close(combined, 2 * product(v) - 3 * product(w), **CLOSE)
    assert torch.equal(v, before)


@pytest.mark.parametrize("curvature_opt", CURVATURES)
def test_a_product_is_the_callers_to_change(curvature_opt):
    problem = problems.make("mse")
    product = curvature_of(problem, curvature_opt)
    (v,) = random_vectors(problem, 1)
    first = product(v)
    expected = first.clone()
    first.zero_()
    torch.testing.assert_close(product(v), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["mse", "cross-entropy", "bce", "coupled", "convolutional"])
def test_gauss_newton_matrix_of_a_convex_loss_is_positive_semidefinite(name):
    problem = problems.make(name)
    product = curvature_of(problem, "ggn")
    matrix = torch.stack([product(e) for e in torch.eye(problem.dimension, dtype=torch.float64)])
    assert torch.linalg.eigvalsh(matrix).min() > -1e-12


def test_hessian_is_not_the_gauss_newton_matrix():
    """Or half of the tests above would compare a thing with itself."""
    problem = problems.make("mse")
    assert (problem.dense_ggn() - problem.dense_hessian()).abs().max() > 0.01


@pytest.mark.parametrize("curvature_opt", CURVATURES)
def test_products_carry_no_graph(curvature_opt):
    problem = problems.make("mse")
    product = curvature_of(problem, curvature_opt)
    assert not product(torch.ones(problem.dimension, dtype=torch.float64)).requires_grad
    assert not product.gradient().requires_grad


@pytest.mark.parametrize("curvature_opt", CURVATURES)
def test_a_loss_without_curvature_has_zero_products(curvature_opt):
    model = nn.Linear(3, 2).double()
    outputs = model(torch.ones(4, 3, dtype=torch.float64))
    product = CURVATURES[curvature_opt](outputs.sum(), outputs, Parameters([list(model.parameters())]))
    assert torch.equal(product(torch.ones(8, dtype=torch.float64)), torch.zeros(8, dtype=torch.float64))
    torch.testing.assert_close(product.gradient(), torch.full((8,), 4.0, dtype=torch.float64))


def test_piecewise_linear_activations():
    """ReLU's second derivative is zero, its graph is not."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).double()
        problem = problems.Problem(
            model=model,
            loss_function=nn.MSELoss(),
            inputs=torch.randn(9, 4, dtype=torch.float64),
            targets=torch.randn(9, 2, dtype=torch.float64),
        )
    for curvature_opt in CURVATURES:
        product = curvature_of(problem, curvature_opt)
        for v in random_vectors(problem, 3):
            torch.testing.assert_close(product(v), problem.dense(curvature_opt) @ v, **CLOSE)


@pytest.mark.parametrize("curvature_opt", CURVATURES)
def test_penalty_on_the_parameters(curvature_opt):
    """A penalty that forward() adds is part of the gradient and of both matrices."""
    problem = problems.make("mse")
    loss, outputs = problem.forward()
    penalized = loss + 0.5 * 0.3 * sum((p**2).sum() for p in problem.parameters)
    curvature = CURVATURES[curvature_opt](penalized, outputs, Parameters([problem.parameters]))
    (v,) = random_vectors(problem, 1)
    expected = problem.dense(curvature_opt) @ v + 0.3 * v
    torch.testing.assert_close(curvature(v), expected, **CLOSE)
    torch.testing.assert_close(
        curvature.gradient(), problem.dense_gradient() + 0.3 * problem.vector(), **CLOSE
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda model, x: (model(x).sum(), None), "answered NoneType"),
        (lambda model, x: (model(x).sum(), (model(x),)), "does not depend on the outputs"),
        (lambda model, x: (model(x).sum(), x), "depend on no trainable parameter"),
        (lambda model, x: (model(x).sum(), model(x)), "does not depend on the outputs"),
    ],
)
def test_outputs_that_make_no_gauss_newton_matrix_are_refused(answer, message):
    model = nn.Linear(3, 2)
    loss, outputs = answer(model, torch.ones(4, 3))
    with pytest.raises(ClosureError, match=message):
        GaussNewton(loss, outputs, Parameters([list(model.parameters())]))
