"""How much of a CG solution the next solve starts from."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MomentumSchedule:
    """The share grows from step to step as a momentum does: 1 - 1 / (2 (step // period + 1)), at most `most`.

    With few CG iterations and no line search the decayed solution is carried on as a velocity is, and the share is its
    momentum [Sutskever et al. 2013, 3 and appendix]: small at first, when the way changes, then near 1.
    """

    most: float = 0.99
    period: int = 250

    def __post_init__(self) -> None:
        if not 0 <= self.most <= 1:
            raise ValueError(f"most must be from 0 to 1; got {self.most}")
        if self.period < 1:
            raise ValueError(f"period must be at least 1; got {self.period}")

    def __call__(self, step: int) -> float:
        """The share after step number `step`, counted from 0."""
        return min(self.most, 1 - 0.5 / (step // self.period + 1))
