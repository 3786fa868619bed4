"""When CG ends. Each rule is one sentence of the theory; a solver asks them in order and stops at the first reason."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from hessianfree.exchange import Exchange
from hessianfree.records import SolveState


@dataclass(frozen=True, kw_only=True)
class RelativeProgress:
    """Stop when the last k iterations brought less than a share `threshold` of all progress so far.

    With k = max(min_window, window_share * i): (m_i - m_{i-k}) / (m_i - m_0) < threshold, from iteration k + 1 on. The
    form is that of [Martens 2010, 4.4], see MartensProgress, but the threshold is flat and progress counts from the
    start, as in the earlier implementation.
    """

    threshold: float = 5e-4
    min_window: int = 10
    window_share: float = 0.1

    def reason(self, state: SolveState) -> str | None:
        i, m = state.iteration, state.model_values
        k = _window(i, self.min_window, self.window_share)
        if i <= k:
            return None
        total = m[i] - m[0]
        if total == 0 or (m[i] - m[i - k]) / total < self.threshold:
            return "Convergence (Martens)"
        return None


@dataclass(frozen=True, kw_only=True)
class MartensProgress:
    """Stop when the last k iterations brought, each on average, less than a share `per_iteration` of the model's value.

    With k = max(min_window, window_share * i): m_i < 0 and (m_i - m_{i-k}) / m_i < k * per_iteration, from iteration
    k + 1 on [Martens 2010, 4.4]. At least ten times looser than RelativeProgress, and the value counts from x = 0,
    where the model is 0, so that a good start is not held against the progress since.
    """

    per_iteration: float = 5e-4
    min_window: int = 10
    window_share: float = 0.1

    def __post_init__(self) -> None:
        if not self.per_iteration > 0:
            raise ValueError(f"per_iteration must be above 0; got {self.per_iteration}")
        if self.min_window < 1:
            raise ValueError(f"min_window must be at least 1; got {self.min_window}")
        if not 0 <= self.window_share < 1:
            raise ValueError(f"window_share must be in [0, 1); got {self.window_share}")

    def reason(self, state: SolveState) -> str | None:
        i, m = state.iteration, state.model_values
        k = _window(i, self.min_window, self.window_share)
        if i > k and m[i] < 0 and (m[i] - m[i - k]) / m[i] < k * self.per_iteration:
            return "Convergence (Martens)"
        return None


def _window(iteration: int, least: int, share: float) -> int:
    # The small excess keeps products such as 0.1 * 30, a hair under 3 in binary, from being cut to 2.
    return max(least, int(share * iteration + 1e-9))


@dataclass(frozen=True, kw_only=True)
class IterationLimit:
    """Stop after the solver's `max_iter` iterations."""

    def reason(self, state: SolveState) -> str | None:
        return "Number of iterations" if state.iteration >= state.max_iter else None


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """Stop when the residual is no longer a number."""

    def reason(self, state: SolveState) -> str | None:
        return "Divergence" if math.isnan(state.residual_norm) else None


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """Stop when the time is up, wherever that is: when `seconds_left()` is 0 or less.

    The step is made with what CG has by then, and may be none at all. One more product may be under way: a solve ends
    that much late. A step that this rule has ended does not repeat. In a process group the first rank whose time is up
    ends the solve on all, after the product that tells the others.
    """

    seconds_left: Callable[[], float]

    @property
    def is_over(self) -> bool:
        return Exchange.agreed(self.seconds_left() <= 0)

    def reason(self, state: SolveState) -> str | None:
        del state
        return "Deadline" if self.is_over else None


@dataclass(frozen=True, kw_only=True)
class ResidualTolerance:
    """Stop when ||Ax - b|| < max(relative * ||b||, absolute)."""

    relative: float = 1e-5
    absolute: float = 0.0

    def reason(self, state: SolveState) -> str | None:
        bound = max(self.relative * state.right_hand_side_norm, self.absolute)
        return "Convergence (tolerances)" if state.residual_norm < bound else None


@dataclass(frozen=True, kw_only=True)
class ForcingSequence:
    """Stop when ||Ax - b|| <= min(most, ||b||**power) * ||b||: the closer to a stationary point, the more exact.

    b is the negative gradient. With full steps near a minimum, power 1/2 makes Newton's method converge superlinearly,
    power 1 quadratically [Dembo, Eisenstat & Steihaug 1982; Nocedal & Wright 2006, 7.1]. Not free of scale: the loss
    times 100 is solved ten (power 1/2) or a hundred times (power 1) less exactly, up to `most`.
    """

    most: float = 0.5
    power: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.most < 1:
            raise ValueError(f"most must be between 0 and 1; got {self.most}")
        if not self.power > 0:
            raise ValueError(f"power must be above 0; got {self.power}")

    def reason(self, state: SolveState) -> str | None:
        b_norm = state.right_hand_side_norm
        bound = min(self.most, b_norm**self.power) * b_norm
        return "Convergence (forcing sequence)" if state.residual_norm <= bound else None
