"""`HessianFree`: the method with the face of a torch optimizer."""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast
from warnings import warn

import torch
from torch import Tensor, nn

from hessianfree import history
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import EfficientBacktracking, LastIterate
from hessianfree.checks import check_reduction, concatenate, warn_if_not_deterministic
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.damping import ConstantDamping, LevenbergMarquardt
from hessianfree.execution import Execution
from hessianfree.interfaces import CurvatureAt, LinearMap
from hessianfree.linesearch import ArmijoBacktracking, FixedScale
from hessianfree.method import Method
from hessianfree.objectives import BatchedObjective, ClosureObjective, Forward
from hessianfree.parameters import Parameters
from hessianfree.preconditioners import diag_EF_preconditioner
from hessianfree.records import Memory, SolveTrace, StepReport
from hessianfree.step import hessian_free_step
from hessianfree.utils import peak_memory_bytes

Batches = Sequence[tuple[Any, Any]]

_CURVATURES: dict[str, CurvatureAt] = {"ggn": GaussNewton, "hessian": Hessian}


class HessianFree(torch.optim.Optimizer):
    """Hessian-free (truncated Newton) optimization [Martens 2010; Martens & Sutskever 2012].

    Each step solves `(B + damping I) x = -gradient` by conjugate gradients, where B, the Gauss-Newton matrix or the
    Hessian, is only ever multiplied with vectors. `last_report` and `last_trace` tell what the latest step did;
    `state` holds the history (lists, an entry a step) and `x0`, the next CG start.
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
        execution: Execution = Execution(),
    ) -> None:
        """Set up the optimizer; `HessianFree.from_method` takes the parts themselves.

        Args:
            params: Parameters, or groups of them with a `lr` and `damping` of their own; frozen ones are left alone.
            curvature_opt: "ggn" (generalized Gauss-Newton) or "hessian".
            damping: Initial Tikhonov damping, >= 0 [Martens 2010, 4.1].
            adapt_damping: Adapt it by the Levenberg-Marquardt rule. Turned off, with a warning, when damping is 0.
            cg_max_iter: Most CG iterations a step; None: the number of unknowns.
            cg_decay_x0: The next CG starts at this share of the solution [Martens & Sutskever 2012, 10].
            use_cg_backtracking: Choose among stored CG iterates by their loss [Martens 2010, 4.6].
            lr: Scale of the step; where the line search starts.
            use_linesearch: Shrink the scale until the loss falls enough [Martens & Sutskever 2012, 8.8].
            verbose: Print a line a step.
            execution: How to carry it out: memory and speed, see `Execution`.

        Raises:
            ValueError: a setting is out of bounds; the message names it.
        """
        if curvature_opt not in _CURVATURES:
            raise ValueError(f'curvature_opt must be "ggn" or "hessian"; got {curvature_opt!r}')
        if cg_max_iter is not None and cg_max_iter < 1:
            raise ValueError(f"cg_max_iter must be at least 1, or None; got {cg_max_iter}")
        if damping == 0 and adapt_damping:
            warn("damping is 0 and cannot be adapted by factors: adapt_damping is turned off", stacklevel=2)
            adapt_damping = False
        method = Method(
            curvature=_CURVATURES[curvature_opt],
            solver=ConjugateGradient(max_iter=cg_max_iter, keep=None if use_cg_backtracking else ()),
            damping=LevenbergMarquardt() if adapt_damping else ConstantDamping(),
            selector=EfficientBacktracking() if use_cg_backtracking else LastIterate(),
            search=ArmijoBacktracking() if use_linesearch else FixedScale(),
            warm_start=cg_decay_x0,
        )
        self._set_up(params, method, damping, lr, verbose, execution)

    @classmethod
    def from_method(
        cls,
        params: Iterable[Any],
        method: Method,
        *,
        damping: float = 1.0,
        lr: float = 1.0,
        verbose: bool = False,
        execution: Execution = Execution(),
    ) -> "HessianFree":
        """An optimizer made of the parts of `method`, one's own among them perhaps."""
        optimizer = cls.__new__(cls)
        optimizer._set_up(params, method, damping, lr, verbose, execution)
        return optimizer

    def _set_up(
        self,
        params: Iterable[Any],
        method: Method,
        damping: float,
        lr: float,
        verbose: bool,
        execution: Execution,
    ) -> None:
        super().__init__(params, {"lr": lr, "damping": damping})
        self.method = method
        self.verbose = verbose
        self.execution = execution
        self.last_report: StepReport | None = None
        self.last_trace: SolveTrace | None = None
        self._history["x0"] = self._parameters().zeros()
        history.begin(self._history, backtracks=not isinstance(method.selector, LastIterate))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch's; torch calls it for the groups of the constructor too.

        Raises:
            ValueError: the group's `damping` or `lr` is negative.
        """
        for name in ("damping", "lr"):
            if (value := param_group.get(name, self.defaults[name])) < 0:
                raise ValueError(f"{name} must be >= 0; got {value}")
        super().add_param_group(param_group)

    # torch wraps `step` of a subclass so that step hooks and profiler marks work. mypy knows another signature.
    def step(  # type: ignore[override]
        self,
        forward: Forward,
        grad: Tensor | None = None,
        mvp: LinearMap | None = None,
        M_func: LinearMap | None = None,
        test_deterministic: bool = False,
    ) -> float:
        """One step on the function `forward`; answers the loss after it.

        Args:
            forward: Answers `(loss, outputs)` at the current parameters. `outputs` may be None with the Hessian, or
                when `mvp` is given. Called again for every trial point, without a graph.
            grad: Gradient [P] to use instead of the one of `forward`.
            mvp: Curvature product [P] -> [P] to use instead of the one of `forward`.
            M_func: [P] -> [P], approximates the inverse of the damped curvature.
            test_deterministic: Evaluate twice and warn when `forward` is not deterministic.
        """
        parameters = self._parameters()
        objective = ClosureObjective(parameters, forward, self.method.curvature, gradient=grad, product=mvp)
        return self._advance(parameters, objective, M_func, test_deterministic)

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
    ) -> float:
        """One step on a loss accumulated over batches, as if on their concatenation; answers the loss after it.

        Args:
            model: Maps inputs to outputs.
            loss_func: Maps outputs and targets to the loss.
            loss_datalist: `(inputs, targets)` batches for the loss; moved to the parameters' device one by one.
            grad_datalist, mvp_datalist: Batches for the gradient and the curvature; None: those of the loss.
            M_func: [P] -> [P], approximates the inverse of the damped curvature.
            reduction: "mean" or "sum", as `loss_func` reduces over a batch.
            test_deterministic: Evaluate twice and warn when the model is not deterministic.
        """
        parameters = self._parameters()
        objective = BatchedObjective(
            parameters,
            model,
            loss_func,
            self.method.curvature,
            loss_datalist,
            grad_datalist,
            mvp_datalist,
            reduction=reduction,
            graph_memory_bytes=self.execution.graph_memory_bytes,
        )
        return self._advance(parameters, objective, M_func, test_deterministic)

    def test_reduction(
        self,
        model: Callable[[Any], Any],
        loss_func: Callable[[Any, Any], Tensor],
        datalist: Batches,
        reduction: str,
    ) -> None:
        """Check that loss, gradient and product add up over `datalist` (at least two batches).

        Raises:
            RuntimeError: they differ from those on the concatenated data (rtol 1e-2, atol 1e-4).
        """
        if len(datalist) < 2:
            raise ValueError(f"datalist must have at least two batches; got {len(datalist)}")
        parameters = self._parameters()
        accumulated, concatenated = (
            BatchedObjective(
                parameters, model, loss_func, self.method.curvature, batches, reduction=reduction
            )
            for batches in (datalist, [concatenate(datalist)])
        )
        check_reduction(accumulated, concatenated, parameters, rtol=1e-2, atol=1e-4)

    test_reduction.__test__ = False  # type: ignore[attr-defined]  # pytest: a method, not a test

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
        """The empirical-Fisher preconditioner [Martens 2010, 4.7] at the current parameters and damping."""
        damping = self.param_groups[0]["damping"]
        return diag_EF_preconditioner(
            model, loss_func, inputs, targets, reduction, damping, exponent, use_backpack
        )

    def state_dict(self) -> dict[str, Any]:
        """As torch's; the history is copied, so that later steps do not grow a saved one."""
        saved = super().state_dict()
        saved["state"] = {
            key: list(value) if isinstance(value, list) else value for key, value in saved["state"].items()
        }
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's; takes a copy of everything."""
        super().load_state_dict(copy.deepcopy(state_dict))

    def _advance(
        self,
        parameters: Parameters,
        objective: ClosureObjective | BatchedObjective,
        M: LinearMap | None,
        test_deterministic: bool,
    ) -> float:
        if test_deterministic:
            warn_if_not_deterministic(objective, parameters)
        outcome = hessian_free_step(
            objective,
            self.method,
            self._memory(parameters),
            M,
            peak_memory=lambda: peak_memory_bytes(parameters.device),
        )
        parameters.add(outcome.step)
        self.last_report, self.last_trace = outcome.report, outcome.trace
        self._remember(outcome.step, outcome.memory, outcome.report)
        return outcome.report.loss_after

    def _parameters(self) -> Parameters:
        """Anew for each step: groups may be added and layers frozen between two."""
        return Parameters([group["params"] for group in self.param_groups])

    def _memory(self, parameters: Parameters) -> Memory:
        start: Tensor = self._history["x0"]
        usable = start.numel() == parameters.dimension and bool(start.any())
        return Memory(
            dampings=tuple(float(group["damping"]) for group in self.param_groups),
            learning_rates=tuple(float(group["lr"]) for group in self.param_groups),
            start=start if usable else None,  # a start from zero saves CG a product
        )

    def _remember(self, step: Tensor, memory: Memory, report: StepReport) -> None:
        for group, damping in zip(self.param_groups, memory.dampings, strict=True):
            group["damping"] = damping
        self._history["x0"] = torch.zeros_like(step) if memory.start is None else memory.start
        history.append(self._history, report)
        if self.verbose:
            print(history.latest_line(self._history, report))
        # Last: a warning turned into an exception must leave a whole step behind.
        if self.method.damping.needs_agreement and (report.reduction_ratio or 0.0) < 0:
            warn(
                "The reduction ratio `rho` is negative. The loss rose along the step that the quadratic model chose.",
                stacklevel=5,
            )

    @property
    def _history(self) -> dict[str, Any]:
        """`state`, typed for what it holds: "x0" and the names of `history`."""
        return cast(dict[str, Any], self.state)
