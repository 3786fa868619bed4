"""Replayed curvature products: right on fresh vectors, with fewer and larger kernels."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine import problems
from engine.replaying import (
    CURVATURES,
    MAKERS,
    Kernels,
    aten,
    kernels_of,
    pooled,
    recurrent,
    replaying,
    vectors,
)
from hessianfree.curvature import GaussNewton
from hessianfree.curvature.recorded import RecordedProducts
from hessianfree.parameters import Parameters


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("make", MAKERS)
def test_products_are_the_dense_matrix_times_fresh_vectors_step_after_step(make, curvature_opt):
    problem, other = make(), make()
    parameters = Parameters([problem.parameters])
    build = RecordedProducts(CURVATURES[curvature_opt], measured=False)
    kernels = []
    for step in range(3):
        matrix = problem.dense(curvature_opt)
        curvature = build(*problem.forward(), parameters)
        for v in vectors(problem, 4):
            with Kernels() as counted:
                product = curvature(v)
            assert torch.linalg.vector_norm(product - matrix @ v) <= 1e-10 * torch.linalg.vector_norm(
                matrix @ v
            )
        kernels.append(counted.count)
        parameters.add(0.1 * vectors(problem, step + 1)[-1])
    assert kernels[0] == kernels[1] == kernels[2]
    plain = CURVATURES[curvature_opt](*other.forward(), Parameters([other.parameters]))
    assert kernels[0].total() < kernels_of(plain, other).total()  # so it was replayed


def test_a_recurrent_net_costs_one_small_product_a_time_step_and_pass():
    def small_products(steps):
        problem = recurrent(steps)
        count = kernels_of(replaying(problem, RecordedProducts(GaussNewton, measured=False)), problem)
        return count[aten.mm.default] + count[aten.addmm.default]

    assert (
        small_products(12) - small_products(10) == 2 * 2
    )  # forward and back, for each of two more time steps


def test_a_convolution_is_run_no_more_often_than_needed():
    problem = pooled()
    count = kernels_of(replaying(problem, RecordedProducts(GaussNewton, measured=False)), problem)
    assert count[aten.convolution.default] == 3  # x V for both layers, (J v) W for the second
    assert count[aten.convolution_backward.default] == 2
    assert count[aten.add.Tensor] == 1  # both parts of the second layer's tangent; the biases are within


def test_activations_come_after_pooling_and_before_its_gradient():
    problem = pooled()
    sizes = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is aten.threshold_backward.default:
                sizes.append(args[0].numel())
            return func(*args, **(kwargs or {}))

    curvature = replaying(problem, RecordedProducts(GaussNewton, measured=False))
    with Sizes():
        curvature(vectors(problem, 1)[0])
    assert sizes == [5 * 3 * 5 * 5] * 2  # of 10 x 10 planes


def test_products_of_numbers_that_are_none_stay_plain_and_cost_no_recording():
    problem = problems.make("mse")
    build = RecordedProducts(GaussNewton, measured=False)
    replaying(problem, build)
    with torch.no_grad():
        problem.parameters[0].fill_(torch.nan)
    curvature = replaying(problem, build)
    assert curvature(vectors(problem, 1)[0]).isnan().any()
    with torch.no_grad():
        problem.parameters[0].fill_(0.1)
    replayed = kernels_of(replaying(problem, build), problem)
    plain = GaussNewton(*problem.forward(), Parameters([problem.parameters]))
    assert replayed.total() < kernels_of(plain, problem).total()
