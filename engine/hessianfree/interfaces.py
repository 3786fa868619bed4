"""The exchangeable parts of the method, as protocols. No part knows another, a module or a closure.

Vectors are flat tensors of the trainable parameters, shape [P]; scalars are Python floats.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from hessianfree.records import (
    Agreement,
    CGSolution,
    Linearization,
    Memory,
    Preconditioning,
    Promise,
    SearchResult,
    SolveState,
)


class LinearMap(Protocol):
    """v -> A v for a symmetric A, [P] -> [P]. The result is the caller's to change."""

    def __call__(self, vector: Tensor, /) -> Tensor: ...


Preconditioner = LinearMap
"""Approximates the inverse of the damped curvature; symmetric and positive definite."""


class FlatView(Protocol):
    """Where the flat vectors live: order, shapes and storage of the trainable tensors."""

    @property
    def tensors(self) -> Sequence[Tensor]: ...

    def flatten(self, tensors: Sequence[Tensor | None]) -> Tensor:
        """One [P] vector of tensors shaped like the parameters; None stands for zeros."""
        ...

    def split(self, vector: Tensor) -> list[Tensor]:
        """Views of a [P] vector, shaped like the parameters."""
        ...

    def tangents(self, vector: Tensor) -> AbstractContextManager[None]:
        """Inside, forward-mode differentiation sees the tensors move along `vector` [P]."""
        ...


class Curvature(LinearMap, Protocol):
    """A curvature matrix at one point, ready for any number of products."""

    @property
    def product_cost(self) -> float:
        """Arithmetic of one product, in gradients."""
        ...

    def gradient(self) -> Tensor:
        """The objective's gradient at the same point, [P]."""
        ...


class CurvatureAt(Protocol):
    """Builds a Curvature from a graph: `loss` has one element, `outputs` is what the model answered."""

    @property
    def product_cost(self) -> float: ...

    def __call__(self, loss: Tensor, outputs: Any, parameters: FlatView) -> Curvature: ...


class Ranks(Protocol):
    """The processes that share the data of a step, each with a part."""

    @property
    def rank(self) -> int:
        """The number of this one, from 0."""
        ...

    def pool(self, place: str, like: Tensor, local: Callable[[Tensor], object]) -> Tensor:
        """The sum over all ranks of what `local(into)` adds to zeros shaped as `like`, a vector.

        All ranks call it alike; `place` names the occasion. What `local` raises is raised on every one of them.
        """
        ...


class Structure(Protocol):
    """Adds a term to a loss that changes its curvature, and neither value nor slope where the parameters are."""

    def in_closure(
        self, forward: Callable[[], tuple[Tensor, Any]], damping: float
    ) -> Callable[[], tuple[Tensor, Any]]:
        """`forward()` answering `(loss, outputs)`, with the term in its loss; `damping` is that of the step."""
        ...

    def in_loss(
        self, loss_function: Callable[[Any, Any], Tensor], damping: float
    ) -> Callable[[Any, Any], Tensor]:
        """`loss_function(outputs, targets)` with the term in it."""
        ...


class Objective(Protocol):
    """The function to minimize, around the current parameters."""

    def linearize(self) -> Linearization:
        """Loss, gradient and curvature at the current parameters."""
        ...

    def loss_at(self, step: Tensor) -> float:
        """The loss at parameters + step; the parameters are as before afterwards, also when it raises."""
        ...

    def spread(self, values: Sequence[float]) -> float | Tensor:
        """One value a parameter group, as one float where they agree, else as a [P] vector."""
        ...


class StoppingRule(Protocol):
    """When CG ends."""

    def reason(self, state: SolveState) -> str | None:
        """Why to stop now, in words; None: go on."""
        ...


class StepLength(Protocol):
    """How far CG goes along a direction p from x. All tensors but x and p are 0-dimensional, and on the device."""

    def __call__(
        self, x: Tensor, p: Tensor, descent: Tensor, curvature: Tensor, iteration: int
    ) -> tuple[Tensor, Tensor]:
        """The length, and whether something is amiss; without waiting for the device.

        `descent` is the slope of the model along p, with the sign turned, and `curvature` p'Ap. A length of 0 where
        something is amiss leaves the direction out.
        """
        ...

    def end(self, curvature: float, iteration: int) -> str | None:
        """Asked where something was amiss: why CG ends here, in words; None: it goes on."""
        ...


class LinearSolver(Protocol):
    """Solves A x = b for a symmetric positive definite A; says what it does where A is not."""

    def solve(
        self, A: LinearMap, b: Tensor, x0: Tensor | None = None, M: LinearMap | None = None
    ) -> CGSolution: ...


@runtime_checkable
class BoundedSolver(LinearSolver, Protocol):
    """Keeps the solution within a radius, which follows the trust in the model from step to step."""

    @property
    def radius(self) -> float: ...

    def within(self, radius: float) -> "BoundedSolver":
        """The same with another radius."""
        ...

    def radius_after(self, solution: CGSolution, agreement: Agreement) -> float:
        """The radius of the next step."""
        ...


class PreconditionerAt(Protocol):
    """Makes the preconditioner of a step."""

    def __call__(
        self, here: Linearization, damping: float | Tensor, memory: Mapping[str, Tensor] | None
    ) -> Preconditioning:
        """Approximate the inverse of `here.curvature` + `damping`, a float or a [P] vector.

        `memory` is what the last call answered, perhaps in another process; None: there was none, or it was of other
        parameters. A call that needs random numbers draws them from a generator of its own, so that it repeats.
        """
        ...


class Calibration(Protocol):
    """Finds the damping of the first step."""

    def dampings(
        self, here: Linearization, given: Sequence[float], members: Sequence[Tensor]
    ) -> tuple[tuple[float, ...], int]:
        """A damping for each parameter group, and how many curvature products that took.

        `given` are those that the groups were given; `members` [P] are true for a group's own parameters.
        """
        ...


class DampingPolicy(Protocol):
    """Sets the damping of the next step."""

    def asks(self, step: int) -> Promise | None:
        """What to hold the model to in step number `step`, counted from 0; None: not worth a loss evaluation."""
        ...

    def update(self, damping: float, agreement: Agreement) -> float: ...


class CandidateSelector(Protocol):
    """Chooses among the kept CG iterates."""

    def choose(self, loss_of: Callable[[int], float], kept: Sequence[int]) -> int:
        """The iteration to step to; `loss_of(iteration)` costs an evaluation, the last of `kept` is the solution."""
        ...


class WarmStart(Protocol):
    """The share of a CG solution that the next solve starts from, after step number `step`, counted from 0."""

    def __call__(self, step: int, /) -> float: ...


class StepSearch(Protocol):
    """Chooses how far to go along the step."""

    def search(
        self, loss_along: Callable[[float], float], loss_at_zero: float, slope: float, initial_scale: float
    ) -> SearchResult:
        """`loss_along(scale)` costs a loss evaluation; `slope` is its derivative at 0."""
        ...


class Acceptance(Protocol):
    """Decides whether the step that the search chose is taken."""

    def objection(self, loss: float, loss_after: float) -> str | None:
        """Why not to go from `loss` to `loss_after`, in words that hold for either sign; None: go."""
        ...

    def after_rejection(self, before: Memory, after: Memory) -> Memory:
        """What the next step starts with when this one was not taken.

        `before` is what this step started with, `after` what the next one would start with otherwise.
        """
        ...


class Parts(Protocol):
    """What `hessian_free_step` composes; `hessianfree.method.Method` is the class with the defaults."""

    @property
    def solver(self) -> LinearSolver: ...
    @property
    def preconditioner(self) -> PreconditionerAt | None: ...
    @property
    def calibration(self) -> Calibration | None: ...
    @property
    def damping(self) -> DampingPolicy: ...
    @property
    def selector(self) -> CandidateSelector: ...
    @property
    def search(self) -> StepSearch: ...
    @property
    def acceptance(self) -> Acceptance: ...
    @property
    def warm_start(self) -> float | WarmStart: ...
