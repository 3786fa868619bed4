"""What a closure or an argument answers that cannot be used is refused by name."""

import pytest
import torch
from torch import nn

from engine import problems
from hessianfree.optimizer import HessianFree


@pytest.mark.parametrize(
    "bad", [torch.zeros(3, dtype=torch.float64), torch.zeros(1, 43, dtype=torch.float64)]
)
def test_a_gradient_of_another_shape_is_refused(bad):
    problem = problems.make("mse")
    with pytest.raises(ValueError, match="grad"):
        HessianFree(problem.parameters).step(problem.forward, grad=bad)


@pytest.mark.parametrize("loss", [torch.ones(2), 3.0])
def test_a_loss_that_is_no_scalar_tensor_is_refused(loss):
    x = nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match="loss"):
        HessianFree([x], curvature_opt="hessian").step(lambda: (loss, None))
