"""`HessianFree`: the method with the face of a torch optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hessianfree.data_parallel import by_cases, by_entries
from hessianfree.execution import Execution
from hessianfree.inspection import Batches
from hessianfree.interfaces import LinearMap
from hessianfree.method import Method
from hessianfree.objectives import BatchedObjective, ClosureObjective, Forward, no_curvature
from hessianfree.options import method_of
from hessianfree.preconditioners import diag_EF_preconditioner
from hessianfree.recommended import first_damping, recommended_method
from hessianfree.stepping import SteppingOptimizer


class HessianFree(SteppingOptimizer):
    """Hessian-free (truncated Newton) optimization [Martens 2010; Martens & Sutskever 2012].

    Each step solves `(B + damping I) x = -gradient` by conjugate gradients, where B, the Gauss-Newton matrix or the
    Hessian, is only ever multiplied with vectors. `last_report` and `last_trace` tell what the latest step did;
    `state` holds the history (lists, an entry a step) and `x0`, the next CG start. A copy or a pickle has all of this,
    but neither hooks nor callbacks; a `state_dict` has `state` and the groups.
    """

    def __init__(
        self,
        params: Iterable[Any],
        curvature_opt: str = "ggn",
        damping: float = 1.0,
        adapt_damping: bool = True,
        cg_max_iter: int | None = 250,
        cg_decay_x0: float = 0.95,
        use_cg_backtracking: bool = True,
        lr: float = 1.0,
        use_linesearch: bool = True,
        verbose: bool = False,
        *,
        weight_decay: float = 0.0,
        maximize: bool = False,
        reject_worse: bool = False,
        execution: Execution = Execution(),
        process_group: dist.ProcessGroup | None = None,
    ) -> None:
        """Set up the optimizer; `HessianFree.from_method` takes the parts themselves.

        Args:
            params: Parameters, or groups of them with a `lr`, `damping` and `weight_decay` of their own; frozen ones
                are left alone.
            curvature_opt: "ggn" (generalized Gauss-Newton) or "hessian".
            damping: Initial Tikhonov damping, >= 0 [Martens 2010, 4.1].
            adapt_damping: Adapt it by the Levenberg-Marquardt rule. Turned off, with a warning, when damping is 0.
            cg_max_iter: Most CG iterations a step; None: the number of unknowns.
            cg_decay_x0: The next CG starts at this share of the solution [Martens & Sutskever 2012, 10].
            use_cg_backtracking: Choose among stored CG iterates by their loss [Martens 2010, 4.6].
            lr: Scale of the step; where the line search starts.
            use_linesearch: Shrink the scale until the loss falls enough [Martens & Sutskever 2012, 8.8].
            verbose: Print a line a step.
            weight_decay: Adds weight_decay / 2 * ||theta||^2 of the trainable parameters to the objective, curvature
                and reported losses included.
            maximize: Maximize; `forward`, `grad` and `mvp` answer for the function itself, and so do the reports. (With
                `weight_decay` the penalty is subtracted.)
            reject_worse: Refuse a step whose loss is higher or not finite, and raise the damping, see `RejectWorse`.
            execution: How to carry it out: memory and speed, see `Execution`.
            process_group: Of torch.distributed, such as `torch.distributed.group.WORLD`: each of its ranks gives `step`
                or `acc_step` its own share of the data, and all take the step on all of it, see docs/data-parallel.md.
                None: there is this process alone.

        Raises:
            ValueError: a setting is out of bounds; the message names it.
        """
        method = method_of(
            curvature_opt=curvature_opt,
            damping=damping,
            adapt_damping=adapt_damping,
            cg_max_iter=cg_max_iter,
            cg_decay_x0=cg_decay_x0,
            use_cg_backtracking=use_cg_backtracking,
            use_linesearch=use_linesearch,
            reject_worse=reject_worse,
        )
        super().__init__(
            params,
            {"lr": lr, "damping": damping, "weight_decay": weight_decay},
            method=method,
            maximize=maximize,
            verbose=verbose,
            execution=execution,
            process_group=process_group,
        )

    @classmethod
    def from_method(
        cls,
        params: Iterable[Any],
        method: Method,
        *,
        damping: float = 1.0,
        lr: float = 1.0,
        weight_decay: float = 0.0,
        maximize: bool = False,
        verbose: bool = False,
        execution: Execution = Execution(),
        process_group: dist.ProcessGroup | None = None,
    ) -> HessianFree:
        """An optimizer made of the parts of `method`, one's own among them perhaps."""
        optimizer = cls.__new__(cls)
        SteppingOptimizer.__init__(
            optimizer,
            params,
            {"lr": lr, "damping": damping, "weight_decay": weight_decay},
            method=method,
            maximize=maximize,
            verbose=verbose,
            execution=execution,
            process_group=process_group,
        )
        return optimizer

    @classmethod
    def recommended(
        cls,
        params: Iterable[Any],
        model: nn.Module | None = None,
        *,
        damping: float | None = None,
        weight_decay: float = 0.0,
        maximize: bool = False,
        verbose: bool = False,
        execution: Execution = Execution(),
        process_group: dist.ProcessGroup | None = None,
    ) -> HessianFree:
        """An optimizer with the settings that measured best, see `recommended_method` and docs/methods.md.

        Args:
            params: As the constructor's.
            model: The module that the parameters belong to, watched for a preconditioner; None: there is none.
            damping: Initial damping; None: 0.1 with a model, 1 without.
            weight_decay, maximize, verbose, execution, process_group: As the constructor's.
        """
        return cls.from_method(
            params,
            recommended_method(model),
            damping=first_damping(model) if damping is None else damping,
            weight_decay=weight_decay,
            maximize=maximize,
            verbose=verbose,
            execution=execution,
            process_group=process_group,
        )

    # torch wraps `step` of a subclass so that step hooks and profiler marks work. mypy knows another signature.
    def step(  # type: ignore[override]
        self,
        forward: Forward,
        grad: Tensor | None = None,
        mvp: LinearMap | None = None,
        M_func: LinearMap | None = None,
        test_deterministic: bool = False,
        *,
        judge_forward: Forward | None = None,
        cases: float | None = None,
        judge_cases: float | None = None,
        reduction: str = "mean",
    ) -> float:
        """One step on the function `forward`; answers the loss after it.

        Args:
            forward: Answers `(loss, outputs)` at the current parameters. `outputs` may be None with the Hessian, or
                when `mvp` is given. Called again for every trial point, without a graph.
            grad: Gradient [P] to use instead of the one of `forward`.
            mvp: Curvature product [P] -> [P] to use instead of the one of `forward`.
            M_func: [P] -> [P], approximates the inverse of the damped curvature.
            test_deterministic: Evaluate twice and warn when `forward` is not deterministic.
            judge_forward: As `forward`, on more data, a few times as much with that of `forward` among it: there the
                reduction ratio is measured, and so tells a step that suits its own data alone. It is the loss's change
                over half its slope along the step, 2 - 1/s on a parabola with its minimum at s times the step; on the
                step's own data that is the usual ratio. Costs 4/3 gradients of that data, counted by the entries of
                its outputs (as 4/3 gradients of the step's own where there are none).
            cases, judge_cases: In a process group, how many cases the losses of `forward` and `judge_forward` are means
                over on this rank: by that its share weighs, `grad` and `mvp` included, which are of the share, too.
            reduction: In a process group, "sum" where the losses are sums over cases; those need no `cases`.
        """
        parameters = self._parameters()
        evaluation = self._evaluation(parameters, self._paths)
        if self.method.structure is not None:
            forward = self.method.structure.in_closure(forward, self._signed_damping)
        common = (self._curvature, evaluation, self._graph_memory)
        objective = self._shared(
            partial(ClosureObjective, parameters, forward, *common, gradient=grad, product=mvp),
            by_cases(cases, reduction),
            parameters,
        )
        judge = None
        if judge_forward is not None:
            judge = self._shared(
                partial(ClosureObjective, parameters, judge_forward, *common, product=no_curvature),
                by_cases(judge_cases, reduction),
                parameters,
            )
        return self._advance(parameters, objective, evaluation, M_func, test_deterministic, judge)

    @torch.optim.Optimizer.profile_hook_step
    def acc_step(
        self,
        model: Callable[[Any], Any],
        loss_func: Callable[[Any, Any], Tensor],
        loss_datalist: Batches,
        grad_datalist: Batches | None = None,
        mvp_datalist: Batches | None = None,
        M_func: LinearMap | None = None,
        reduction: str = "mean",
        test_deterministic: bool = False,
        *,
        judge_datalist: Batches | None = None,
    ) -> float:
        """One step on a loss accumulated over batches, as if on their concatenation; answers the loss after it.

        In a process group each rank has lists of its own, and the step is as if on all of them together.

        Args:
            model: Maps inputs to outputs.
            loss_func: Maps outputs and targets to the loss.
            loss_datalist: `(inputs, targets)` batches for the loss; moved to the parameters' device one by one.
            grad_datalist, mvp_datalist: Batches for the gradient and the curvature; None: those of the loss.
            M_func: [P] -> [P], approximates the inverse of the damped curvature.
            reduction: "mean" or "sum", as `loss_func` reduces over a batch.
            test_deterministic: Evaluate twice and warn when the model is not deterministic.
            judge_datalist: Batches for the reduction ratio, see `judge_forward` of `step`; None: it is measured on
                those of the loss, against the step's own model.
        """
        parameters = self._parameters()
        evaluation = self._evaluation(parameters, self._paths)
        if self.method.structure is not None:
            loss_func = self.method.structure.in_loss(loss_func, self._signed_damping)
        common = (parameters, model, loss_func, self._curvature, evaluation, self._graph_memory)
        lists = (loss_datalist, grad_datalist, mvp_datalist)
        objective = self._shared(
            partial(BatchedObjective, *common, *lists, reduction=reduction),
            by_entries(reduction),
            parameters,
        )
        judge = None
        if judge_datalist is not None:
            judge = self._shared(
                partial(BatchedObjective, *common, judge_datalist, reduction=reduction),
                by_entries(reduction),
                parameters,
            )
        return self._advance(parameters, objective, evaluation, M_func, test_deterministic, judge)

    def get_preconditioner(
        self,
        model: nn.Module,
        loss_func: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        reduction: str,
        exponent: float | None = None,
        use_backpack: bool = True,
    ) -> LinearMap:
        """The empirical-Fisher preconditioner [Martens 2010, 4.7] at the current parameters.

        The first group's damping and weight decay count for all. In a process group all ranks call this together, each
        with samples of its own.
        """
        damping = self.param_groups[0]["damping"] + self.param_groups[0]["weight_decay"]
        data = model, loss_func, inputs, targets, reduction
        with self._together(self._parameters()):
            return diag_EF_preconditioner(*data, damping, exponent, use_backpack, ranks=self._exchange)
