"""One step of a torch optimizer: from what a caller gave, alone or as a rank of a process group, to new parameters."""

from warnings import warn

from hessianfree.checks import warn_if_not_deterministic
from hessianfree.data_parallel import DataParallel, Own
from hessianfree.evaluation import Evaluation
from hessianfree.inspection import InspectedOptimizer
from hessianfree.interfaces import LinearMap
from hessianfree.maximization import report_as_maximized, trace_as_maximized
from hessianfree.parameters import Parameters
from hessianfree.step import hessian_free_step
from hessianfree.utils import peak_memory_bytes


class SteppingOptimizer(InspectedOptimizer):
    """What the ways to take a step have in common."""

    @property
    def _signed_damping(self) -> float:
        """Of the first group, with the sign of what is added to the function given rather than to the one minimized."""
        damping = float(self.param_groups[0]["damping"])
        return -damping if self.maximize else damping

    def _advance(
        self,
        parameters: Parameters,
        objective: Own | DataParallel,
        evaluation: Evaluation,
        M: LinearMap | None,
        test_deterministic: bool,
        judge: Own | DataParallel | None,
    ) -> float:
        # By this mark, which they set around `step` alone, torch's schedulers know that a step came before theirs.
        self._opt_called = True
        loss_slice, memory = self.execution.loss_slice, self._memory(parameters)
        with evaluation, self._together(parameters):
            if test_deterministic:
                warn_if_not_deterministic(objective, parameters)
            outcome = hessian_free_step(
                self._minimized(objective, parameters),
                self.method,
                memory,
                M,
                judge=None if judge is None else self._minimized(judge, parameters),
                slice_scales=loss_slice.scales_in(memory.steps) if loss_slice else (),
                parameter_norm=parameters.norm,
                peak_memory=lambda: peak_memory_bytes(parameters.device),
                clock=self.execution.clock,
            )
        report, trace = outcome.report, outcome.trace
        if self.maximize:
            report, trace = report_as_maximized(report), trace_as_maximized(trace)
        if report.accepted:
            parameters.add(outcome.step)
        self._record(outcome.step, outcome.memory, report, trace)
        # Last: a warning turned into an exception must leave a whole step behind.
        if switched := self._paths.untold():
            warn(switched, stacklevel=4)
        if self.method.damping.asks(memory.steps) and (report.reduction_ratio or 0.0) < 0:
            warn(
                "The reduction ratio `rho` is negative. The loss rose along the step that the quadratic model chose.",
                stacklevel=4,
            )
        return report.loss_after
