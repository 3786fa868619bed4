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
from hessianfree.curvature.recomputed import recomputed
from hessianfree.curvature.saved import SavedTensors
from hessianfree.execution import Execution
from hessianfree.parameters import Parameters

pytestmark = pytest.mark.slow

CURVATURES = {"ggn": GaussNewton, "hessian": Hessian}
EXACT = 1e-10  # relative

either_way = pytest.mark.parametrize("products", ["plain", "recorded"])


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


def builder(curvature_opt, products):
    return Execution(products=products).curvature(CURVATURES[curvature_opt])


def assert_right(architecture, curvature_opt, products):
    """At two points, one after the other: what is kept from the first must not remember its parameters."""
    problem = architecture.problem()
    build = builder(curvature_opt, products)
    parameters = Parameters([problem.parameters])
    for _ in range(2):
        matrix = dense(problem, curvature_opt)
        norm = torch.linalg.matrix_norm(matrix)  # of a product with a vector of standard normals, about
        with SavedTensors():  # as a step does; what cannot be recorded would warn
            curvature = build(*problem.forward(), parameters)
        assert_same(curvature.gradient(), reference.gradient(problem.forward()[0], problem.trainable))
        given = vectors(problem.dimension)
        answers = [curvature(v) for v in given]
        for v, product in zip(given, answers, strict=True):
            assert_same(product, matrix @ v, norm)
        assert_same(given[0] @ answers[-1], given[-1] @ answers[0], norm * given[0] @ given[0])
        parameters.add(0.1 * given[1])


def assert_adds_up(architecture, curvature_opt, products, memory_budget):
    """In batches of two sizes, with every graph kept between products, or none."""
    problem = architecture.problem()
    parameters = Parameters([problem.parameters])
    batches = problem.batches((3, architecture.samples - 3))
    is_sum = architecture.loss.endswith("sum")
    build = builder(curvature_opt, products)

    def run(batch):
        outputs = problem.model(batch[0])
        return problem.loss_function(outputs, batch[1]), outputs

    curvature = AccumulatedCurvature(
        lambda batch: build(*run(batch), parameters),
        lambda batch: recomputed(build, lambda: run(batch), lambda: run(batch), parameters),
        [(1.0 if is_sum else len(batch[1]) / architecture.samples, batch) for batch in batches],
        memory_budget=memory_budget,
    )
    matrix = dense(problem, curvature_opt)
    for v in vectors(problem.dimension):
        assert_same(curvature(v), matrix @ v, torch.linalg.matrix_norm(matrix))


@either_way
@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize(
    ("domain", "block"), [(domain, block) for domain in BLOCKS for block in BLOCKS[domain]]
)
def test_every_block_below_another_layer(domain, block, curvature_opt, products):
    first = "convolution" if domain == "images" else "linear"
    assert_right(Architecture(domain=domain, blocks=(first, block)), curvature_opt, products)


@either_way
@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, curvature_opt, products):
    architecture = Architecture(domain="vectors", blocks=("linear", "tanh"), loss=loss)
    assert_right(architecture, curvature_opt, products)


@either_way
@repeatable(40)
@given(architecture=architectures(), curvature_opt=st.sampled_from(sorted(CURVATURES)))
def test_products_of_random_networks(products, architecture, curvature_opt):
    assert_right(architecture, curvature_opt, products)


@either_way
@repeatable(20)
@given(
    architecture=architectures().filter(lambda drawn: drawn.is_sum_over_samples),
    curvature_opt=st.sampled_from(sorted(CURVATURES)),
    memory_budget=st.sampled_from([0, 2**30]),
)
def test_accumulated_curvature_of_random_networks(products, architecture, curvature_opt, memory_budget):
    assert_adds_up(architecture, curvature_opt, products, memory_budget)
