"""Looking at the objective where the parameters are, without a step."""

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from torch import Tensor

from hessianfree.checks import check_reduction, concatenate
from hessianfree.curvature.memory import GraphMemory
from hessianfree.data_parallel import DataParallel, Own, Share, by_cases, by_entries
from hessianfree.evaluation import DifferentiablePaths, Evaluation
from hessianfree.interfaces import CurvatureAt, LinearMap, Objective
from hessianfree.maximization import Negated, negated
from hessianfree.objectives import BatchedObjective, ClosureObjective, Forward
from hessianfree.options import curvature_of
from hessianfree.parameters import Parameters
from hessianfree.penalty import Penalized
from hessianfree.recording import RecordingOptimizer
from hessianfree.spectra import Spectrum, spectrum

Batches = Sequence[tuple[Any, Any]]
_Inspected = Callable[[Parameters, CurvatureAt, Evaluation, GraphMemory], Own | DataParallel]


class InspectedOptimizer(RecordingOptimizer):
    """What can be asked of a `HessianFree` between two steps.

    Parameters, buffers, torch's generators, the history and what the optimizer has measured are as before afterwards.
    """

    def spectrum(
        self,
        forward: Forward,
        curvature_opt: str = "ggn",
        *,
        probes: int = 5,
        iterations: int = 40,
        seed: int = 0,
        cases: float | None = None,
        reduction: str = "mean",
    ) -> Spectrum:
        """The spectrum of the curvature at the current parameters, by stochastic Lanczos quadrature.

        Of the undamped matrix of the function that reports tell of: weight decay included, and with the user's sign
        when maximizing. Costs probes * iterations products (40 times 5: 267 gradients with the Gauss-Newton matrix, 400
        with the Hessian) beside a gradient, and memory for `iterations` vectors of the parameters' size.

        Args:
            forward, cases, reduction: As for `step`.
            curvature_opt: "ggn" or "hessian".
            probes, iterations, seed: See `hessianfree.spectra.spectrum`.

        Raises:
            ValueError: an argument is out of bounds; the message names it.
            ClosureError: a product is not finite.
        """

        def objective(
            parameters: Parameters, curvature: CurvatureAt, evaluation: Evaluation, graph_memory: GraphMemory
        ) -> Own | DataParallel:
            return self._shared(
                partial(ClosureObjective, parameters, forward, curvature, evaluation, graph_memory),
                by_cases(cases, reduction),
                parameters,
            )

        return self._spectrum(objective, curvature_opt, probes, iterations, seed)

    def acc_spectrum(
        self,
        model: Callable[[Any], Any],
        loss_func: Callable[[Any, Any], Tensor],
        datalist: Batches,
        curvature_opt: str = "ggn",
        *,
        reduction: str = "mean",
        probes: int = 5,
        iterations: int = 40,
        seed: int = 0,
    ) -> Spectrum:
        """`spectrum` of a loss accumulated over batches, as `acc_step` takes them."""

        def objective(
            parameters: Parameters, curvature: CurvatureAt, evaluation: Evaluation, graph_memory: GraphMemory
        ) -> Own | DataParallel:
            common = (parameters, model, loss_func, curvature, evaluation, graph_memory)
            return self._shared(
                partial(BatchedObjective, *common, datalist, reduction=reduction),
                by_entries(reduction),
                parameters,
            )

        return self._spectrum(objective, curvature_opt, probes, iterations, seed)

    def test_reduction(
        self,
        model: Callable[[Any], Any],
        loss_func: Callable[[Any, Any], Tensor],
        datalist: Batches,
        reduction: str,
    ) -> None:
        """Check that loss, gradient and product add up over `datalist` (at least two batches) of this very process.

        Raises:
            RuntimeError: they differ from those on the concatenated data (rtol 1e-2, atol 1e-4).
        """
        if len(datalist) < 2:
            raise ValueError(f"datalist must have at least two batches; got {len(datalist)}")
        parameters = self._parameters()
        with self._evaluation(parameters, self._paths) as evaluation:
            accumulated, concatenated = (
                BatchedObjective(
                    parameters,
                    model,
                    loss_func,
                    self.method.curvature,
                    evaluation,
                    self._graph_memory,
                    batches,
                    reduction=reduction,
                )
                for batches in (datalist, [concatenate(datalist)])
            )
            check_reduction(accumulated, concatenated, parameters, rtol=1e-2, atol=1e-4)
            evaluation.undo()

    test_reduction.__test__ = False  # type: ignore[attr-defined]  # pytest: a method, not a test

    def _spectrum(
        self, objective: _Inspected, curvature_opt: str, probes: int, iterations: int, seed: int
    ) -> Spectrum:
        # Curvature, paths and budget of its own: a step after this one must find nothing learned or measured.
        curvature = self.execution.curvature(curvature_of(curvature_opt))
        parameters = self._parameters()
        with (
            self._evaluation(parameters, copy.deepcopy(self._paths)) as evaluation,
            self._together(parameters),
        ):
            inspected = objective(parameters, curvature, evaluation, copy.copy(self._graph_memory))
            product: LinearMap = self._minimized(inspected, parameters).linearize().curvature
            found = spectrum(
                negated(product) if self.maximize else product,
                parameters.dimension,
                probes=probes,
                iterations=iterations,
                seed=seed,
                dtype=parameters.dtype,
                device=parameters.device,
            )
            evaluation.undo()
        return found

    def _evaluation(self, parameters: Parameters, paths: DifferentiablePaths) -> Evaluation:
        """Anew for each step: what all forward passes of one step have in common."""
        return Evaluation(parameters.device, paths, batch_norm=self.execution.batch_norm)

    def _shared(
        self, make: Callable[[], Own], weigh: Callable[[Own], Share], parameters: Parameters
    ) -> Own | DataParallel:
        """What `make` answers, with that of the other ranks where there are any; then to be used `_together`."""
        if self._exchange is None:
            return make()
        return DataParallel(make, weigh, self._exchange, parameters)

    def _together(self, parameters: Parameters) -> AbstractContextManager[object]:
        """Where all ranks go through the same exchanges, if there are any, on vectors of `parameters`."""
        if self._exchange is None:
            return nullcontext()
        groups = [
            {name: group[name] for name in ("lr", "damping", "weight_decay")} for group in self.param_groups
        ]
        place = f"step {len(self._history['init_losses']) + 1} with {groups}"
        return self._exchange.among(
            place, f"{parameters.dimension} parameters of {parameters.dtype}", parameters.device
        )

    def _minimized(self, objective: Objective, parameters: Parameters) -> Objective:
        """What a step minimizes: the objective, negated and penalized as told."""
        if self.maximize:
            objective = Negated(objective)
        weight = parameters.spread([float(group["weight_decay"]) for group in self.param_groups])
        return (
            objective
            if isinstance(weight, float) and weight == 0
            else Penalized(objective, parameters, weight)
        )
