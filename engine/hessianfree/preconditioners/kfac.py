"""Kronecker-factored blocks of the curvature as preconditioner."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hessianfree.curvature.loss_hessian import LossHessian
from hessianfree.graph import Edge
from hessianfree.interfaces import FlatView, Ranks
from hessianfree.preconditioners import estimates
from hessianfree.preconditioners.layers import Layer, Watch, layers_of
from hessianfree.preconditioners.output_samples import sample
from hessianfree.records import ForwardPass, Linearization, Preconditioning


@dataclass(frozen=True, kw_only=True)
class KFAC:
    """(A + a I) x (G + b I) for each layer's block of the curvature, inverted [Martens & Grosse 2015, 3; 6.3].

    A [I, I] is the mean of a a' over the inputs a of the layer, G [O, O] the sum of g g' over the slopes g that arrive
    at its outputs when the loss's are drawn at random (see `sample`). A layer called more than once, or a
    convolution, counts every call and place as a row of its own [Eschenhagen et al. 2023, 3: expand]. What belongs to
    no linear layer or 2-D convolution of `model`, what is shared between two, and layers whose weights are used without
    calling them, have the square of the same random slopes as their diagonal, averaged in the same way.

    a and b are `ridge` times the factor's mean eigenvalue, and, if `damped`, sqrt(damping) besides, shared between the
    factors by the ratio of their mean eigenvalues [ibid., 6.3]. What the factors take for steep CG leaves for later,
    so that in a truncated solve the ridge alone is a second damping; docs/methods.md has what that is worth.

    The damping of a layer is in units of its mean curvature, mean(diag A) mean(diag G), to the power of `balance`: 0 is
    Tikhonov's, the same for all, 1 as scale-free as [Marquardt 1963]. Layers of a deep net differ by orders of
    magnitude: a damping right for some of them ties the others down.

    The factors are moving averages, the last estimate weighing 1 - decay, and the first ones their plain mean. All is
    renewed every `every` steps: at a forward and a backward pass over the curvature's data, and one inverse a factor,
    O(I^3 + O^3). Applying it costs two products of matrices a layer, as a gradient over I + O cases does at most.

    `model` is only watched, by hooks, during passes of its own. With the Hessian it approximates the Gauss-Newton
    matrix all the same.
    """

    model: nn.Module
    ridge: float = 0.01
    damped: bool = False
    balance: float = 0.5
    decay: float = 0.8
    every: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.ridge < math.inf:
            raise ValueError(f"ridge must be above 0 and finite; got {self.ridge}")
        if not 0 <= self.balance <= 1:
            raise ValueError(f"balance must be from 0 to 1; got {self.balance}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be >= 0 and below 1; got {self.decay}")
        if self.every < 1:
            raise ValueError(f"every must be at least 1; got {self.every}")

    def __call__(
        self, here: Linearization, damping: float | Tensor, memory: Mapping[str, Tensor] | None
    ) -> Preconditioning:
        if not here.passes:
            raise ValueError("KFAC needs forward passes; this objective's linearization has none")
        parameters = here.passes[0].parameters
        layers = layers_of(self.model, parameters.tensors)
        call = estimates.call_number(memory)
        if memory is not None and call % self.every:
            kept = {**memory, "calls": torch.tensor(call + 1)}
            return self._prepared(layers, parameters, kept, cost=0.0)
        generator = estimates.generator(here.gradient, self.seed, call)
        renewals = call // self.every + 1
        share = 1 - min(self.decay, 1 - 1 / renewals)
        factors = _estimated(here.ranks, here.passes, layers, generator)
        if memory is not None:
            factors = {
                name: memory[name].lerp(new, share) if name in memory else new
                for name, new in factors.items()
            }
        units = _mean_curvatures(factors, layers, parameters) ** self.balance if self.balance else None
        damping = (damping if units is None else damping * units) if self.damped else 0.0
        inverses = _inverted(factors, layers, parameters, damping, self.ridge)
        kept = {"calls": torch.tensor(call + 1), **factors, **inverses}
        if units is not None:
            kept["units"] = units
        return self._prepared(layers, parameters, kept, cost=here.product_cost)

    def _prepared(
        self, layers: Sequence[Layer], parameters: FlatView, kept: Mapping[str, Tensor], cost: float
    ) -> Preconditioning:
        return Preconditioning(
            inverse=_Inverse(layers, parameters, kept),
            damping_units=kept.get("units"),
            memory=kept,
            cost=cost,
        )


class _Inverse:
    """v -> the inverses on either side of v's blocks, and over the rest's diagonal."""

    def __init__(self, layers: Sequence[Layer], parameters: FlatView, memory: Mapping[str, Tensor]) -> None:
        self._parameters = parameters
        self._blocks = [
            (layer, memory[f"A{i}^-1"], memory[f"G{i}^-1"]) for i, layer in _with_factors(layers, memory)
        ]
        self._rest = memory["rest^-1"]  # 0 for what the layers hold

    def __call__(self, vector: Tensor, /) -> Tensor:
        result = self._rest * vector
        parts, answers = self._parameters.split(vector), self._parameters.split(result)
        for layer, A, G in self._blocks:
            layer.write(G @ layer.joined(parts) @ A, answers)
        return result


def _estimated(
    ranks: Ranks, passes: Sequence[ForwardPass], layers: Sequence[Layer], generator: torch.Generator
) -> dict[str, Tensor]:
    """Factors A0, G0, A1, ... of the layers that fresh passes call, and "rest" [P], the squared slopes of others."""
    parameters = passes[0].parameters
    matrices = [layer.joined(parameters.tensors).detach() for layer in layers]
    like = parameters.flatten(parameters.tensors)
    # One vector for all, so that ranks need to add up only once; all layers, whichever of them are called on a rank. In
    # float32 at least, which holds the numbers of rows.
    sizes = [len(layers), like.numel(), *(size**2 for matrix in matrices for size in reversed(matrix.shape))]
    generator = estimates.own_generator(generator, ranks.rank)

    def add_passes(into: Tensor) -> None:
        rows, squared, *sums = torch.split(into, sizes)
        for forward in passes:
            _add_pass(forward, layers, generator, rows, squared, sums)

    wide = torch.promote_types(like.dtype, torch.float32)
    total = ranks.pool("K-FAC factors", like.new_zeros(sum(sizes), dtype=wide), add_passes)
    rows, squared, *sums = torch.split(total, sizes)
    rest = squared.to(like.dtype, copy=True)
    factors = {"rest": rest}
    for i, (layer, matrix, called) in enumerate(zip(layers, matrices, rows.tolist(), strict=True)):
        if called:
            factors[f"A{i}"] = (sums[2 * i] / called).view(matrix.shape[1], -1).to(like.dtype)
            factors[f"G{i}"] = sums[2 * i + 1].view(matrix.shape[0], -1).to(like.dtype, copy=True)
            for place in layer.places:
                parameters.split(rest)[place].zero_()
    return factors


def _add_pass(
    forward: ForwardPass,
    layers: Sequence[Layer],
    generator: torch.Generator,
    rows: Tensor,
    squared: Tensor,
    sums: Sequence[Tensor],
) -> None:
    """Add to each layer's `rows` [L] and to its `sums`, of a a' and of g g', flat; and to `squared` [P] of the rest."""
    parameters = forward.parameters
    watch = Watch(layers)
    with watch.watching(), torch.enable_grad():
        loss, outputs = forward.run()
    hessian = LossHessian(loss, outputs, parameters)
    edges = [edge for calls in watch.edges for edge in calls]
    called = {
        place for layer, calls in zip(layers, watch.edges, strict=True) for place in layer.places if calls
    }
    others = [i for i in range(len(parameters.tensors)) if i not in called]
    arriving = _slopes_at(
        [*edges, *(parameters.tensors[i] for i in others)], hessian, forward.weight, generator
    )
    of_calls, of_others = arriving[: len(edges)], arriving[len(edges) :]
    for i, layer in enumerate(layers):
        if (seen := watch.squares[i]) is not None:
            sums[2 * i] += seen.flatten()
        rows[i] += watch.rows[i]
        for slope in of_calls[: len(watch.edges[i])]:
            if slope is not None:
                g = layer.slopes(slope)
                sums[2 * i + 1] += (g.T @ g).flatten()
        of_calls = of_calls[len(watch.edges[i]) :]
    spread: list[Tensor | None] = [None] * len(parameters.tensors)
    for i, slope in zip(others, of_others, strict=True):
        spread[i] = None if slope is None else slope.square()
    squared += parameters.flatten(spread)


def _with_factors(layers: Sequence[Layer], memory: Mapping[str, Tensor]) -> list[tuple[int, Layer]]:
    """The layers that were called, with their numbers."""
    return [(i, layer) for i, layer in enumerate(layers) if f"A{i}" in memory]


def _slopes_at(
    places: Sequence[Edge | Tensor], hessian: LossHessian, weight: float, generator: torch.Generator
) -> list[Tensor | None]:
    """Random slopes of the outputs, carried back to edges of the graph and to parameters; None where none arrives."""
    if hessian.is_zero or not places:
        return [None] * len(places)
    inputs: list[Any] = [  # of both kinds, which torch takes together, but does not say so
        torch.autograd.graph.GradientEdge(*place) if isinstance(place, tuple) else place for place in places
    ]
    drawn = sample(hessian, weight, generator)
    return list(
        torch.autograd.grad(
            hessian.arguments, inputs, grad_outputs=drawn, retain_graph=True, allow_unused=True
        )
    )


def _means(factors: Mapping[str, Tensor], layers: Sequence[Layer]) -> list[tuple[int, Layer, Tensor, Tensor]]:
    """Each layer with factors, its number, and the mean eigenvalues of its A and G, both above zero.

    What the data never reach has no scale of its own: it gets the least that the others' can be told apart from.
    """
    means = [
        (i, layer, factors[f"A{i}"].diagonal().mean(), factors[f"G{i}"].diagonal().mean())
        for i, layer in _with_factors(layers, factors)
    ]
    largest = torch.stack([factors["rest"].max(), *(a * g for _, _, a, g in means)]).max()
    least = estimates.least_divisor(largest)
    floored = ((i, layer, a.clamp(min=torch.finfo(a.dtype).eps), g) for i, layer, a, g in means)
    return [(i, layer, a, torch.maximum(g, least / a)) for i, layer, a, g in floored]


def _mean_curvatures(factors: Mapping[str, Tensor], layers: Sequence[Layer], parameters: FlatView) -> Tensor:
    """[P], for each parameter its layer's mean curvature; the rest's own mean for the rest."""
    rest, means = factors["rest"], _means(factors, layers)
    held = sum(parameters.split(rest)[place].numel() for _, layer, _, _ in means for place in layer.places)
    others = rest.sum() / max(rest.numel() - held, 1)
    smallest = torch.stack([a * g for _, _, a, g in means]).min() if means else torch.ones_like(others)
    curvatures = torch.where(others > 0, others, smallest).expand_as(rest).clone()
    parts = parameters.split(curvatures)
    for _, layer, a, g in means:
        for place in layer.places:
            parts[place].fill_((a * g).item())
    return curvatures


def _inverted(
    factors: Mapping[str, Tensor],
    layers: Sequence[Layer],
    parameters: FlatView,
    damping: float | Tensor,
    ridge: float,
) -> dict[str, Tensor]:
    """A0^-1, G0^-1, ..., rest^-1, damped; `damping` is a float or [P]."""
    rest = factors["rest"]
    dampings = torch.zeros_like(rest) + damping
    by_tensor = parameters.split(dampings)
    inverses = {}
    divisor = rest + dampings + torch.maximum(ridge * rest.mean(), estimates.least_divisor(rest.max()))
    inverses["rest^-1"] = 1 / divisor
    diagonal = parameters.split(inverses["rest^-1"])
    for i, layer, a, g in _means(factors, layers):
        root = by_tensor[layer.weight].mean().sqrt()
        inverses[f"A{i}^-1"] = _inverse(factors[f"A{i}"], ridge * a + root * (a / g).sqrt())
        inverses[f"G{i}^-1"] = _inverse(factors[f"G{i}"], ridge * g + root * (g / a).sqrt())
        for place in layer.places:
            diagonal[place].zero_()
    return inverses


def _inverse(factor: Tensor, shift: Tensor) -> Tensor:
    """(factor + shift I)^-1; in float32 at least, which Cholesky's decomposition asks for."""
    damped = factor.to(torch.promote_types(factor.dtype, torch.float32), copy=True)
    damped.diagonal().add_(shift)
    return torch.cholesky_inverse(torch.linalg.cholesky(damped)).to(factor)
