"""The diagonal of the empirical Fisher matrix as preconditioner [Martens 2010, 4.7].

For samples with losses f_i and gradients g_i the diagonal is sum_i g_i**2 (reduction "sum") or its mean ("mean").
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from hessianfree.interfaces import LinearMap, Ranks
from hessianfree.parameters import Parameters

EXPONENT = 0.75
"""Softens the diagonal, whose extremes mislead CG [Martens 2010, 4.7]."""

ENTRIES_AT_A_TIME = 2**24
"""Of single samples' gradients, held at once."""


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
    """The diagonal [P] over the samples of one batch, for any model.

    Many samples at a time where torch can map its gradient over them; else, as with operations that depend on the
    data, a backward pass a sample, which is slow.

    Raises:
        ValueError: `reduction` is neither "sum" nor "mean".
    """
    _check(reduction)
    try:
        diagonal = _mapped(model, loss_function, inputs, targets)
    except RuntimeError:  # the only kind that torch.func has for what it cannot map
        diagonal = _one_by_one(model, loss_function, inputs, targets)
    return diagonal / len(inputs) if reduction == "mean" else diagonal


def _mapped(
    model: Any, loss_function: Callable[[Any, Any], Tensor], inputs: Tensor, targets: Tensor
) -> Tensor:
    """Sum of the squared gradients; so many samples at a time that their gradients stay within bounds."""
    trainable = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    parameters = Parameters([list(model.parameters())])

    def loss_of(tensors: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return loss_function(functional_call(model, tensors, (x[None],)), y[None])

    gradients = vmap(grad(loss_of), in_dims=(None, 0, 0), randomness="different")
    diagonal = parameters.zeros()
    at_a_time = max(1, ENTRIES_AT_A_TIME // parameters.dimension)
    for x, y in zip(torch.split(inputs, at_a_time), torch.split(targets, at_a_time), strict=True):
        found = gradients(trainable, x, y)
        diagonal += parameters.flatten([found[name].square().sum(0) for name in trainable])
    return diagonal


def _one_by_one(
    model: Any, loss_function: Callable[[Any, Any], Tensor], inputs: Tensor, targets: Tensor
) -> Tensor:
    parameters = Parameters([list(model.parameters())])
    diagonal = parameters.zeros()
    for i in range(len(inputs)):
        with torch.enable_grad():
            loss = loss_function(model(inputs[i : i + 1]), targets[i : i + 1])
            gradient = torch.autograd.grad(loss, parameters.tensors, allow_unused=True)
        diagonal += parameters.flatten(gradient) ** 2
    return diagonal


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
    *,
    ranks: Ranks | None = None,
) -> LinearMap:
    """The preconditioner from the empirical Fisher diagonal of one batch; `exponent` None: 0.75.

    With `ranks` the batch is spread over them; each has a part, and all call this together.
    """
    estimate = diag_EF_backpack if use_backpack else diag_EF_autograd
    data = model, loss_function, inputs, targets, reduction
    diagonal = (
        estimate(*data)
        if ranks is None
        else _pooled(ranks, lambda: estimate(*data), model, inputs, reduction)
    )
    return diag_to_preconditioner(diagonal, damping, EXPONENT if exponent is None else exponent)


def _pooled(
    ranks: Ranks, estimate: Callable[[], Tensor], model: nn.Module, inputs: Tensor, reduction: str
) -> Tensor:
    """The sum of the ranks' diagonals, or their mean by samples, whose number travels as the last entry."""

    def local(into: Tensor) -> None:
        diagonal, samples = estimate(), len(inputs)
        into[:-1] += diagonal * samples if reduction == "mean" else diagonal
        into[-1] += samples

    dimension = sum(p.numel() for p in model.parameters() if p.requires_grad)
    total = ranks.pool("empirical Fisher", next(model.parameters()).new_zeros(dimension + 1), local)
    return total[:-1] / total[-1] if reduction == "mean" else total[:-1]


def _check(reduction: str) -> None:
    if reduction not in ("sum", "mean"):
        raise ValueError(f'reduction must be "sum" or "mean"; got {reduction!r}')
