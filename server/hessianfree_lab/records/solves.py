"""The inner solves of many steps, as far as figures over steps need them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Solve:
    """One step's; lists over iterations start with iteration 0, Ritz values ascend. Floats, NaN and infinities too."""

    step: int
    residual_norms: list[float]
    ritz_values: list[float]
    preconditioned: bool


@dataclass(frozen=True, kw_only=True)
class SolveSample:
    """Some of a run's, in order of step: of every stretch of `every` steps, from step 1 on, the first one recorded."""

    every: int = 1
    solves: tuple[Solve, ...] = ()
