"""The optimizer's own reports as records; known by shape, so that nothing here imports the optimizer."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal, Protocol

from hessianfree_lab.records.steps import CGTrace, KeptIterate, SlicePoint, Spectrum, Trial


class SolveTraceLike(Protocol):
    """What `HessianFree.last_trace` holds of one inner solve."""

    @property
    def stop(self) -> str: ...
    @property
    def loss(self) -> float: ...
    @property
    def damping(self) -> float: ...
    @property
    def model_values(self) -> Sequence[float]: ...
    @property
    def residual_norms(self) -> Sequence[float]: ...
    @property
    def alphas(self) -> Sequence[float]: ...
    @property
    def betas(self) -> Sequence[float]: ...
    @property
    def kept(self) -> Sequence[tuple[int, float | None]]: ...
    @property
    def chosen_iteration(self) -> int: ...
    @property
    def preconditioned(self) -> bool: ...
    @property
    def line_search(self) -> Sequence[tuple[float, float]]: ...
    @property
    def slice(self) -> Sequence[tuple[float, float, float]]: ...
    def ritz_values(self) -> Sequence[float]: ...


class SpectrumLike(Protocol):
    """What `HessianFree.spectrum` answers."""

    @property
    def dimension(self) -> int: ...
    @property
    def largest(self) -> float: ...
    @property
    def largest_error(self) -> float: ...
    @property
    def smallest(self) -> float: ...
    @property
    def smallest_error(self) -> float: ...
    @property
    def trace(self) -> float: ...
    @property
    def trace_error(self) -> float | None: ...
    @property
    def nodes(self) -> Sequence[float]: ...
    @property
    def weights(self) -> Sequence[float]: ...
    @property
    def probes(self) -> int: ...
    @property
    def products(self) -> int: ...


def metrics_of(report: Any) -> dict[str, float | int | bool | str]:
    """The fields of a `StepReport`, whose names are the metrics' names, without those that do not apply."""
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    return {name: value for name, value in values.items() if value is not None}


def trace_of(step: int, trace: SolveTraceLike) -> CGTrace:
    """The inner solve of a step, with its Ritz values."""
    return CGTrace(
        step=step,
        stop=trace.stop,
        loss=trace.loss,
        damping=trace.damping,
        model_values=list(trace.model_values),
        residual_norms=list(trace.residual_norms),
        alphas=list(trace.alphas),
        betas=list(trace.betas),
        kept=[KeptIterate(iteration=iteration, loss=loss) for iteration, loss in trace.kept],
        chosen_iteration=trace.chosen_iteration,
        ritz_values=list(trace.ritz_values()),
        preconditioned=trace.preconditioned,
        line_search=[Trial(scale=scale, loss=loss) for scale, loss in trace.line_search],
        slice=[SlicePoint(scale=scale, loss=loss, model=model) for scale, loss, model in trace.slice],
    )


def ritz_extremes_of(trace: CGTrace) -> dict[str, float]:
    """The ends of the spectrum that CG saw, as metrics; the condition number where all of it is positive."""
    if not trace.ritz_values:
        return {}
    smallest, largest = trace.ritz_values[0], trace.ritz_values[-1]
    found = {"ritz_smallest": smallest, "ritz_largest": largest}
    return found | {"ritz_condition": largest / smallest} if smallest > 0 else found


def spectrum_of(step: int, matrix: Literal["hessian", "ggn"], found: SpectrumLike) -> Spectrum:
    """The spectrum of `matrix` before a step."""
    return Spectrum(
        step=step,
        matrix=matrix,
        dimension=found.dimension,
        largest=found.largest,
        largest_error=found.largest_error,
        smallest=found.smallest,
        smallest_error=found.smallest_error,
        trace=found.trace,
        trace_error=found.trace_error,
        nodes=list(found.nodes),
        weights=list(found.weights),
        probes=found.probes,
        products=found.products,
    )
