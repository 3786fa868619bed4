"""Curvature products of networks that nobody chose, against dense float64 matrices made row by row.

Every matrix is multiplied with several fresh vectors: what is kept between products must not remember a vector.
"""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import reference
from engine.architectures import BLOCKS, LOSSES, Architecture, architectures
from hessianfree.curvature import AccumulatedCurvature, GaussNewton, Hessian
from hessianfree.parameters import Parameters

CURVATURES = {"ggn": GaussNewton, "hessian": Hessian}
EXACT = 1e-10  # relative


def repeatable(examples):
    """The same examples in every run; the first product of a network may take its time."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def dense(problem, curvature_opt):
    loss, outputs = problem.forward()
    if curvature_opt == "hessian":
        return reference.hessian(loss, problem.trainable)
    return reference.ggn(loss, outputs, problem.trainable)


def vectors(dimension, count=4):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, dimension, generator=generator, dtype=torch.float64)


def assert_same(actual, expected, scale=None):
    """`scale`: a norm to measure the difference by, where `expected` may be zero."""
    scale = torch.linalg.vector_norm(expected) if scale is None else scale
    assert torch.linalg.vector_norm(actual - expected) <= EXACT * scale


def assert_right(architecture, curvature_opt):
    problem = architecture.problem()
    loss, outputs = problem.forward()
    matrix = dense(problem, curvature_opt)
    curvature = CURVATURES[curvature_opt](loss, outputs, Parameters([problem.parameters]))
    gradient = reference.gradient(problem.forward()[0], problem.trainable)
    products = []
    for v in vectors(problem.dimension):
        products.append(curvature(v))
        assert_same(products[-1], matrix @ v, torch.linalg.matrix_norm(matrix) * torch.linalg.vector_norm(v))
        assert_same(curvature.gradient(), gradient)
    u, *_, v = vectors(problem.dimension)
    assert_same(
        torch.dot(u, products[-1]), torch.dot(v, products[0]), torch.linalg.matrix_norm(matrix) * v @ v
    )


def assert_adds_up(architecture, curvature_opt, memory_budget):
    """In batches of two sizes, with every graph kept between products, or none."""
    problem = architecture.problem()
    parameters = Parameters([problem.parameters])
    batches = problem.batches((3, architecture.samples - 3))
    is_sum = architecture.loss.endswith("sum")
    curvature = AccumulatedCurvature(
        lambda batch: CURVATURES[curvature_opt](
            problem.loss_function(outputs := problem.model(batch[0]), batch[1]), outputs, parameters
        ),
        [(1.0 if is_sum else len(batch[1]) / architecture.samples, batch) for batch in batches],
        memory_budget=memory_budget,
    )
    matrix = dense(problem, curvature_opt)
    for v in vectors(problem.dimension):
        scale = torch.linalg.matrix_norm(matrix) * torch.linalg.vector_norm(v)
        assert_same(curvature(v), matrix @ v, scale)


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize(
    ("domain", "block"), [(domain, block) for domain in BLOCKS for block in BLOCKS[domain]]
)
def test_every_block_below_another_layer(domain, block, curvature_opt):
    first = "convolution" if domain == "images" else "linear"
    assert_right(Architecture(domain=domain, blocks=(first, block)), curvature_opt)


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, curvature_opt):
    assert_right(Architecture(domain="vectors", blocks=("linear", "tanh"), loss=loss), curvature_opt)


@repeatable(60)
@given(architecture=architectures(), curvature_opt=st.sampled_from(sorted(CURVATURES)))
def test_products_of_random_networks(architecture, curvature_opt):
    assert_right(architecture, curvature_opt)


@repeatable(30)
@given(
    architecture=architectures().filter(lambda drawn: drawn.is_sum_over_samples),
    curvature_opt=st.sampled_from(sorted(CURVATURES)),
    memory_budget=st.sampled_from([0, 2**30]),
)
def test_accumulated_curvature_of_random_networks(architecture, curvature_opt, memory_budget):
    assert_adds_up(architecture, curvature_opt, memory_budget)
