"""What passes between the parts of one step: frozen, and without behaviour beyond arithmetic on themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from hessianfree.interfaces import FlatView, LinearMap, Ranks


@dataclass(frozen=True, kw_only=True)
class ForwardPass:
    """A way to run the model once more at the current parameters, on some of the curvature's data.

    `run()` answers (loss, outputs) with a graph; the objective is the sum of the passes' losses, `weight` each.
    """

    parameters: FlatView
    weight: float
    run: Callable[[], tuple[Tensor, Any]]


@dataclass(frozen=True)
class OneProcess:
    """Where there are no other ranks: what this process finds is all there is."""

    rank: int = 0

    def pool(self, place: str, like: Tensor, local: Callable[[Tensor], object]) -> Tensor:
        """What `local(into)` adds to zeros shaped as `like`."""
        del place
        total = torch.zeros_like(like)
        local(total)
        return total


@dataclass(frozen=True, kw_only=True)
class Linearization:
    """What is known of the objective at the current parameters.

    `cost` is what it took to get here, `product_cost` what one curvature product takes, both in gradients of the
    full batch (docs/engine.md explains the unit). `passes` are for what looks into the model while it computes; none
    of them has run yet. `entries` of outputs or targets were looked at: between two places of one kind, how much data
    one has of the other; 0: nobody can tell. Where the data are spread over several processes the passes are this
    one's, and `ranks` adds up what comes from them.
    """

    loss: float
    gradient: Tensor  # [P]
    curvature: LinearMap  # [P] -> [P], undamped
    cost: float
    product_cost: float
    entries: int = 0
    passes: tuple[ForwardPass, ...] = ()
    ranks: Ranks = OneProcess()


@dataclass(frozen=True, kw_only=True)
class Preconditioning:
    """A preconditioner at one point, and what it took to make.

    `memory` is handed to the next step's call and saved with the optimizer: tensors that nobody changes any more. The
    cost is `products` curvature products and `cost` gradients of other work. Where there are `damping_units`, the step
    damps each parameter by so many times the damping, and `inverse` has that in it.
    """

    inverse: LinearMap  # [P] -> [P], symmetric and positive definite
    damping_units: Tensor | None = None  # [P]
    memory: Mapping[str, Tensor] | None = None
    products: int = 0
    cost: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SolveState:
    """What a stopping rule sees of a running CG solve after iteration `iteration` (0: the start)."""

    iteration: int
    max_iter: int
    model_values: list[float]  # one for every iteration so far
    residual_norm: float
    right_hand_side_norm: float


@dataclass(frozen=True, kw_only=True)
class CGSolution:
    """A finished CG solve of A x = b. The coefficient lists start with iteration 1, the others with 0."""

    iterates: Mapping[int, Tensor]  # kept iterations -> [P]; the last one always
    last: int
    model_values: tuple[float, ...]  # 0.5 x'Ax - b'x
    residual_norms: tuple[float, ...]  # ||Ax - b||
    alphas: tuple[float, ...]  # step lengths
    betas: tuple[float, ...]  # conjugation coefficients
    reason: str
    products: int  # with A
    negative_curvature: float | None = None  # the lowest p'Ap / p'p <= 0 met; None: all were positive


class Promise(Enum):
    """What the change of the loss is held against: what a quadratic model promises of the step."""

    DAMPED = "with the damping term"  # g'x + x'(B + damping) x / 2, what CG made small
    UNDAMPED = "without the damping term"  # g'x + x'B x / 2, what the model says of the function itself
    HALF_SLOPE = "half the slope"  # -|g'x| / 2, g of the data judged by: of a parabola with its minimum there


@dataclass(frozen=True)
class Agreement:
    """How a step fared against the quadratic model. Both are changes from the starting point, negative when good."""

    actual: float  # f(x + step) - f(x)
    predicted: float  # m(step), with m(0) = 0
    promise: Promise = Promise.DAMPED

    @property
    def ratio(self) -> float:
        """Reduction ratio `rho` [Martens 2010, 4.1]; NaN where the model predicts no change at all."""
        return self.actual / self.predicted if self.predicted != 0 else math.nan


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The CG iterate that backtracking settled on."""

    iteration: int
    step: Tensor  # [P]


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """Where the search along a step ended; `trials` are its (scale, loss), in order."""

    scale: float
    loss: float
    trials: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What one step hands to the next, beside the parameters: a value a parameter group, and what the parts need."""

    dampings: tuple[float, ...]
    learning_rates: tuple[float, ...]
    steps: int = 0  # taken before
    start: Tensor | None = None  # of the next CG, [P]; None: zero
    radius: float | None = None  # of the solver's trust region; None: its own
    preconditioner: Mapping[str, Tensor] | None = None  # what the last Preconditioning asked to remember


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """One step in plain numbers. Counts and seconds are of this step; None: not measured.

    Losses are those of the function optimized: weight decay included, and with the user's sign when maximizing.

    `gradient_equivalents` is the step's arithmetic in units of one gradient: a gradient 1, a loss evaluation 1/3, a
    product with the Gauss-Newton matrix 4/3, with the Hessian 2.
    """

    loss: float
    loss_after: float
    gradient_norm: float
    parameter_norm: float | None  # of the trainable parameters, before the step
    damping: float  # in force during the step, of the first group
    trust_radius: float | None  # of the step's solve; None: the solver has none
    reduction_ratio: float | None  # actual_reduction / predicted_reduction
    predicted_reduction: (
        float | None
    )  # of the function minimized, by the model, at the CG solution: positive when good
    actual_reduction: float | None  # of the same, there
    cg_iterations: int
    cg_stop: str
    cg_chosen_iteration: int
    negative_curvature: float | None  # the lowest p'Ap / p'p <= 0 that CG met, with damping; None: none
    step_scale: float
    step_norm: float  # of the applied, scaled step
    step_angle: (
        float | None
    )  # degrees, to the direction of steepest descent (ascent, where maximizing); None: no step
    accepted: bool  # False: parameters unchanged
    rejection: str | None  # why not accepted, in words; None: accepted
    curvature_products: int
    loss_evaluations: int  # beside the one of the linearization
    gradient_equivalents: float
    seconds_gradient: float
    seconds_cg: float
    seconds_search: float
    peak_memory_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class SolveTrace:
    """The inner life of one step: what CG, backtracking and line search saw.

    `model_values` are CG's own, of the function minimized; everything called a loss is as in the report.
    """

    stop: str
    loss: float  # where the step starts: model values are changes from it
    damping: float
    model_values: tuple[float, ...]
    residual_norms: tuple[float, ...]
    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    kept: tuple[tuple[int, float | None], ...]  # (iteration, its true loss; None: not evaluated)
    chosen_iteration: int
    preconditioned: bool
    line_search: tuple[tuple[float, float], ...]  # (scale, loss)
    slice: tuple[tuple[float, float, float], ...] = ()  # (scale, loss, what the damped model says there)
    agreement: Agreement | None = None  # behind the report's ratio, of the function minimized

    def ritz_values(self) -> tuple[float, ...]:
        """Eigenvalue estimates of the damped (and, if so, preconditioned) matrix, ascending.

        CG's coefficients are the Lanczos tridiagonal matrix in disguise [Golub & Van Loan 2013, 11.3]: diagonal
        1/alpha_i + beta_{i-1}/alpha_{i-1}, off-diagonal sqrt(beta_i)/|alpha_i|. A negative alpha is negative
        curvature, and gives a negative value. Iterations after a breakdown (a coefficient that is not finite, a beta
        that is not positive) are left out. Costs no product; O(k^3) arithmetic on the host for k iterations.
        """
        alphas, betas = self.alphas, self.betas
        sound = 0
        while sound < len(alphas) and math.isfinite(alphas[sound]) and alphas[sound] != 0:
            sound += 1
            if not (math.isfinite(betas[sound - 1]) and betas[sound - 1] > 0):
                break
        if sound == 0:
            return ()
        alpha = torch.tensor(alphas[:sound], dtype=torch.float64)
        beta = torch.tensor(betas[: sound - 1], dtype=torch.float64)
        diagonal = 1 / alpha
        diagonal[1:] += beta / alpha[:-1]
        below = torch.diag(beta.sqrt() / alpha[:-1].abs(), -1)
        # Of a symmetric matrix, eigvalsh reads the lower triangle alone.
        return tuple(torch.linalg.eigvalsh(torch.diag(diagonal) + below).tolist())
