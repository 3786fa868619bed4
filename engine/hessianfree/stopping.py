"""When CG ends. Each rule is one sentence of the theory; a solver asks them in order and stops at the first reason."""

import math
from dataclasses import dataclass

from hessianfree.records import SolveState


@dataclass(frozen=True, kw_only=True)
class RelativeProgress:
    """Stop when the last k iterations brought less than a share `threshold` of all progress so far.

    With k = max(min_window, window_share * i): (m_i - m_{i-k}) / (m_i - m_0) < threshold, from iteration k + 1 on. The
    form is that of [Martens 2010, 4.4], where the threshold is k * 5e-4; the default here is a flat 5e-4.
    """

    threshold: float = 5e-4
    min_window: int = 10
    window_share: float = 0.1

    def reason(self, state: SolveState) -> str | None:
        i, m = state.iteration, state.model_values
        # The small excess keeps products such as 0.1 * 30, a hair under 3 in binary, from being cut to 2.
        k = max(self.min_window, int(self.window_share * i + 1e-9))
        if i <= k:
            return None
        total = m[i] - m[0]
        if total == 0 or (m[i] - m[i - k]) / total < self.threshold:
            return "Convergence (Martens)"
        return None


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
class ResidualTolerance:
    """Stop when ||Ax - b|| < max(relative * ||b||, absolute)."""

    relative: float = 1e-5
    absolute: float = 0.0

    def reason(self, state: SolveState) -> str | None:
        bound = max(self.relative * state.right_hand_side_norm, self.absolute)
        return "Convergence (tolerances)" if state.residual_norm < bound else None
