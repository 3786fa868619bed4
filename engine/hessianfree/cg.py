"""Preconditioned conjugate gradients."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hessianfree.interfaces import LinearMap, StepLength, StoppingRule
from hessianfree.negative_curvature import WarnAndGoOn
from hessianfree.records import CGSolution, SolveState
from hessianfree.stopping import Divergence, IterationLimit, RelativeProgress, ResidualTolerance


def storing_grid(max_iter: int, growth: float = 1.3) -> list[int]:
    """Iterations whose iterate is kept: ceil(growth**j) - 1 up to the first >= max_iter [Martens 2010, 4.6]."""
    grid = [0]
    power = 1.0
    while grid[-1] < max_iter:
        power *= growth
        iteration = math.ceil(power) - 1
        if iteration > grid[-1]:
            grid.append(iteration)
    return grid


@dataclass(frozen=True, kw_only=True)
class ConjugateGradient:
    """Solves A x = b by minimizing m(x) = 0.5 x'Ax - b'x [Martens & Sutskever 2012, Algorithm 2].

    `stopping` rules are asked in order at the start and after every iteration; `max_iter` None means b's dimension. The
    iterates of the iterations in `keep` are kept, None meaning the grid of [Martens 2010, 4.6]; the last always is.
    Where they take more than `kept_bytes` the earliest make room: backtracking goes from the last to the first.

    `length` says how far to go along a direction, and what to do where p'Ap <= 0. `flexible` makes each direction
    conjugate to the last one itself, by one more dot, rather than by properties that only a constant M has: plain CG
    takes more iterations with an M that changes from call to call [Notay 2000].

    Unlike the textbook, the vectors are updated in place, and all scalars of an iteration (curvature along p, residual,
    model value, both coefficients) come to the host in one read.
    """

    max_iter: int | None = 250
    stopping: tuple[StoppingRule, ...] = (
        RelativeProgress(),
        IterationLimit(),
        Divergence(),
        ResidualTolerance(),
    )
    length: StepLength = field(default_factory=WarnAndGoOn)
    flexible: bool = False
    keep: Sequence[int] | None = None
    kept_bytes: int = 2**30

    def solve(
        self,
        A: LinearMap,
        b: Tensor,
        x0: Tensor | None = None,
        M: LinearMap | None = None,
        *,
        Ax0: Tensor | None = None,
    ) -> CGSolution:
        """Run CG from `x0` (None: zero), preconditioned by `M`, an approximate inverse of A; `Ax0` saves a product."""
        max_iter = b.numel() if self.max_iter is None else self.max_iter
        keep = frozenset(storing_grid(max_iter) if self.keep is None else self.keep)
        most_kept = max(1, self.kept_bytes // max(b.nbytes, 1))

        b_norm = torch.linalg.vector_norm(b).item()
        if (
            b_norm == 0
        ):  # the solution is zero; from elsewhere CG would creep towards it until numbers underflow
            x0 = None

        x = torch.zeros_like(b) if x0 is None else x0.clone()
        r = -b if x0 is None else (A(x0) if Ax0 is None else Ax0) - b
        y = r if M is None else M(r)
        p = -y
        ry = torch.dot(r, y)
        r_squared, model_value = _read(torch.dot(r, r), 0.5 * torch.dot(r - b, x))
        iterates = {0: x.clone()} if 0 in keep else {}
        model_values, residual_norms = [model_value], [math.sqrt(r_squared)]
        alphas: list[float] = []
        betas: list[float] = []
        products = int(x0 is not None and Ax0 is None)
        lowest: float | None = None

        def reason_to_stop() -> str | None:
            state = SolveState(
                iteration=iteration,
                max_iter=max_iter,
                model_values=model_values,
                residual_norm=residual_norms[-1],
                right_hand_side_norm=b_norm,
            )
            reason = next(filter(None, (rule.reason(state) for rule in self.stopping)), None)
            # Whatever the rules: from a residual of exactly zero the next step would divide zero by zero.
            return reason or ("Convergence (tolerances)" if residual_norms[-1] == 0 else None)

        iteration = 0
        reason = reason_to_stop()
        while reason is None:
            iteration += 1
            Ap = A(p)
            products += 1
            pAp = torch.dot(p, Ap)
            alpha, amiss = self.length(x, p, ry, pAp, iteration)
            x.addcmul_(p, alpha)
            r.addcmul_(Ap, alpha)
            y = r if M is None else M(r)
            ry_next = torch.dot(r, y)
            # With a constant M both are the same: r changes by alpha Ap, and y is orthogonal to the r before.
            beta = torch.dot(y, Ap) / pAp if self.flexible else ry_next / ry
            r_squared_ = ry_next if M is None else torch.dot(r, r)
            curvature, r_squared, model_value, stops, *coefficients = _read(
                pAp, r_squared_, 0.5 * torch.dot(r - b, x), amiss.to(pAp), alpha, beta
            )
            if curvature <= 0:
                lowest = min(curvature / torch.dot(p, p).item(), math.inf if lowest is None else lowest)
            end = self.length.end(curvature, iteration) if stops else None
            if end is not None and coefficients[0] == 0:
                iteration, reason = iteration - 1, end
                break
            model_values.append(model_value)
            residual_norms.append(math.sqrt(r_squared))
            alphas.append(coefficients[0])
            betas.append(coefficients[1])
            if iteration in keep:
                if len(iterates) >= most_kept:
                    del iterates[min(iterates)]
                iterates[iteration] = x.clone()
            reason = end or reason_to_stop()
            p.mul_(beta).sub_(y)
            ry = ry_next

        iterates[iteration] = x
        return CGSolution(
            iterates=iterates,
            last=iteration,
            model_values=tuple(model_values),
            residual_norms=tuple(residual_norms),
            alphas=tuple(alphas),
            betas=tuple(betas),
            reason=reason,
            products=products,
            negative_curvature=lowest,
        )


def _read(*scalars: Tensor) -> list[float]:
    """Device scalars on the host, in one transfer."""
    values: list[float] = torch.stack(scalars).tolist()
    return values


def cg(
    A: Callable[[Tensor], Tensor],
    b: Tensor,
    x0: Tensor | None = None,
    M: Callable[[Tensor], Tensor] | None = None,
    max_iter: int | None = None,
    tol: float = 1e-5,
    atol: float | None = None,
    martens_conv_crit: bool = False,
    store_x_at_iters: Sequence[int] | None = [],
    verbose: bool = False,
) -> tuple[list[Tensor | None], list[Tensor] | None, str]:
    """`ConjugateGradient` as one function.

    Args:
        A: v -> A v for a symmetric positive definite A, [P] -> [P].
        b: Right-hand side, [P].
        x0: Start, [P]; None: zero.
        M: r -> M r, approximating the inverse of A.
        max_iter: Most iterations; None: P.
        tol, atol: Stop when ||Ax - b|| < max(tol * ||b||, atol).
        martens_conv_crit: Stop also on slow relative progress [Martens 2010, 4.4].
        store_x_at_iters: Iterations whose iterate is answered; None: the grid of [Martens 2010, 4.6].
        verbose: Print how it went.

    Returns:
        `x_iters`, one entry for each of the iterations 0..last, None where not stored, the last always the solution;
        `m_iters`, the values of 0.5 x'Ax - b'x as 0-dimensional tensors, None without `martens_conv_crit`; the reason.
    """
    rules: list[StoppingRule] = [RelativeProgress()] if martens_conv_crit else []
    rules += [IterationLimit(), Divergence(), ResidualTolerance(relative=tol, absolute=atol or 0.0)]
    solver = ConjugateGradient(
        max_iter=max_iter, stopping=tuple(rules), keep=store_x_at_iters, kept_bytes=sys.maxsize
    )
    solution = solver.solve(A, b, x0, M)
    if verbose:
        print(
            f"cg: {solution.last} iterations, {solution.reason}, "
            f"||r|| = {solution.residual_norms[-1]:.6e}, m = {solution.model_values[-1]:.6e}"
        )
    x_iters = [solution.iterates.get(i) for i in range(solution.last + 1)]
    m_iters = list(b.new_tensor(solution.model_values).unbind()) if martens_conv_crit else None
    return x_iters, m_iters, solution.reason
