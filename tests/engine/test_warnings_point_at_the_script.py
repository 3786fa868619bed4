"""A warning names the line of the script that made it, not one of the library: so `once a line` means what it says."""

import pytest

from engine import problems
from hessianfree import HessianFree


@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_the_ratio(way):
    problem = problems.make("mse")

    def misleading(outputs, targets):
        """Sound where a graph is built, worse by ten in every trial."""
        return problem.loss_function(outputs, targets) + 10.0 * (not outputs.requires_grad)

    def forward():
        outputs = problem.model(problem.inputs)
        return misleading(outputs, problem.targets), outputs

    opt = HessianFree(problem.parameters, lr=0.0)
    step = {
        "step": lambda: opt.step(forward),
        "acc_step": lambda: opt.acc_step(problem.model, misleading, problem.batches()),
    }[way]
    with pytest.warns(UserWarning, match="rho") as caught:
        step()
    assert [warning.filename for warning in caught] == [__file__]


def test_no_damping_to_adapt():
    with pytest.warns(UserWarning, match="adapt_damping") as caught:
        HessianFree(problems.make("mse").parameters, damping=0.0)
    assert caught[0].filename == __file__
