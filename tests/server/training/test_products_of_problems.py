"""Curvature products of every problem: replayed ones are the plain ones, or they fall back on them."""

import pytest
import torch

from hessianfree.curvature import GaussNewton
from hessianfree.curvature.recorded import RecordedProducts
from hessianfree.parameters import Parameters
from hessianfree_lab.training.problems import PROBLEMS
from server.training.sessions import SMALL, TRAINED


@pytest.mark.parametrize("name", TRAINED)
def test_replayed_products_are_the_plain_ones(name):
    problem = PROBLEMS[name]
    task = problem.build(problem.params(**SMALL.get(name, {})), 0, torch.device("cpu"), torch.float64)
    parameters = Parameters([list(task.parameters)])
    plain = GaussNewton(*task.forward(), parameters)
    recorded = RecordedProducts(GaussNewton, measured=False)(*task.forward(), parameters)
    torch.testing.assert_close(recorded.gradient(), plain.gradient())
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        vector = torch.randn(parameters.dimension, dtype=torch.float64, generator=generator)
        product = plain(vector)
        off = torch.linalg.vector_norm(recorded(vector) - product)
        assert off <= 1e-9 * torch.linalg.vector_norm(product)
