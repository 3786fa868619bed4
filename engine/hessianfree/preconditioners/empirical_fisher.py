"""The diagonal of the empirical Fisher matrix as preconditioner [Martens 2010, 4.7].

For samples with losses f_i and gradients g_i the diagonal is sum_i g_i**2 (reduction "sum") or its mean ("mean").
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hessianfree.interfaces import LinearMap
from hessianfree.parameters import Parameters

EXPONENT = 0.75
"""Softens the diagonal, whose extremes mislead CG [Martens 2010, 4.7]."""


def diag_EF_backpack(
    model: nn.Module, loss_function: nn.Module, inputs: Tensor, targets: Tensor, reduction: str
) -> Tensor:
    """The diagonal [P] over the samples of one batch, in one backward pass by BackPACK.

    Fast, but only for models and losses made of modules that BackPACK knows; `diag_EF_autograd` takes any.

    Raises:
        ValueError: `reduction` is neither "sum" nor "mean".
    """
    # BackPACK is slow to import and only this function needs it.
    from backpack import backpack, extend
    from backpack.extensions import SumGradSquared

    _check(reduction)
    # Extending a module leaves hooks and stored activations on it, and backward fills .grad: use a copy.
    model, loss_function = extend(copy.deepcopy(model)), extend(copy.deepcopy(loss_function))
    trainable = [p for p in model.parameters() if p.requires_grad]
    for p in trainable:
        p.grad = None
    with torch.enable_grad(), backpack(SumGradSquared()), warnings.catch_warnings():
        # BackPACK's hooks on the first layer fire although its input needs no gradient, which is as it should be.
        warnings.filterwarnings("ignore", "Full backward hook is firing", UserWarning)
        loss_function(model(inputs), targets).backward()
    diagonal = Parameters([trainable]).flatten([getattr(p, "sum_grad_squared", None) for p in trainable])
    # With a mean, every gradient came divided by N: undo the square of that, then take the mean.
    return diagonal * len(inputs) if reduction == "mean" else diagonal


def diag_EF_autograd(
    model: Callable[[Any], Any],
    loss_function: Callable[[Any, Any], Tensor],
    inputs: Tensor,
    targets: Tensor,
    reduction: str,
) -> Tensor:
    """The diagonal [P] over the samples of one batch, one backward pass a sample: slow, and good for any model.

    Raises:
        ValueError: `reduction` is neither "sum" nor "mean".
    """
    _check(reduction)
    parameters = Parameters([list(model.parameters())])  # type: ignore[attr-defined]
    diagonal = torch.zeros(parameters.dimension, dtype=parameters.dtype, device=parameters.device)
    for i in range(len(inputs)):
        with torch.enable_grad():
            loss = loss_function(model(inputs[i : i + 1]), targets[i : i + 1])
            gradient = torch.autograd.grad(loss, parameters.tensors, allow_unused=True)
        diagonal += parameters.flatten(gradient) ** 2
    return diagonal / len(inputs) if reduction == "mean" else diagonal


def diag_to_preconditioner(
    diag_vec: Tensor, damping: float | Tensor, exponent: float = EXPONENT
) -> LinearMap:
    """x -> (diag_vec + damping) ** -exponent * x."""
    scaling = (diag_vec + damping) ** -exponent

    def precondition(vector: Tensor, /) -> Tensor:
        return scaling * vector

    return precondition


def diag_EF_preconditioner(
    model: nn.Module,
    loss_function: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    reduction: str,
    damping: float,
    exponent: float | None = None,
    use_backpack: bool = True,
) -> LinearMap:
    """The preconditioner from the empirical Fisher diagonal of one batch; `exponent` None: 0.75."""
    diagonal = (diag_EF_backpack if use_backpack else diag_EF_autograd)(
        model, loss_function, inputs, targets, reduction
    )
    return diag_to_preconditioner(diagonal, damping, EXPONENT if exponent is None else exponent)


def _check(reduction: str) -> None:
    if reduction not in ("sum", "mean"):
        raise ValueError(f'reduction must be "sum" or "mean"; got {reduction!r}')
