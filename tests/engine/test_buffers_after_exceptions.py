"""Buffers when something raises: whoever wrote to them, and whoever catches it."""

import pytest
import torch
from torch import nn

from engine.buffered import assert_equal, buffers, made
from hessianfree.evaluation import DifferentiablePaths, Evaluation
from hessianfree.optimizer import HessianFree


class Checkpointed(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=False)


def test_an_exception_undoes_what_checkpoints_wrote():
    """Their layers run again inside of products, and write into the modules' own tensors."""
    model, (x, y) = made("batch norm")
    before = buffers(model)
    whole = Checkpointed(model)
    changed = []

    def failing(v):
        changed.append(int(model[1].num_batches_tracked))
        if len(changed) == 4:
            raise KeyboardInterrupt
        return v

    with pytest.raises(KeyboardInterrupt):
        HessianFree(model.parameters(), damping=0.1).step(
            lambda: (nn.functional.mse_loss(out := whole(x), y), out), M_func=failing
        )
    assert max(changed) > 0
    assert_equal(buffers(model), before)


def test_an_exception_undoes_what_a_product_of_ones_own_did_to_its_model():
    model, (x, y) = made("without buffers")
    own, _ = made("batch norm")
    before = buffers(own)

    def product(v):
        own(x)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        HessianFree(model.parameters()).step(
            lambda: (nn.functional.mse_loss(out := model(x), y), out), mvp=product
        )
    assert_equal(buffers(own), before)


def test_a_failed_pass_that_somebody_catches_leaves_the_conditions_of_the_step():
    """As a line search may that takes an exception for a bad point."""
    model, (x, _) = made("codebook")
    model.insert(1, nn.Dropout(0.5))
    kept = dict(model.named_buffers())

    def failing():
        model(x)
        raise ArithmeticError

    with torch.random.fork_rng(), Evaluation(x.device, DifferentiablePaths()) as evaluation:
        first = evaluation.run(lambda: model(x))
        state = torch.get_rng_state()
        for index in (0, 1):
            with pytest.raises(ArithmeticError):
                evaluation.run(failing, index)
            assert torch.equal(torch.get_rng_state(), state)
            assert {name: id(b) for name, b in model.named_buffers()} == {
                name: id(b) for name, b in kept.items()
            }
        assert torch.equal(evaluation.run(lambda: model(x)), first)
