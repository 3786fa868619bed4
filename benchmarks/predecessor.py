"""The algorithm of the earlier implementation, written down plainly: what the engine's speed is measured against.

Known of it, from its documentation: the order of a step; products with the curvature are BackPACK's, on one forward
graph kept for the whole step; vectors are flat, and every trial point is written by making the parameters views of one
vector; CG reads its scalars one by one and keeps the iterates of a growing grid; the loss is evaluated wherever the
algorithm names it, so at zero, at the last iterate and at the chosen one more than once; the reduction ratio is
measured from CG's start; over a list of batches every product runs every forward pass anew.

Assumed: vector algebra makes new vectors, as formulas written down in torch do; the residual at CG's start costs a
product; the Hessian's products derive the gradient anew, as BackPACK's `hessian_vector_product` does unless it is
handed one; no preconditioner. No loss is evaluated that is only printed. It shares no code with the engine.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from backpack.hessianfree.ggnvp import ggn_vector_product_from_plist
from backpack.hessianfree.hvp import hessian_vector_product
from torch import Tensor

Product = Callable[[Tensor], Tensor]


class Predecessor:
    """Hessian-free steps with the earlier implementation's defaults: damping adapted, backtracking, line search."""

    def __init__(
        self,
        parameters: Sequence[Tensor],
        curvature_opt: str = "ggn",
        damping: float = 1.0,
        cg_max_iter: int = 250,
        stops_early: bool = True,
        ratio_from_zero: bool = False,
    ) -> None:
        """Set up.

        `stops_early=False`: CG takes `cg_max_iter` iterations whatever it reaches, for timings of like with like.
        `ratio_from_zero=True`: the reduction ratio as [Martens 2010, 4.1] has it, not from CG's start.
        """
        self.parameters = [p for p in parameters if p.requires_grad]
        self.curvature_opt = curvature_opt
        self.damping = damping
        self.cg_max_iter = cg_max_iter
        self.stops_early = stops_early
        self.ratio_from_zero = ratio_from_zero
        self.x0 = torch.zeros_like(flat(self.parameters))  # where the next CG starts, [P]
        self.model_values: list[float] = []  # of the latest CG, one an iteration
        self.loss_evaluations = 0  # all so far

    def step(self, forward: Callable[[], tuple[Tensor, Tensor]]) -> float:
        """One step on the function `forward() -> (loss, outputs)`; answers the loss after it."""
        loss, outputs = forward()
        gradient = flat(torch.autograd.grad(loss, self.parameters, retain_graph=True, materialize_grads=True))

        def evaluate() -> float:
            return forward()[0].item()

        return self._advance(gradient, lambda v: self._product(loss, outputs, v), evaluate)

    def acc_step(
        self,
        model: Callable[[Any], Tensor],
        loss_function: Callable[[Tensor, Tensor], Tensor],
        batches: Sequence[tuple[Any, Tensor]],
    ) -> float:
        """One step on a mean loss over a list of `(inputs, targets)`; answers the loss after it."""
        total = sum(targets.numel() for _, targets in batches)

        def forward(inputs: Any, targets: Tensor) -> tuple[float, Tensor, Tensor]:
            outputs = model(inputs)
            return targets.numel() / total, loss_function(outputs, targets), outputs

        def product(v: Tensor) -> Tensor:
            result = torch.zeros_like(v)
            for batch in batches:
                share, loss, outputs = forward(*batch)
                result = result + share * self._product(loss, outputs, v)
            return result

        def evaluate() -> float:
            shares_and_losses = (forward(*batch)[:2] for batch in batches)
            return sum(share * loss.item() for share, loss in shares_and_losses)

        gradient = torch.zeros_like(self.x0)
        for batch in batches:
            share, loss, _ = forward(*batch)
            parts = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
            gradient = gradient + share * flat(parts)
        return self._advance(gradient, product, evaluate)

    def _product(self, loss: Tensor, outputs: Tensor, v: Tensor) -> Tensor:
        parts = like(v, self.parameters)
        if self.curvature_opt == "ggn":
            return flat(ggn_vector_product_from_plist(loss, outputs, self.parameters, parts))
        return flat(hessian_vector_product(loss, self.parameters, parts))

    def _advance(self, gradient: Tensor, product: Product, evaluate: Callable[[], float]) -> float:
        origin = flat(self.parameters)

        def f(step: Tensor) -> float:
            self.loss_evaluations += 1
            self._write(origin + step)
            with torch.no_grad():
                return evaluate()

        damping, x0 = self.damping, self.x0
        iterates, self.model_values = conjugate_gradients(
            lambda v: product(v) + damping * v, -gradient, x0, self.cg_max_iter, self.stops_early
        )
        last = iterates[-1]
        assert last is not None
        self.x0 = 0.95 * last

        before = torch.zeros_like(x0) if self.ratio_from_zero else x0
        predicted = self.model_values[-1] - (0.0 if self.ratio_from_zero else self.model_values[0])
        ratio = (f(last) - f(before)) / predicted if predicted else math.nan
        if ratio < 0.25:
            self.damping = damping * 3 / 2
        elif ratio > 0.75:
            self.damping = damping * 2 / 3

        kept = [iterate for iterate in iterates if iterate is not None]
        step, best = kept[-1], f(kept[-1])
        for iterate in reversed(kept[:-1]):
            loss = f(iterate)
            if loss >= best:
                break
            step, best = iterate, loss

        scale, after = armijo(f, gradient, step)
        self._write(origin + scale * step)
        return after

    def _write(self, vector: Tensor) -> None:
        for p, part in zip(self.parameters, like(vector, self.parameters), strict=True):
            p.data = part


def conjugate_gradients(
    A: Product, b: Tensor, x0: Tensor, max_iter: int, stops_early: bool
) -> tuple[list[Tensor | None], list[float]]:
    """Iterates of A x = b (None where not on the grid; the last always) and 0.5 x'Ax - b'x at every one."""
    grid = {math.ceil(1.3**j) - 1 for j in range(math.ceil(math.log(max_iter + 1, 1.3)) + 1)}
    x = x0
    r = A(x) - b
    p = -r
    iterates: list[Tensor | None] = [x]
    values = [0.5 * torch.dot(r - b, x).item()]
    i = 0
    while True:
        k = max(10, i // 10)
        slow = i > k and (values[i] - values[i - k]) / (values[i] - values[0]) < 5e-4
        if (slow and stops_early) or i >= max_iter or torch.isnan(r).any().item():
            break
        small = torch.linalg.vector_norm(r).item() < 1e-5 * torch.linalg.vector_norm(b).item()
        if small and stops_early:
            break
        Ap = A(p)
        pAp = torch.dot(p, Ap).item()
        rr = torch.dot(r, r).item()
        alpha = rr / pAp
        x = x + alpha * p
        r = r + alpha * Ap
        beta = torch.dot(r, r).item() / rr
        p = -r + beta * p
        i += 1
        iterates.append(x)
        values.append(0.5 * torch.dot(r - b, x).item())
        if i - 1 not in grid:
            iterates[i - 1] = None
    return iterates, values


def armijo(f: Callable[[Tensor], float], gradient: Tensor, step: Tensor) -> tuple[float, float]:
    """The first scale in 1, 0.8, ... that lets the loss fall enough, and the loss there."""
    f_0 = f(torch.zeros_like(step))
    slope = torch.dot(gradient, step).item()
    scale = 1.0
    for _ in range(20):
        loss = f(scale * step)
        if loss <= f_0 + 1e-2 * scale * slope:
            return scale, loss
        scale *= 0.8
    return 0.0, f_0


def flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([t.detach().reshape(-1) for t in tensors])


def like(vector: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Views of a flat vector, shaped like `tensors`."""
    ends = [0]
    for t in tensors:
        ends.append(ends[-1] + t.numel())
    return [vector[i:j].view_as(t) for (i, j), t in zip(pairwise(ends), tensors, strict=True)]
