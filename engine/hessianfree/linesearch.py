"""How far to go along a step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from warnings import warn

import torch
from torch import Tensor

from hessianfree.records import SearchResult


@dataclass(frozen=True, kw_only=True)
class ArmijoBacktracking:
    """Shrink the scale until the loss falls by a fair share of what its slope promises [Martens & Sutskever 2012, 8.8].

    The first scale in initial, initial * shrink, ... (at most `max_iter` of them) with
    loss(scale) <= loss(0) + scale * sufficient_decrease * slope. If there is none: a warning, and scale 0. A slope that
    does not descend warns too, and the search goes on.
    """

    shrink: float = 0.8
    sufficient_decrease: float = 1e-2
    max_iter: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.shrink < 1:
            raise ValueError(f"shrink must be between 0 and 1; got {self.shrink}")
        if self.sufficient_decrease < 0:
            raise ValueError(f"sufficient_decrease must be >= 0; got {self.sufficient_decrease}")
        if self.max_iter < 1:
            raise ValueError(f"max_iter must be >= 1; got {self.max_iter}")

    def search(
        self, loss_along: Callable[[float], float], loss_at_zero: float, slope: float, initial_scale: float
    ) -> SearchResult:
        if slope > 0:  # a slope of zero is a stationary point: nothing to warn of
            warn(
                "`update_vec`-parameter in `simple_linesearch` is not a descent direction. "
                f"The directional derivative is {slope:.6f}.",
                stacklevel=2,
            )
        trials: list[tuple[float, float]] = []
        scale = initial_scale
        for _ in range(self.max_iter):
            loss = loss_along(scale)
            trials.append((scale, loss))
            if loss <= loss_at_zero + scale * self.sufficient_decrease * slope:
                return SearchResult(scale=scale, loss=loss, trials=tuple(trials))
            scale *= self.shrink
        warn("No suitable update could be found by the line search: the parameters stay.", stacklevel=2)
        return SearchResult(scale=0.0, loss=loss_at_zero, trials=tuple(trials))


@dataclass(frozen=True, kw_only=True)
class FixedScale:
    """No search: the whole step times the learning rate."""

    def search(
        self, loss_along: Callable[[float], float], loss_at_zero: float, slope: float, initial_scale: float
    ) -> SearchResult:
        del loss_at_zero, slope
        return SearchResult(scale=initial_scale, loss=loss_along(initial_scale), trials=())


def simple_linesearch(
    f: Callable[[Tensor], Any],
    f_grad_0: Tensor,
    step: Tensor,
    init_alpha: float = 1.0,
    beta: float = 0.8,
    c: float = 1e-2,
    max_iter: int = 20,
    verbose: bool = False,
) -> tuple[float, float]:
    """`ArmijoBacktracking` as one function: scale and loss of the update `scale * step`.

    Args:
        f: Maps a step [P] to the objective's value there.
        f_grad_0: Gradient of f at 0, [P].
        step: Proposed step, [P].
        init_alpha: First scale tried.
        beta: Factor from one trial to the next, < 1.
        c: Share of the slope's promise that is enough, >= 0.
        max_iter: Most trials.
        verbose: Print the trials.

    Raises:
        ValueError: beta or c out of bounds.
    """
    search = ArmijoBacktracking(shrink=beta, sufficient_decrease=c, max_iter=max_iter)
    f_0 = float(f(torch.zeros_like(step)))
    slope = torch.dot(f_grad_0, step).item()
    result = search.search(lambda scale: float(f(scale * step)), f_0, slope, init_alpha)
    if verbose:
        for scale, loss in result.trials:
            print(f"line search: alpha = {scale:.6f}, f = {loss:.6f}")
    return result.scale, result.loss
